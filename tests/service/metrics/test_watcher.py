"""The watcher exports what the store says of drift and batches."""

import math
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from service.metrics import TABLE, WatcherMetrics
from tests.support import bundles
from tests.support.samples import series, value


@pytest.fixture
def registry() -> CollectorRegistry:
    """Return a registry of the test's own."""
    return CollectorRegistry()


STATUS: dict[str, Any] = {
    "state": "drift",
    "statistic": 30.5,
    "threshold": 20.0,
    "window_items": 400,
    "alarm": {"since_time": 1_700_000_000.0},
    "categories": [
        {"name": "billing", "reference": 0.25, "current": 0.5, "evidence": 30.5, "detectable_items": 80},
        {
            "name": "no_class_passes",
            "reference": None,
            "current": 0.5,
            "evidence": 0.0,
            "detectable_items": None,
        },
    ],
    "streams": [{"name": "classes", "statistic": 30.5}, {"name": "scores", "statistic": 2.5}],
    "shadow": {"of": "tiny@1", "state": "calm"},
}
MEANING: dict[str, Any] = {
    "gate": {"passed": True},
    "classes": [{"class": "billing", "estimate": 0.5, "low": 0.25, "high": 0.75}],
    "expected": [{"class": "billing", "precision": {"estimate": 0.875, "low": 0.75, "high": 1.0}}],
}


def test_the_watcher_exports_what_the_store_says(registry: CollectorRegistry) -> None:
    """One state is 1, every category has its series, unknown ones are 0."""
    metrics = WatcherMetrics(registry)
    metrics.show_process()
    metrics.show_drift(STATUS, classes=bundles.NAMED)
    metrics.show_batches(by_state={"open": 7, "leased": 3}, oldest_age_seconds=60.0)
    metrics.show_meaning(MEANING, classes=bundles.NAMED)
    metrics.show_alarm(acknowledged=True)
    metrics.show_totals(alarms=2, false_alarms=1, batches={"alarm": 1})
    assert series(registry) == {f"seamark_{spec.name}" for spec in TABLE if "watcher" in spec.owner}
    states = {
        state: value(registry, "drift_state", state=state) for state in ("warming", "calm", "drift", "blind")
    }
    assert states == {"warming": 0, "calm": 0, "drift": 1, "blind": 0}
    assert value(registry, "class_share_ratio", **{"class": "billing", "kind": "current"}) == 0.5
    assert value(registry, "class_share_ratio", **{"class": "login", "kind": "reference"}) == 0
    assert value(registry, "detectable_items", **{"class": "billing"}) == 80
    assert value(registry, "detectable_items", **{"class": "no_class_passes"}) == float("inf")
    assert value(registry, "drift_since_timestamp_seconds") == 1_700_000_000
    assert value(registry, "drift_stream_evidence", stream="scores") == 2.5
    assert value(registry, "drift_shadow_state", state="calm") == 1
    assert value(registry, "alarm_acknowledged") == 1
    assert value(registry, "alarms_false_total") == 1
    assert value(registry, "batch_items", state="open") == 7
    assert value(registry, "batch_items", state="leased") == 3
    assert value(registry, "batch_items", state="skipped") == 0
    assert value(registry, "batches_total", reason="by_hand") == 0


def test_what_is_gone_leaves_no_figure_behind(registry: CollectorRegistry) -> None:
    """A version without a shadow and with other streams and classes: no series keeps what was said before."""
    metrics = WatcherMetrics(registry)
    metrics.show_drift(STATUS, classes=bundles.NAMED)
    metrics.show_meaning(MEANING, classes=bundles.NAMED)
    metrics.show_drift({**STATUS, "streams": STATUS["streams"][:1], "shadow": None}, classes=("spam",))
    metrics.show_meaning(MEANING, classes=("spam",))
    assert value(registry, "drift_stream_evidence", stream="scores") == 0
    assert value(registry, "drift_shadow_state", state="calm") == 0
    assert math.isnan(value(registry, "prior_estimate_ratio", **{"class": "login", "bound": "low"}))
    assert math.isnan(value(registry, "prior_estimate_ratio", **{"class": "spam", "bound": "low"}))


@pytest.mark.parametrize("meaning", [None, {**MEANING, "gate": {"passed": False}, "expected": None}])
def test_what_cannot_be_trusted_is_not_a_number(
    registry: CollectorRegistry, meaning: dict[str, Any] | None
) -> None:
    """Estimates go when the mix alone no longer explains the traffic: the last value would mislead."""
    metrics = WatcherMetrics(registry)
    of_billing = {"class": "billing"}
    metrics.show_meaning(MEANING, classes=bundles.NAMED)
    assert value(registry, "prior_estimate_ratio", **of_billing, bound="high") == 0.75
    assert value(registry, "expected_precision_ratio", **of_billing) == 0.875
    metrics.show_meaning(meaning, classes=bundles.NAMED)
    assert math.isnan(value(registry, "prior_estimate_ratio", **of_billing, bound="estimate"))
    assert math.isnan(value(registry, "expected_precision_ratio", **of_billing))


def test_totals_follow_the_store_and_never_fall(registry: CollectorRegistry) -> None:
    """A total that is exported again adds nothing; a store that was reset does not make it fall."""
    metrics = WatcherMetrics(registry)
    for alarms in (2, 2, 3, 0, 1):
        metrics.show_totals(alarms=alarms, false_alarms=0, batches={})
    assert value(registry, "alarms_total") == 3


def test_a_restart_is_no_alarm(registry: CollectorRegistry) -> None:
    """The totals are absent until the store was read: from 0 to 7 would be seven alarms to `increase`."""
    metrics = WatcherMetrics(registry)
    metrics.count_failure("close")
    assert not series(registry) & {"seamark_alarms", "seamark_alarms_false", "seamark_batches"}
    metrics.show_totals(alarms=7, false_alarms=2, batches={"alarm": 5})
    assert value(registry, "alarms_total") == 7
    assert value(registry, "batches_total", reason="alarm") == 5
    assert value(registry, "batches_total", reason="by_hand") == 0
