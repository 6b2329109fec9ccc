# The interface of this repository: `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LABELING := .venv-labeling
GROUPS := --extra train --extra parquet --group test --group lint --group bench --group ops --group build
LOCK := uv pip compile --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links -q

.DEFAULT_GOAL := help
.PHONY: help setup labeling-env run demo test test-slow check format bench lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $(STAMP)

setup: $(STAMP) ## make .venv with everything from the hashed lock

$(LABELING)/.installed: requirements-labeling.txt
	$(PYTHON) -m venv $(LABELING)
	$(LABELING)/bin/python -m pip install --quiet --require-hashes -r requirements-labeling.txt
	touch $@

labeling-env: $(LABELING)/.installed ## make .venv-labeling with Label Studio and Argilla, for the slow tests that use them

run: setup ## serve the current bundle of var/models on http://127.0.0.1:3000
	$(BIN)/seamark serve

demo: setup ## the whole loop on synthetic tickets: fit, serve, drift, alarm, batch, labels
	$(BIN)/seamark demo

test: setup ## unit, property and in-process tests
	$(BIN)/pytest -m "not slow"

test-slow: setup ## real processes, a real Prometheus, kills, simulated error rates
	$(BIN)/pytest -m slow

check: setup ## lint, format, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## rewrite the code in the house format
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

bench: setup ## every benchmark, each with the machine it ran on (hours; needs wrk)
	for name in serving drift_delay drift_false_alarms drift_cost drift_price wave_cost recall_claim thresholds threshold_sequences imbalance estimates interval_rivals interval_controls waves; do $(BIN)/python -m benchmarks.$$name || exit 1; done

lock: ## resolve the three hashed requirement files again (needs uv)
	$(LOCK) $(GROUPS) pyproject.toml -o requirements-dev.txt
	$(LOCK) -c requirements-dev.txt pyproject.toml -o requirements.txt
	$(LOCK) --group labeling -o requirements-labeling.txt

clean: ## remove what was made here, the demo's and the service's data (var/) included
	rm -rf $(VENV) $(LABELING) var build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
