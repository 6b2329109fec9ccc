"""Counts become series, all of them from the start."""

from collections import Counter

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Histogram

from model_store.model import Model
from model_store.store import ModelStore
from monitoring.recording.recorder import SCORE_BINS, Sealed
from service.metrics import TABLE, WorkerMetrics, add_to_histogram
from service.tally import Tally
from tests.support import bundles
from tests.support.desk import Desk, current_of
from tests.support.samples import series, value


@pytest.fixture
def registry() -> CollectorRegistry:
    """Return a registry of the test's own."""
    return CollectorRegistry()


@pytest.fixture
def worker_metrics(registry: CollectorRegistry) -> WorkerMetrics:
    """Return a worker's metrics in `registry`."""
    return WorkerMetrics(registry)


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


def test_a_worker_exports_every_series_before_the_first_request(
    registry: CollectorRegistry, worker_metrics: WorkerMetrics, tiny_model: Model
) -> None:
    """A rate over a counter that is not there yet would miss its first increase."""
    worker_metrics.show_model(current_of(tiny_model))
    worker_metrics.show_process(lane_active=True)
    worker_metrics.show_lags(watcher_seconds=1.0, flush_seconds=2.0)
    worker_metrics.count(Tally())
    nothing = {"slots": 0, "pending": 0}
    worker_metrics.show_candidates(held_bytes=nothing, given_up=nothing)
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
        if sample.name == "seamark_predictions_total" and sample.value
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


def test_memory_of_candidates_is_a_gauge_and_what_it_had_no_room_for_a_counter(
    registry: CollectorRegistry, worker_metrics: WorkerMetrics
) -> None:
    """What a replaced version had turned away stays counted when the new one begins at zero."""
    for turned_away in (3, 5, 0, 2):
        worker_metrics.show_candidates(
            held_bytes={"slots": 700, "pending": 50}, given_up={"slots": turned_away, "pending": 1}
        )
    assert value(registry, "candidates_bytes", place="slots") == 700
    assert value(registry, "candidates_given_up_total", place="slots") == 7
    assert value(registry, "candidates_given_up_total", place="pending") == 1
