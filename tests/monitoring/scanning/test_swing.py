"""One slow swing of a baseline: found where there is one, of what size, and how much of it a window has."""

import numpy as np
import pytest

from monitoring.scanning.blocks import Blocks
from monitoring.scanning.swing import excess, inflated, part_in
from tests.monitoring.traffic_kinds import repeated, swinging

MANY = np.full(40, 0.02) * np.array([11.0] + [1.0] * 39)


def found(series: np.ndarray, *, phi: float = 1.0, nu: float = np.inf) -> np.ndarray | None:
    """Return the excess of a mix whose longest blocks vary `phi` times as much as independent items."""
    squares = Blocks("mix", series, series.sum(axis=1, keepdims=True).astype(float)).swings()
    assert squares is not None
    return excess(squares, np.full(series.shape[1], phi), np.full(series.shape[1], nu))


@pytest.mark.parametrize("shares", [np.array([0.96, 0.04]), MANY / MANY.sum()], ids=["two", "forty"])
def test_independent_items_do_not_swing(shares: np.ndarray):
    """Of 200 baselines at most one in twelve: .03 for all columns together, and .03 for any of them."""
    swung = [
        found(np.random.default_rng(seed).multinomial(20, shares, size=1_000)) is not None
        for seed in range(200)
    ]
    assert np.mean(swung) <= 1 / 12


def test_a_day_in_a_baseline_of_a_day_is_found():
    """800 items of a class that goes up and down by a fifth: in four of five baselines, about as it is."""
    sizes = []
    for seed in range(100):
        swung = found(swinging(1_000, 20, np.random.default_rng(seed), share=0.04, swing=0.2))
        if swung is not None:
            sizes.append(swung[1])
    assert len(sizes) >= 80
    true = 20_000 * (0.04 / 0.96) * 0.2**2 / 4.0  # a quarter of items times odds times swing squared
    assert np.median(sizes) == pytest.approx(true, rel=0.25)


def test_one_class_that_swings_is_told_from_the_others():
    """It alone gets the excess where all together show none."""
    rng = np.random.default_rng(3)
    series = rng.multinomial(100, MANY / MANY.sum(), size=1_000)
    series[:, 5] = rng.binomial(60, 0.05 * (1.0 + 0.3 * np.sin(2.0 * np.pi * np.arange(1_000) / 1_000)))
    swung = found(series)
    assert swung is not None
    assert swung[5] > 10.0
    assert swung[5] > 5.0 * np.delete(swung, 5).max()


def test_what_blocks_explain_is_no_swing():
    """Items that arrive four times vary seven times as much at every length, this one too."""
    series = [repeated(np.array([0.9, 0.1]), 1_000, 40, np.random.default_rng(seed)) for seed in range(60)]
    assert np.mean([found(each, phi=7.0, nu=30.0) is not None for each in series]) <= 0.1
    assert np.mean([found(each) is not None for each in series]) >= 0.5


@pytest.mark.parametrize("part", [1 / 16, 1 / 8, 1 / 4, 0.371])
def test_a_window_has_that_part_of_a_swing(part: float):
    """The variance of its count over its places in a swing, by adding up; most has a window of .371."""
    n, odds, swing = 1_024, 0.04, 0.2
    rate = odds * (1.0 + swing * np.sin(2.0 * np.pi * np.arange(2 * n) / n))
    width = round(part * n)
    counts = np.convolve(rate, np.ones(width), mode="valid")[:n]
    excess_of_all = n * odds * swing**2 / 4.0
    of_window = counts.var() / (width * odds)
    assert part_in(np.array([part]))[0] * excess_of_all == pytest.approx(of_window, rel=0.01)
    assert part_in(np.array([0.5, 5.0])).tolist() == [part_in(np.linspace(0.0, 1.0, 1_001)).max()] * 2


def test_a_window_at_the_top_of_a_swing_is_no_surprise():
    """Four deviations of its noise and the swing's height together are at least four inflated deviations."""
    swing, part = np.array([1.0, 8.0, 50.0, 400.0]), np.array([0.25])
    height = np.sqrt(2.0 * part_in(part) * swing)
    allowed = 4.0 * np.sqrt(inflated(np.ones((1, 4)), swing, part)[0])
    assert (allowed[1:] >= (4.0 + height)[1:] - 1e-9).all()
    assert inflated(np.ones((1, 4)), swing, part)[0, 0] == pytest.approx(1.0 + part_in(part)[0])


def test_noise_and_swing_add_up():
    """Items that arrive four times and swing are allowed for both."""
    found = inflated(np.array([[6.0], [7.0]]), np.array([20.0]), np.array([0.001, 0.5]))
    assert found[0, 0] == pytest.approx(6.0, rel=0.01)
    assert found[1, 0] > 7.0 + 4.0
