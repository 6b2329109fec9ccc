"""Counts in buckets whose length fits the log."""

import numpy as np
import pytest

from monitoring.backtest.series import BUCKET_ITEMS, MOST_BUCKETS, Cells, Series
from monitoring.backtest.tally import LADDER, Tally

DAY = 86_400_000
NOW = 1_714_521_600_000  # midnight


def series(moments: np.ndarray) -> Series:
    """Return a series of one label on the finest grid that can be kept."""
    tally = Tally()
    tally.add(moments, np.zeros(len(moments), dtype=np.int64))
    return Series(("a", "b"), tally.milliseconds, Cells(*tally.cells(), 2), None)


@pytest.mark.parametrize("rows", [1_000, 20_000, 1_000_000])
@pytest.mark.parametrize("days", [0.01, 7, 365])
def test_buckets_hold_twenty_rows_and_are_not_too_many(rows: int, days: float):
    """Of the lengths that do, the shortest is taken."""
    moments = NOW + np.random.default_rng(0).integers(0, int(days * DAY), rows)
    found = series(moments).in_buckets()
    mean = rows / len(found.ticks)
    assert found.milliseconds in LADDER
    assert len(found.ticks) <= MOST_BUCKETS
    assert mean >= BUCKET_ITEMS
    assert mean <= 6 * max(BUCKET_ITEMS, rows / MOST_BUCKETS)


def test_a_log_written_once_a_day_has_days_for_buckets():
    """Shorter buckets would make the search longer without one more of them."""
    moments = NOW + np.repeat(np.arange(60) * DAY, 100)
    found = series(moments).in_buckets()
    assert found.milliseconds == DAY
    assert found.rows == 6_000


def test_a_log_of_one_moment_is_one_bucket():
    """It cannot be scanned, and that is not said here."""
    assert len(series(np.full(100, NOW)).in_buckets().ticks) == 1


def test_a_bucket_has_the_rows_of_its_stretch():
    """Classes and bins of the score, and its beginning and end in seconds."""
    classes = Cells(np.array([3, 3, 4]), np.array([0, 2, 1]), np.array([5, 6, 7]), 3)
    scores = Cells(np.array([3]), np.array([1]), np.array([2]), 2)
    bucket = Series(("a", "b", "c"), 2_000, classes, scores).bucket(3)
    assert (bucket.start, bucket.end) == (6.0, 8.0)
    assert {name: np.asarray(row).tolist() for name, row in dict(bucket.counts).items()} == {  # type: ignore[call-overload]
        "classes": [5, 0, 6],
        "scores": [0, 2],
    }
