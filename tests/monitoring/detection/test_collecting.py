"""How a baseline is collected: when it is complete, and what it says about the variance of traffic."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.detection.baseline import Baseline
from monitoring.detection.collecting import BaselineCollector, measured
from monitoring.detection.series import Series
from monitoring.scanning.streams import Layout, class_stream
from tests.monitoring.traffic_kinds import swinging

LAYOUT = Layout((class_stream(("a", "b")),))


def collected(*, items: int, seconds: float, buckets: int = 10) -> BaselineCollector:
    """Return a collector of 1,000 items and 600 s that took in `items` over `seconds`."""
    collector = BaselineCollector(LAYOUT, items=1_000, seconds=600.0)
    for number in range(buckets):
        start = seconds * number / buckets
        collector.add(np.array([items // buckets, 0]), start=start, end=seconds * (number + 1) / buckets)
    return collector


@pytest.mark.parametrize(
    ("items", "seconds", "complete"),
    [
        pytest.param(2_000, 60.0, False, id="many items, one busy minute"),
        pytest.param(500, 6_000.0, False, id="a long time, few items"),
        pytest.param(1_000, 600.0, True, id="both, exactly"),
    ],
)
def test_it_is_complete_when_items_and_time_are_both_reached(items: int, seconds: float, complete: bool):
    """One busy hour is not a day, and a quiet day is not enough items."""
    assert collected(items=items, seconds=seconds).complete is complete


def test_nothing_collected_is_no_baseline():
    """Before the first item there is nothing to compare with, and empty buckets do not start the time."""
    collector = BaselineCollector(LAYOUT, items=0, seconds=0.0)
    collector.add(np.array([0, 0]), start=0.0, end=10.0)
    assert collector.baseline is None
    assert not collector.complete


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.floats(-1e6, 1e6)), min_size=1))
def test_a_collected_baseline_is_the_sum_and_the_span_in_any_order(buckets: list[tuple[int, int, float]]):
    """Counts add up exactly, and time may run backwards."""
    collector = BaselineCollector(LAYOUT, items=1, seconds=1.0)
    for a, b, start in buckets:
        collector.add(np.array([a, b]), start=start, end=start + 10.0)
    kept = [(a, b, start) for a, b, start in buckets if a + b]
    baseline = collector.baseline
    if baseline is None:
        assert not kept
        return
    assert baseline.counts.tolist() == [sum(a for a, _, _ in kept), sum(b for _, b, _ in kept)]
    assert (baseline.items, baseline.buckets) == (int(baseline.counts.sum()), len(kept))
    assert (baseline.start, baseline.end) == (min(s for *_, s in kept), max(s for *_, s in kept) + 10.0)


def test_a_restored_collector_goes_on_where_it_was():
    """A watcher that was killed while collecting loses nothing."""
    one = collected(items=800, seconds=500.0)
    other = BaselineCollector(LAYOUT, items=1_000, seconds=600.0)
    assert one.baseline is not None
    other.restore(Baseline.from_json(one.baseline.to_json()), Series.from_json(one.series.to_json()))
    for collector in (one, other):
        collector.add(np.array([200, 5]), start=590.0, end=600.0)
    assert one.complete
    assert other.complete
    assert one.baseline is not None
    assert other.baseline is not None
    assert one.baseline.to_json() == other.baseline.to_json()
    assert one.series.to_json() == other.series.to_json()


def measured_of(
    counts: np.ndarray, *, season_seconds: float | None = None, bucket_seconds: float = 10.0
) -> Baseline:
    """Return what was measured of buckets of ten seconds, or as long as given."""
    collector = BaselineCollector(LAYOUT, items=1, seconds=0.0)
    for number, row in enumerate(counts):
        collector.add(row, start=bucket_seconds * number, end=bucket_seconds * (number + 1))
    assert collector.baseline is not None
    return measured(
        collector.baseline,
        collector.series,
        LAYOUT,
        season_seconds=season_seconds,
        bucket_seconds=bucket_seconds,
    )


def test_independent_traffic_and_repeats_are_told_apart():
    """Items that come four times each vary more than independent ones do, and the baseline knows."""
    rng = np.random.default_rng(5)
    independent = rng.multinomial(50, [0.9, 0.1], size=2_000)
    repeats = 4 * rng.multinomial(12, [0.9, 0.1], size=2_000)
    once, often = measured_of(independent), measured_of(repeats)
    assert once.dispersion is not None
    assert often.dispersion is not None
    assert once.dispersion.independent
    assert not often.dispersion.independent
    assert often.summary(LAYOUT)["dispersed"]


def test_a_season_is_found_where_one_is_declared():
    """Ten periods of a swing of half the share; without a declaration nobody looks for one."""
    period = 200
    swing = 0.1 * (1.0 + 0.5 * np.sin(2 * np.pi * np.arange(2_000) / period))
    counts = np.random.default_rng(6).binomial(200, swing)
    rows = np.stack([200 - counts, counts], axis=1)
    seasonal = measured_of(rows, season_seconds=10.0 * period)
    assert seasonal.season is not None
    assert seasonal.waves is not None
    assert seasonal.waves.shape == (4,)
    restored = Baseline.from_json(json.loads(json.dumps(seasonal.to_json())))
    assert restored.to_json() == seasonal.to_json()
    assert measured_of(rows).season is None


@pytest.mark.parametrize(("days", "said"), [(1, True), (7, True), (15, False)])
def test_a_slow_swing_counts_where_a_cycle_may_be_as_slow(days: int, said: bool):
    """A day's in a baseline of a day, a week's in one of a week; one of a fortnight has both twice."""
    rows = swinging(1_440, 50, np.random.default_rng(7), share=0.04, swing=0.2)
    found = measured_of(rows, bucket_seconds=60.0 * days)
    assert found.dispersion is not None
    assert found.dispersion.swinging == said
    if said:
        assert found.dispersion.growing or "swung slowly" in found.reading
