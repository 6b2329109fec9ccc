"""Variance inflation scale after scale: what is known is found, and independence is left alone."""

import numpy as np
import pytest

from monitoring.scanning.chain import Chain, estimate_chain
from tests.monitoring.traffic_kinds import repeated, walking

FOUR = np.array([0.7, 0.2, 0.06, 0.04])


def chain(series: np.ndarray, kind: str = "mix") -> Chain:
    """Return the chain of a mix; items are its counts' sum."""
    return estimate_chain(kind, series, series.sum(axis=1, keepdims=True).astype(float))


def test_independent_items_are_left_alone():
    """Of 100 baselines at most a tenth shows a jump at any scale: one in a hundred at each of eight."""
    found = [
        chain(np.random.default_rng(seed).multinomial(50, FOUR, size=2_000)).independent
        for seed in range(100)
    ]
    assert np.mean(found) >= 0.9


@pytest.mark.parametrize("n_columns", [2, 4], ids=["two classes", "four classes"])
def test_items_that_arrive_four_times_vary_seven_times_as_much(n_columns: int):
    """The mean of the squares of a geometric number of mean 4 over its mean is 7, at every scale."""
    shares = FOUR if n_columns == 4 else np.array([0.96, 0.04])
    found = chain(repeated(shares, 4_000, 40, np.random.default_rng(1)))
    assert found.phi[0].min() > 5.5
    assert 6.0 < found.phi[-1].mean() < 9.0
    assert np.isfinite(found.nu).all()
    assert (found.settled, found.growing) == (True, False)


def test_longer_scales_never_vary_less():
    """What is known of short scales is carried upward; the degrees of freedom are those of its source."""
    found = chain(repeated(FOUR, 1_000, 40, np.random.default_rng(2)))
    assert (np.diff(found.phi, axis=0) >= 0.0).all()


def test_one_class_that_comes_in_clumps_is_told_from_the_others():
    """With more than three classes each is judged for itself where they differ more than by chance."""
    rng = np.random.default_rng(3)
    series = rng.multinomial(100, np.full(8, 1 / 8), size=2_000)
    series[:, 0] *= 6
    found = chain(series)
    assert found.phi[-1, 0] > 2.0 * found.phi[-1, 1:].max()


def test_shares_that_wander_show_growing_variance():
    """Nothing can be said of longer spans but that they vary more: not a test of the mix as a whole."""
    found = chain(walking(1_024, 50, np.random.default_rng(4)))
    assert (found.growing, found.settled) == (True, False)


def test_a_class_too_rare_for_short_blocks_takes_what_longer_ones_show():
    """Where a block has less than one of its items there is nothing to measure."""
    found = chain(repeated(np.array([0.949, 0.05, 0.0006, 0.0004]), 4_000, 20, np.random.default_rng(5)))
    assert found.phi[0].min() > 4.0


def test_a_baseline_of_a_few_buckets_shows_nothing():
    """Eight rows are the least; with fewer there is one scale, of independent items."""
    found = chain(np.array([[5, 5], [9, 1], [2, 8]]))
    assert found.independent
    assert found.phi.shape == (1, 2)


def test_rows_without_items_are_left_out():
    """A stream may be silent for a while; that is no variance."""
    series = np.random.default_rng(6).multinomial(50, FOUR, size=2_000)
    series[::3] = 0
    assert chain(series).independent


def test_cuts_of_independent_scores_are_left_alone():
    """Their columns say nearly the same, so that a chance deviation shows in all of them at once."""
    found = []
    for seed in range(60):
        bins = np.random.default_rng(seed).multinomial(50, np.full(20, 0.05), size=1_000)
        items = bins.sum(axis=1, keepdims=True).astype(float)
        found.append(estimate_chain("cuts", bins.cumsum(axis=1)[:, :-1], items).independent)
    assert np.mean(found) >= 0.85


def test_flags_that_are_set_together_are_left_alone():
    """Labels of one item may agree; how much is taken from the counts themselves."""
    found = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        one = rng.binomial(50, 0.1, size=1_000)
        both = np.stack([one, rng.binomial(one, 0.9), rng.binomial(50, 0.05, size=1_000)], axis=1)
        found.append(estimate_chain("flags", both, np.full((1_000, 1), 50.0)).independent)
    assert np.mean(found) >= 0.85
