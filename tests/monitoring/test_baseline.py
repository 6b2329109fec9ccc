"""The baseline: when it freezes, what it refuses, and the report about validation data."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.baseline import Baseline, BaselineCollector, freezable, validation_mismatch
from monitoring.errors import BaselineRefused

CATEGORIES = ("common", "rare", "no_class_passes")


def collected(*, items: int, seconds: float, buckets: int = 10) -> BaselineCollector:
    """Return a collector of 1,000 items and 600 s that took in `items` over `seconds`."""
    collector = BaselineCollector(2, items=1_000, seconds=600.0)
    for number in range(buckets):
        start = seconds * number / buckets
        collector.add([items // buckets, 0], start=start, end=seconds * (number + 1) / buckets)
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
    collector = BaselineCollector(2, items=0, seconds=0.0)
    collector.add([0, 0], start=0.0, end=10.0)
    assert collector.baseline is None
    assert not collector.complete


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.floats(-1e6, 1e6)), min_size=1))
def test_a_collected_baseline_is_the_sum_and_the_span_in_any_order(buckets: list[tuple[int, int, float]]):
    """Counts add up exactly, and time may run backwards."""
    collector = BaselineCollector(2, items=1, seconds=1.0)
    for a, b, start in buckets:
        collector.add([a, b], start=start, end=start + 10.0)
    kept = [(a, b, start) for a, b, start in buckets if a + b]
    baseline = collector.baseline
    if baseline is None:
        assert not kept
        return
    assert baseline.counts.tolist() == [sum(a for a, _, _ in kept), sum(b for _, b, _ in kept)]
    assert (baseline.items, baseline.buckets) == (int(baseline.counts.sum()), len(kept))
    assert (baseline.start, baseline.end) == (min(s for *_, s in kept), max(s for *_, s in kept) + 10.0)


def test_a_frozen_baseline_says_who_froze_it_when_and_why_and_survives_json():
    """The record of the decision is part of the baseline."""
    provisional = collected(items=1_000, seconds=600.0).baseline
    assert provisional is not None
    frozen = provisional.frozen(at=700.0, by="ana", why="usual week")
    restored = Baseline.from_json(json.loads(json.dumps(frozen.to_json())))
    assert restored.to_json() == frozen.to_json()
    assert (restored.kind, restored.frozen_at, restored.by) == ("frozen", 700.0, "ana")
    assert provisional.kind == "provisional"


def test_a_restored_collector_goes_on_where_it_was():
    """A watcher that was killed while collecting loses nothing."""
    one = collected(items=800, seconds=500.0)
    other = BaselineCollector(2, items=1_000, seconds=600.0)
    assert one.baseline is not None
    other.restore(Baseline.from_json(one.baseline.to_json()))
    for collector in (one, other):
        collector.add([200, 5], start=590.0, end=600.0)
    assert one.complete
    assert other.complete
    assert one.baseline is not None
    assert other.baseline is not None
    assert one.baseline.to_json() == other.baseline.to_json()


def test_a_small_baseline_needs_force_and_an_empty_one_is_refused_even_so():
    """The error says how many items there are and how many are needed."""
    small = collected(items=400, seconds=60.0).baseline
    with pytest.raises(BaselineRefused, match="400 items and needs at least 500"):
        freezable(small, force=False)
    assert freezable(small, force=True) is small
    with pytest.raises(BaselineRefused, match="0 items and needs at least 1"):
        freezable(None, force=True)


def test_a_mismatch_with_validation_is_said_in_plain_words():
    """A class that validation data are enriched for is named first, with both shares."""
    report = validation_mismatch(CATEGORIES, np.array([9_400, 300, 300]), np.array([700, 270, 30]))
    assert str(report[0]) == (
        "rare is less frequent in live traffic (3.00%) than in the validation data (27.00%)"
    )
    assert str(report[1]).startswith("common is more frequent")
    assert [mismatch.category for mismatch in report] == ["rare", "common"]


def test_equal_mixes_are_no_mismatch_in_99_of_100_comparisons():
    """Of 400 comparisons of equal mixes at most 8 name anything (1 % expected)."""
    rng = np.random.default_rng(4)
    shares = [0.8, 0.15, 0.05]
    named = sum(
        bool(validation_mismatch(CATEGORIES, rng.multinomial(5_000, shares), rng.multinomial(1_000, shares)))
        for _ in range(400)
    )
    assert named <= 8


def test_a_mismatch_within_the_tolerance_is_not_reported():
    """Differences that would be no drift are no news here either."""
    live, validation = np.array([956_000, 44_000]), np.array([96_000, 4_000])
    assert validation_mismatch(("a", "b"), live, validation)
    assert not validation_mismatch(("a", "b"), live, validation, tolerance=0.15)


def test_without_items_there_is_nothing_to_compare():
    """No live items, no report."""
    assert validation_mismatch(CATEGORIES, np.zeros(3, dtype=np.int64), np.array([1, 2, 3])) == ()
