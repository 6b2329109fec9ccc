"""Squares of blocks and of swings: of independent items they are those of normal scores."""

import numpy as np
import pytest
from scipy import stats

from monitoring.scanning.blocks import Blocks, Squares, chi_square_ratio, likeness_of_cuts
from tests.monitoring.traffic_kinds import repeated

FOUR = np.array([0.7, 0.2, 0.06, 0.04])


def blocks(series: np.ndarray, items: np.ndarray | None = None) -> Blocks:
    """Return the blocks of a mix; items are its counts' sum unless given."""
    n = series.sum(axis=1, keepdims=True) if items is None else items
    return Blocks("mix", series, n.astype(float))


def swings(series: np.ndarray, items: np.ndarray | None = None) -> Squares:
    """Return the squares of a swing, which there are."""
    found = blocks(series, items).swings()
    assert found is not None
    return found


@pytest.mark.parametrize("nu", [4.0, 20.0, 200.0])
def test_the_quantile_of_chi_square_is_close(nu: float):
    """Within 1 % of the exact one at one in a hundred."""
    exact = stats.chi2.ppf(stats.norm.cdf(2.33), nu) / nu
    assert chi_square_ratio(nu, 2.33) == pytest.approx(exact, rel=0.01)


def test_cumulative_counts_are_almost_one_another():
    """Two cuts correlate by the ratio of their odds, squared; nineteen even ones are worth about three."""
    share = np.arange(1, 20) / 20
    likeness = likeness_of_cuts(share)
    counts = np.random.default_rng(7).multinomial(1_000, np.full(20, 0.05), size=4_000).cumsum(axis=1)[:, :-1]
    assert np.corrcoef(counts.T) ** 2 == pytest.approx(likeness, abs=0.06)
    assert 2.5 < len(share) ** 2 / likeness.sum() < 4.0


@pytest.mark.parametrize("scale", [0, 3, 6])
def test_blocks_of_independent_items_vary_as_they_should(scale: int):
    """The squares of every length are 1 on average."""
    found = blocks(np.random.default_rng(1).multinomial(200, FOUR, size=4_000)).squares(scale)
    assert found is not None
    assert found.z2.mean() == pytest.approx(1.0, abs=5.0 / np.sqrt(found.blocks))


def test_a_swing_of_independent_items_is_chance():
    """Cosine and sine together are chi-square with two degrees of freedom, in rows of any size."""
    found = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        series = rng.multinomial(rng.integers(5, 60, size=500), FOUR)
        found.append(swings(series).z2[:, 2].sum())
    assert stats.kstest(found, stats.chi2(2).cdf).pvalue > 0.01


def test_copies_make_a_swing_as_much_larger_as_they_make_blocks():
    """Clumps are noise of every frequency: seven times of items that arrive four times."""
    found = [
        swings(repeated(FOUR, 1_000, 60, np.random.default_rng(seed))).z2[:, 2:].mean() for seed in range(100)
    ]
    assert np.mean(found) == pytest.approx(7.0, rel=0.2)


def test_a_swing_beside_exposures_that_follow_it_is_gone():
    """A fitted season leaves nothing of itself."""
    angle = 2.0 * np.pi * np.arange(1_000) / 1_000
    factor = 1.0 + 0.5 * np.sin(angle)
    first = np.random.default_rng(2).binomial(100, 0.2 * factor)
    series = np.stack([first, 100 - first], axis=1)
    exposure = np.stack([100.0 * factor, np.full(1_000, 100.0)], axis=1)
    assert swings(series).z2[:, 0].mean() > 100.0
    assert swings(series, exposure).z2[:, 0].mean() < 5.0


def test_rare_columns_have_no_swing():
    """Below twenty items the squares are not those of normal scores."""
    series = np.zeros((500, 3), dtype=np.int64)
    series[:, 0], series[:, 1] = 30, 20
    series[::30, 2] = 1
    assert swings(series).used.tolist() == [0, 1]
    assert blocks(series[:, 2:], np.full((500, 1), 50)).swings() is None
