"""The baseline's series: exact sums in the order of time, bounded however long it gets."""

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.detection.series import MAX_FILLED, Series


def filled(rows: list[list[int]]) -> Series:
    """Return a series of buckets of ten seconds."""
    series = Series(len(rows[0]))
    for number, row in enumerate(rows):
        series.add(np.array(row), middle=10.0 * number + 5.0)
    return series


def test_a_short_series_holds_every_bucket():
    """One row a bucket, with the middle of each."""
    rows = filled([[1, 0], [2, 3], [0, 4]]).rows()
    assert (rows.counts.tolist(), rows.unit) == ([[1, 0], [2, 3], [0, 4]], 1)
    assert rows.middles.tolist() == [5.0, 15.0, 25.0]
    assert rows.row_seconds == 10.0


def test_a_long_series_is_made_coarser_and_loses_nothing():
    """Every finished row is the exact sum of `unit` successive buckets."""
    counts = np.random.default_rng(1).poisson(3.0, size=(10_000, 20))
    series = filled(counts.tolist())
    rows = series.rows()
    assert rows.unit > 1
    whole = len(rows.counts) * rows.unit
    assert 10_000 - whole < rows.unit
    assert rows.counts.tolist() == counts[:whole].reshape(-1, rows.unit, 20).sum(axis=1).tolist()
    assert np.count_nonzero(rows.counts) <= MAX_FILLED
    assert np.allclose(rows.middles, 10.0 * rows.unit * (np.arange(len(rows.counts)) + 0.5))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3_000), st.integers(1, 3_000))
def test_a_snapshot_changes_nothing(seed: int, before: int, after: int):
    """A restored series is equal, and goes on alike through merges."""
    counts = np.random.default_rng(seed).poisson(2.0, size=(before + after, 30))
    one = filled(counts[:before].tolist())
    other = Series.from_json(json.loads(json.dumps(one.to_json())))
    for series in (one, other):
        for number, row in enumerate(counts[before:]):
            series.add(row, middle=1e9 + 0.1 * number)
    assert one.to_json() == other.to_json()


def test_before_the_first_bucket_there_are_no_rows():
    """An empty series has the right width."""
    rows = Series(4).rows()
    assert (rows.counts.shape, rows.row_seconds) == ((0, 4), 0.0)
