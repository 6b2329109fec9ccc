"""A declared season is fitted where there is one, and left alone where there is none."""

import json

import numpy as np
import pytest

from monitoring.scanning.dispersion import estimate
from monitoring.scanning.season import Season, basis, fit_season
from monitoring.scanning.spans import Span
from tests.monitoring.traffic_kinds import repeated

DAY = 86_400.0
ROW = 432.0  # 200 rows a day
SHARES = np.array([0.9, 0.06, 0.04])
MIX = Span("mix", 0, 3)


def days(
    n: float, swing: float, rng: np.random.Generator, *, items: int = 100
) -> tuple[np.ndarray, np.ndarray]:
    """Return counts and times of `n` days in which the third class swings by a ratio; nights are quiet."""
    times = (np.arange(round(n * 200)) + 0.5) * ROW
    angle = 2.0 * np.pi * times / DAY
    third = 0.04 * (1.0 + swing * np.sin(angle))
    shares = np.stack([0.94 - third, np.full(len(times), 0.06), third], axis=1)
    quantity = rng.poisson(items * (1.0 + 0.6 * np.cos(angle)))
    return rng.multinomial(quantity, shares), times


def fitted(series: np.ndarray, times: np.ndarray, *, row: float = ROW) -> Season | None:
    """Return the season of a mix with a period of a day."""
    items = series.sum(axis=1, keepdims=True)
    dispersion = estimate(series, items, [MIX])
    return fit_season(series, items, times, period_seconds=DAY, row_seconds=row, dispersion=dispersion)


def test_the_swing_of_a_class_is_found():
    """A fifth up and down, its phase included, from five days."""
    season = fitted(*days(5, 0.2, np.random.default_rng(0)))
    assert season is not None
    assert season.coefficients[1, 2] == pytest.approx(0.2, abs=0.05)
    assert np.abs(season.coefficients[0, 2]) < 0.05
    assert season.reference_factor[2] == 5.0


def test_exposures_are_what_is_usual_at_the_time():
    """They add up to the items over the baseline, and follow the class over a day."""
    series, times = days(5, 0.3, np.random.default_rng(1))
    season = fitted(series, times)
    assert season is not None
    items = series.sum(axis=1, keepdims=True)
    exposures = season.exposures(items, items[:, :, None] * basis(times, DAY)[:, :, None])
    assert exposures.sum(axis=0) == pytest.approx(np.full(3, items.sum()), rel=1e-3)
    by_hour = (
        series[:, 2].reshape(5, 20, 10).sum(axis=(0, 2)),
        exposures[:, 2].reshape(5, 20, 10).sum(axis=(0, 2)),
    )
    assert np.corrcoef(*by_hour)[0, 1] > 0.95


def test_exposures_of_a_window_follow_from_its_sums():
    """Items and items times waves may be added up first."""
    season = fitted(*days(5, 0.3, np.random.default_rng(2)))
    assert season is not None
    items, times = np.array([[5.0], [7.0]]), np.array([1_000.0, 50_000.0])
    waves = items[:, :, None] * basis(times, DAY)[:, :, None]
    one_by_one = season.exposures(items, waves).sum(axis=0)
    assert season.exposures(items.sum(axis=0), waves.sum(axis=0)) == pytest.approx(one_by_one)


def test_the_variance_of_the_season_is_gone_once_it_is_fitted():
    """What was clumped by the hour of the day is independent beside its exposure."""
    series, times = days(6, 0.5, np.random.default_rng(3), items=400)
    items = series.sum(axis=1, keepdims=True)
    season = fitted(series, times)
    assert season is not None
    exposures = season.exposures(items, items[:, :, None] * basis(times, DAY)[:, :, None])
    before = estimate(series, items, [MIX]).at(np.array([64])).phi[0, 2]
    after = estimate(series, exposures, [MIX]).at(np.array([64])).phi[0, 2]
    assert before > 3.0
    assert after < 1.5


@pytest.mark.parametrize("clumped", [False, True], ids=["independent", "repeats"])
def test_traffic_without_a_season_gets_none(clumped: bool):
    """Chance swings are accepted in at most one baseline of six."""
    accepted = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        series = repeated(SHARES, 800, 80, rng) if clumped else rng.multinomial(80, SHARES, size=800)
        accepted.append(fitted(series, (np.arange(800) + 0.5) * ROW) is not None)
    assert np.mean(accepted) <= 1 / 6


@pytest.mark.parametrize(
    ("n_days", "row"),
    [pytest.param(1.9, ROW, id="less than two periods"), pytest.param(5.0, DAY / 7, id="rows too coarse")],
)
def test_a_season_that_cannot_be_told_is_not_fitted(n_days: float, row: float):
    """Two periods are the least, and four rows a wave."""
    assert fitted(*days(n_days, 0.9, np.random.default_rng(5)), row=row) is None


def test_no_factor_is_negative():
    """Even of a class that is there by day only, fitted by two waves: at least a tenth of its mean."""
    rng = np.random.default_rng(6)
    series, times = days(6, 0.0, rng)
    series[:, 2] = np.where(np.sin(2 * np.pi * times / DAY) > 0.8, rng.poisson(60, len(times)), 0)
    season = fitted(series, times)
    assert season is not None
    factors = season.offset[:, None] + season.coefficients.T @ basis(np.linspace(0, DAY, 500), DAY).T
    assert factors.min() > 0.05


def test_a_snapshot_restores_it_exactly():
    """Through JSON, to the last bit."""
    season = fitted(*days(5, 0.2, np.random.default_rng(7)))
    assert season is not None
    again = Season.from_json(json.loads(json.dumps(season.to_json(), allow_nan=False)))
    assert again.period_seconds == season.period_seconds
    assert (again.offset == season.offset).all()
    assert (again.coefficients == season.coefficients).all()
