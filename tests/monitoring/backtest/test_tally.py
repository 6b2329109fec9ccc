"""Rows counted in any order on a grid of time, in bounded memory."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.backtest.tally import LADDER, Tally, TooFine

NOW = 1_714_564_800_000


def test_every_step_of_the_ladder_divides_the_next():
    """So that cells of one can be merged into cells of another."""
    assert all(longer % shorter == 0 for shorter, longer in itertools.pairwise(LADDER))


@given(
    st.lists(st.tuples(st.integers(-(10**12), 10**12), st.integers(0, 5)), max_size=60),
    st.integers(1, 7),
    st.randoms(use_true_random=False),
)
def test_counts_do_not_depend_on_order_or_chunks(rows: list[tuple[int, int]], chunks: int, random: object):
    """They are those of a dictionary, also of times before 1970."""
    expected = Counter((moment // 1_000, code) for moment, code in rows)
    random.shuffle(rows)  # type: ignore[attr-defined]
    tally = Tally(1_000)
    for part in range(chunks):
        chunk = np.array(rows[part::chunks], dtype=np.int64).reshape(-1, 2)
        tally.add(chunk[:, 0], chunk[:, 1])
    ticks, codes, counts = tally.cells()
    found = list(zip(ticks.tolist(), codes.tolist(), counts.tolist(), strict=True))
    assert found == sorted((*key, count) for key, count in expected.items())


def test_a_grid_with_too_many_cells_becomes_coarser_and_loses_no_row():
    """Its new length is on the ladder, and the counts are those of a grid that began with it."""
    rng = np.random.default_rng(0)
    moments, codes = NOW + rng.integers(0, 10**9, 300_000), rng.integers(0, 3, 300_000)
    fine = Tally(most_cells=5_000)
    for part in range(0, 300_000, 10_000):
        fine.add(moments[part : part + 10_000], codes[part : part + 10_000])
    ticks, _, counts = fine.cells()
    assert len(ticks) <= 5_000
    assert fine.milliseconds in LADDER
    coarse = Tally(fine.milliseconds)
    coarse.add(moments, codes)
    assert counts.sum() == 300_000
    np.testing.assert_array_equal(ticks, coarse.cells()[0])
    np.testing.assert_array_equal(counts, coarse.cells()[2])


def test_a_declared_length_is_kept_or_refused():
    """The line says which length was too short."""
    tally = Tally(20, most_cells=100)
    tally.add(NOW + np.arange(0, 100_000, 20), np.zeros(5_000, dtype=np.int64))
    with pytest.raises(TooFine, match=r"buckets of 0.02 s are too many for this log; ask for longer ones"):
        tally.cells()


def test_merging_into_a_length_that_does_not_fit_is_a_mistake():
    """Half a cell cannot be counted."""
    with pytest.raises(ValueError, match="a multiple of 20 ms"):
        Tally(20).coarsen(50)
