"""Do the Prometheus rules load, fire when they should, and speak only of metrics that exist?"""

import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client import generate_latest

from tests.support import exported, promql

ROOT: Final = Path(__file__).parents[2]
HERE: Final = ROOT / "monitoring" / "prometheus"
RULES: Final = HERE / "rules" / "seamark.yml"
TESTS: Final = HERE / "tests" / "seamark_test.yml"

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (apt-get install prometheus)"
)


def rules() -> list[dict[str, Any]]:
    """Return every rule of the rule file."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


ALERTS: Final = [rule for rule in rules() if "alert" in rule]
RECORDS: Final = [rule for rule in rules() if "record" in rule]


def promtool(*arguments: str, given: bytes | None = None) -> None:
    """Run promtool and fail with what it says."""
    done = subprocess.run(["promtool", *arguments], input=given, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


@needs_promtool
def test_rules_are_accepted_by_promtool() -> None:
    """Prometheus will load the rule file."""
    promtool("check", "rules", str(RULES))


@needs_promtool
def test_the_example_configuration_is_accepted_by_promtool() -> None:
    """Prometheus will start with the example configuration, and finds the rules beside it."""
    promtool("check", "config", str(HERE / "prometheus.yml"))


@needs_promtool
def test_alerts_fire_and_stay_quiet_as_written_in_their_tests() -> None:
    """Every promtool unit test passes."""
    promtool("test", "rules", str(TESTS))


@needs_promtool
def test_metric_names_and_types_follow_the_conventions_of_prometheus() -> None:
    """The exposition of the whole metric table passes promtool's lint."""
    promtool("check", "metrics", given=generate_latest(exported.exposition_registry()))


def test_there_are_four_alerts_and_each_has_a_unit_test() -> None:
    """The names are part of the documentation; a test file mentions each of them."""
    names = {alert["alert"] for alert in ALERTS}
    assert names == {"SeamarkDrift", "SeamarkWatcherLag", "SeamarkWebhook", "SeamarkErrors"}
    assert all(f"alertname: {name}\n" in TESTS.read_text() for name in names)


@pytest.mark.parametrize(
    "alert", ALERTS, ids=lambda alert: "-".join([alert["alert"], *alert["labels"].values()])
)
def test_every_alert_says_what_how_much_and_what_to_do(alert: dict[str, Any]) -> None:
    """Summary, a description with a value, and a runbook that exists and names the alert."""
    notes = alert["annotations"]
    assert "{{ $labels.job }}" in notes["summary"]
    assert "value" in notes["description"].lower()
    runbook = ROOT / notes["runbook_url"]
    assert runbook.parent == ROOT / "docs" / "runbooks"
    assert alert["alert"] in runbook.read_text()


def test_drift_never_pages() -> None:
    """A moved mix is a ticket: predictions flow, and the remedy takes labels."""
    assert {a["labels"]["severity"] for a in ALERTS if a["alert"] == "SeamarkDrift"} == {"ticket"}


@pytest.mark.parametrize(
    "rule",
    [pytest.param(rule, id=f"{n}-{rule.get('alert') or rule['record']}") for n, rule in enumerate(rules())],
)
def test_rules_speak_only_of_metrics_that_exist(rule: dict[str, Any]) -> None:
    """Every selector is an exported series with its labels and values, or a recorded one."""
    recorded = {record["record"] for record in RECORDS}
    selectors = [s for s in promql.selected(rule["expr"]) if s.metric not in recorded]
    assert [fault for selector in selectors for fault in exported.faults(selector)] == []


def test_every_recorded_series_is_needed_by_an_alert() -> None:
    """A recording rule that nothing reads only costs memory."""
    read = {selector.metric for alert in ALERTS for selector in promql.selected(alert["expr"])}
    assert {record["record"] for record in RECORDS} == read


def test_recorded_names_follow_level_metric_operations() -> None:
    """`level:metric:operations`, and the level is what the rule aggregates by."""
    for record in RECORDS:
        level, metric, operations = record["record"].split(":")
        assert level == "job"
        assert metric.startswith("seamark_")
        assert operations
