"""Bounds of shares of a weighted sample: what they equal, and how often they hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from monitoring.waves.intervals import Floats, Shares, Weighed, shares


def weighed(counts: Floats, each: float | Floats) -> Weighed:
    """Return so many draws, each of which stands for so many occurrences; strata on the first axis."""
    counts, each = np.atleast_2d(counts), np.reshape(each, (-1, 1))
    beyond = each - 1
    typical = np.broadcast_to(beyond.max(axis=0), counts.shape[1:])
    return Weighed((counts * each).sum(axis=0), (counts * each * beyond).sum(axis=0), typical)


def of(won: int, lost: int, *, each: float = 1e9, worth: float = 1.0) -> tuple[float, float, float]:
    """Return estimate, low and high of so many draws of equal weight."""
    found = shares(weighed(np.array([won]), each), weighed(np.array([lost]), each), worth=worth)
    return float(found.estimate[0]), float(found.low[0]), float(found.high[0])


@pytest.mark.parametrize(("won", "lost"), [(1, 9), (3, 147), (20, 5), (75, 75)])
def test_with_equal_weights_the_bounds_are_those_of_clopper_and_pearson(won: int, lost: int) -> None:
    """At each bound, what was seen or more, or fewer, has the chance 2.5 %."""
    _, low, high = of(won, lost)
    assert binom.sf(won - 1, won + lost, low) == pytest.approx(0.025, rel=1e-4)
    assert binom.cdf(won, won + lost, high) == pytest.approx(0.025, rel=1e-4)


def test_f1_is_the_share_of_hits_with_every_error_at_half_its_weight() -> None:
    """A monotone function of the share of hits among hits and errors, so its bounds are theirs."""
    half = [p / (p + (1 - p) / 2) for p in of(8, 6)]
    assert of(8, 6, worth=0.5) == pytest.approx(half, rel=1e-6)


def test_of_nothing_nothing_is_known() -> None:
    """No draw: no estimate, between 0 and 1. None of one kind: the bound on that side is the end."""
    estimate, low, high = of(0, 0)
    assert np.isnan(estimate)
    assert (low, high) == (0.0, 1.0)
    assert of(0, 30)[1] == 0.0
    assert of(0, 30)[2] == pytest.approx(1 - 0.025 ** (1 / 30), rel=1e-6)
    assert of(30, 0)[2] == 1.0


def test_what_was_drawn_whole_is_known() -> None:
    """Each draw stands for itself alone, so there is nothing left to be uncertain about."""
    estimate, low, high = of(3, 47, each=1.0)
    assert estimate == pytest.approx(0.06)
    assert (low, high) == pytest.approx((0.06, 0.06), abs=1e-3)
    wide, some = of(3, 47, each=1e9), of(3, 47, each=2.0)
    assert wide[1] < some[1] < low < high < some[2] < wide[2]


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.floats(1.0, 1e5)), min_size=1, max_size=4),
    st.sampled_from([0.5, 1.0]),
)
def test_bounds_hold_the_estimate_and_mirror_each_other(
    strata: list[tuple[int, int, float]], worth: float
) -> None:
    """Whatever the weights; and what speaks against a share is the rest of what speaks for it."""
    won, lost, each = (np.array(column, np.float64) for column in zip(*strata, strict=True))
    first, second = weighed(won[:, None], each), weighed(lost[:, None], each)
    found, mirrored = shares(first, second, worth=worth), shares(second, first, worth=1 / worth)
    assert (found.low >= 0).all()
    assert (found.low <= found.high).all()
    assert (found.high <= 1).all()
    if won.sum() + lost.sum():
        assert found.low[0] - 1e-9 <= found.estimate[0] <= found.high[0] + 1e-9
        assert (1 - mirrored.high)[0] == pytest.approx(found.low[0], abs=1e-6)


@pytest.mark.parametrize(
    ("each", "share"),
    [([100.0], [0.02]), ([400.0, 40.0], [0.02, 0.06]), ([900.0, 90.0], [0.03, 0.002])],
    ids=["equal", "waves", "rare in the light"],
)
def test_intervals_hold_the_truth(each: list[float], share: list[float]) -> None:
    """Shares and recalls of a class of a few per cent, from 150 draws a stratum, in 95 of 100 runs."""
    runs, weights = 4_000, np.array(each)
    rng = np.random.default_rng(6)
    population = weights * 150
    hits = rng.binomial(150, np.array(share) * 0.7, (runs, len(each))).T
    misses = rng.binomial(150 - hits.T, np.array(share) * 0.3 / (1 - np.array(share) * 0.7)).T
    rest = 150 - hits - misses
    truth = float((population * share).sum() / population.sum())
    assert held(shares(weighed(hits + misses, weights), weighed(rest, weights)), truth) >= 0.95
    assert held(shares(weighed(hits, weights), weighed(misses, weights)), 0.7) >= 0.95


def held(found: Shares, truth: float) -> float:
    """Return how often the interval holds the truth."""
    return float(((found.low <= truth) & (truth <= found.high)).mean())
