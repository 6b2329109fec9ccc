"""An id counts once, as long as it is remembered."""

import numpy as np

from monitoring.backtest.repeats import Repeats


def test_an_id_counts_once_within_and_across_chunks():
    """The first row counts; rows without an id always do."""
    repeats = Repeats()
    assert repeats.first(np.array([5, 7, 5, 0, 0])).tolist() == [True, True, False, True, True]
    assert repeats.first(np.array([7, 8, 0, -3])).tolist() == [False, True, True, True]
    assert repeats.first(np.array([-3])).tolist() == [False]
    assert repeats.rows == 3


def test_memory_is_bounded_and_the_newest_ids_stay():
    """After many others an id counts again, soon after it does not."""
    repeats = Repeats(remembered=100)
    for start in range(1, 1_001, 50):
        assert repeats.first(np.arange(start, start + 50)).all()
        assert not repeats.first(np.arange(start, start + 50)).any()
    assert not repeats.first(np.arange(901, 1_001)).any()
    assert repeats.first(np.array([1])).all()
