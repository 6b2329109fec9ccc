"""Counts become series, all of them from the start."""

from collections import Counter

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Histogram

from model_store.model import Model
from model_store.store import ModelStore
from monitoring.recorder import SCORE_BINS, Sealed
from service.metrics import (
    TABLE,
    WatcherMetrics,
    WorkerMetrics,
    add_to_histogram,
    forget_dead_processes,
    resident_memory_bytes,
)
from service.tally import Tally
from tests.support import bundles
from tests.support.desk import Desk, current_of


@pytest.fixture
def registry() -> CollectorRegistry:
    """Return a registry of the test's own."""
    return CollectorRegistry()


@pytest.fixture
def worker_metrics(registry: CollectorRegistry) -> WorkerMetrics:
    """Return a worker's metrics in `registry`."""
    return WorkerMetrics(registry)


def value(registry: CollectorRegistry, metric: str, /, **labels: str) -> float:
    """Return a sample; it must be there."""
    sample = registry.get_sample_value(f"seamark_{metric}", labels)
    assert sample is not None, metric
    return sample


def series(registry: CollectorRegistry) -> set[str]:
    """Return the names of the exported families."""
    return {metric.name for metric in registry.collect() if metric.samples}


def sealed(counts: list[list[int]], *, best: float) -> Sealed:
    """Return decisions whose top probabilities all fall into one bin."""
    table = np.array(counts, np.int64)
    score_bins = np.zeros((len(counts), SCORE_BINS), np.int64)
    score_bins[:, int(best * SCORE_BINS)] = table.sum(axis=1)
    return Sealed(
        model_key="tiny@1",
        classes=bundles.NAMED,
        epoch=0,
        counts=table,
        answers=table,
        score_bins=score_bins,
        source_counts={},
        first_at=None,
        last_at=None,
        sealed_at=0.0,
    )


def test_the_table_follows_the_conventions() -> None:
    """Names are unique, in base units, and no label could hold an item."""
    assert len({spec.name for spec in TABLE}) == len(TABLE)
    assert {label for spec in TABLE for label in spec.labels} == {
        "outcome", "class", "decision", "name", "version", "calibration", "policy", "status", "stage",
        "process", "kind", "state", "reason",
    }  # fmt: skip
    assert all(spec.says.endswith(".") for spec in TABLE)


def test_a_worker_exports_every_series_before_the_first_request(
    registry: CollectorRegistry, worker_metrics: WorkerMetrics, tiny_model: Model
) -> None:
    """A rate over a counter that is not there yet would miss its first increase."""
    worker_metrics.show_model(current_of(tiny_model))
    worker_metrics.show_process(lane_active=True)
    worker_metrics.show_lags(watcher_seconds=1.0, flush_seconds=2.0)
    worker_metrics.count(Tally())
    mine = {f"seamark_{spec.name}" for spec in TABLE if "worker" in spec.owner}
    assert series(registry) == mine
    assert value(registry, "requests_total", outcome="unauthorized") == 0
    assert value(registry, "predictions_total", **{"class": "login", "decision": "ambiguous"}) == 0
    assert value(registry, "monitoring_failures_total", stage="wave") == 0
    assert value(registry, "lane_active") == 1


def test_a_drained_tally_is_added(registry: CollectorRegistry, worker_metrics: WorkerMetrics) -> None:
    """Two drains add up; requests in flight are what they are now."""
    for in_flight in (3, 1):
        tally = Tally(items=4, in_flight=in_flight, queued=in_flight - 1)
        tally.outcomes["ok"] = 2
        tally.failures["flush"] = 1
        tally.requests.add(0.002)
        worker_metrics.count(tally)
    assert value(registry, "items_total") == 8
    assert value(registry, "requests_total", outcome="ok") == 4
    assert value(registry, "monitoring_failures_total", stage="flush") == 2
    assert value(registry, "in_flight_requests") == 1
    assert value(registry, "queue_items") == 0
    assert value(registry, "request_duration_seconds_count") == 2
    assert value(registry, "request_duration_seconds_sum") == pytest.approx(0.004)
    assert value(registry, "request_duration_seconds_bucket", le="0.001") == 0
    assert value(registry, "request_duration_seconds_bucket", le="0.0025") == 2


def test_decisions_are_counted_by_class_and_probability(
    registry: CollectorRegistry, worker_metrics: WorkerMetrics
) -> None:
    """Counts go to their class and decision, probabilities to the bucket that holds their bin."""
    worker_metrics.count_decisions(sealed([[2, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]], best=0.62))
    assert value(registry, "predictions_total", **{"class": "billing", "decision": "accepted"}) == 2
    assert value(registry, "predictions_total", **{"class": "billing", "decision": "no_class_passes"}) == 1
    assert value(registry, "predictions_total", **{"class": "login", "decision": "ambiguous"}) == 1
    assert value(registry, "predictions_total", **{"class": "delivery", "decision": "abstained"}) == 1
    assert value(registry, "probability_ratio_bucket", **{"class": "billing", "le": "0.6"}) == 0
    assert value(registry, "probability_ratio_bucket", **{"class": "billing", "le": "0.7"}) == 3
    assert value(registry, "probability_ratio_sum", **{"class": "billing"}) == pytest.approx(3 * 0.625)


@pytest.mark.parametrize("kind", ["text", "multilabel"])
def test_exported_predictions_are_the_labels_of_the_replies(
    registry: CollectorRegistry, worker_metrics: WorkerMetrics, model_store: ModelStore, kind: bundles.Kind
) -> None:
    """Every label counts, with the item's decision; an item without one counts once, for its top class."""
    desk = Desk(current_of(bundles.tiny_model(model_store, kind=kind)))
    names = ["billing", "login", "billing login", "delivery login billing", bundles.UNKNOWN_TEXT]
    status, reply = desk.ask({"items": [{"text": name} for name in names * 3]})
    assert status == 200
    expected: Counter[tuple[str, str]] = Counter()
    for each in reply["predictions"]:
        labels = each["labels"] if kind == "multilabel" else [each["label"]] if each["label"] else []
        decision = "no_class_passes" if not labels else each["review"] or "accepted"
        expected.update((name, decision) for name in labels or [each["top"]["class"]])
    sealed = desk.sealed()
    worker_metrics.count_decisions(sealed)
    found = {
        (sample.labels["class"], sample.labels["decision"]): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "seamark_predictions_total"
    }
    assert found == expected
    assert sealed.items == len(names) * 3


def test_a_replaced_version_goes_to_zero(
    registry: CollectorRegistry, worker_metrics: WorkerMetrics, model_store: ModelStore
) -> None:
    """Exactly one version is 1, and no threshold of a class that is gone stays."""
    old, new = (current_of(bundles.tiny_model(model_store, k=k)) for k in (5, 3))
    for current in (old, new):
        worker_metrics.show_model(current)
    assert [
        value(
            registry,
            "model_info",
            name="tiny",
            version=current.name.version,
            **{name: digest[:12] for name, digest in current.model.bundle.digests.items()},
        )
        for current in (old, new)
    ] == [0, 1]
    threshold = float(np.float32(0.4))
    assert value(registry, "threshold_ratio", **{"class": "login", "status": "empirical"}) == threshold
    assert value(registry, "threshold_ratio", **{"class": "login", "status": "certified"}) == 0
    assert value(registry, "threshold_ratio", **{"class": "topic4", "status": "empirical"}) == 0


def test_many_observations_at_once_equal_one_by_one() -> None:
    """The two private names of prometheus_client still mean what `add_to_histogram` takes them for."""
    registry = CollectorRegistry()
    one, many = (Histogram(name, "", buckets=(1, 2), registry=registry) for name in ("one", "many"))
    for observed in (0.5, 1.0, 1.5, 3.0, 3.0):
        one.observe(observed)
    add_to_histogram(many, [2, 1, 2], 9.0)
    for suffix, labels in (("count", {}), ("sum", {}), ("bucket", {"le": "1.0"}), ("bucket", {"le": "+Inf"})):
        assert registry.get_sample_value(f"one_{suffix}", labels) == registry.get_sample_value(
            f"many_{suffix}", labels
        ), "prometheus_client stores histograms in another way now; adapt service.metrics.add_to_histogram"


STATUS = {
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
}


def test_the_watcher_exports_what_the_store_says(registry: CollectorRegistry) -> None:
    """One state is 1, every category has its series, unknown ones are 0."""
    metrics = WatcherMetrics(registry)
    metrics.show_process()
    metrics.show_drift(STATUS, classes=bundles.NAMED)
    metrics.show_batches(by_state={"open": 7}, oldest_age_seconds=60.0)
    metrics.show_totals(alarms=2, batches={"alarm": 1})
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
    assert value(registry, "batch_items", state="open") == 7
    assert value(registry, "batches_total", reason="by_hand") == 0


def test_totals_follow_the_store_and_never_fall(registry: CollectorRegistry) -> None:
    """A total that is exported again adds nothing; a store that was reset does not make it fall."""
    metrics = WatcherMetrics(registry)
    for alarms in (2, 2, 3, 0, 1):
        metrics.show_totals(alarms=alarms, batches={})
    assert value(registry, "alarms_total") == 3


def test_a_restart_is_no_alarm(registry: CollectorRegistry) -> None:
    """The totals are absent until the store was read: from 0 to 7 would be seven alarms to `increase`."""
    metrics = WatcherMetrics(registry)
    metrics.count_failure("close")
    assert not series(registry) & {"seamark_alarms", "seamark_batches"}
    metrics.show_totals(alarms=7, batches={"alarm": 5})
    assert value(registry, "alarms_total") == 7
    assert value(registry, "batches_total", reason="alarm") == 5
    assert value(registry, "batches_total", reason="by_hand") == 0


def test_the_queue_is_summed_over_the_living_workers() -> None:
    """A worker that is gone has no queue, and one worker's queue does not hide another's."""
    assert {spec.mode for spec in TABLE if spec.name in ("queue_items", "in_flight_requests")} == {"livesum"}


def test_live_gauges_of_dead_processes_are_forgotten(tmp_path_factory: pytest.TempPathFactory) -> None:
    """After a SIGKILL nobody marks a process dead; the next worker does."""
    directory = tmp_path_factory.mktemp("prometheus")
    no_such_pid = 2**22 + 1  # above the largest pid Linux gives
    for pid in (no_such_pid, 1):
        (directory / f"gauge_livesum_{pid}.db").touch()
    (directory / f"counter_{no_such_pid}.db").touch()
    forget_dead_processes(directory)
    assert {path.name for path in directory.iterdir()} == {"gauge_livesum_1.db", f"counter_{no_such_pid}.db"}


def test_resident_memory_is_plausible() -> None:
    """A Python process with numpy takes between 10 MB and 10 GB."""
    assert 10e6 < resident_memory_bytes() < 10e9
