"""A real service for the tests that need one: two workers, a watcher, a state of its own."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from model_store import ModelStore
from model_store.data.rows import read_rows
from model_store.training.fit import fit
from service.cli.tickets import generate, write_csv
from tests.support.running import RunningService, launch


@pytest.fixture(scope="session")
def ticket_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with two fitted versions of one bundle; version 1 is in force."""
    root = tmp_path_factory.mktemp("tickets")
    models = root / "models"
    store = ModelStore(models)
    for seed in (1, 2):
        path = root / f"tickets-{seed}.csv"
        write_csv(path, generate(3_000, seed=seed, fraud_share=0.05))
        rows = read_rows(path, text="text", label="label", source="channel")
        fit(rows, name="tickets", store=store, imbalance="balanced", seed=seed, progress=lambda *_: None)
    store.promote("tickets", "1", who="tests", why="first", at=time.time())
    return models


@pytest.fixture
def start_service(ticket_models: Path, tmp_path: Path) -> Iterator[Callable[..., RunningService]]:
    """Return a function that starts a service with a store of its own, and stop what it started."""
    started: list[RunningService] = []

    def start(settings: Mapping[str, str] | None = None) -> RunningService:
        service = launch(tmp_path, ticket_models, settings or {})
        started.append(service)
        return service

    yield start
    for service in started:
        service.client.close()
        service.stop()


@pytest.fixture(scope="module")
def running_service(
    ticket_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningService]:
    """Yield one service for the tests of a module that do not disturb it."""
    service = launch(tmp_path_factory.mktemp("service"), ticket_models, {})
    yield service
    service.client.close()
    service.stop()
