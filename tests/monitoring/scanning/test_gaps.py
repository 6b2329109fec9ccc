"""How far shares lie apart, and the bound of a deviance: never below it."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from monitoring.scanning.deviance import binomial_deviance
from monitoring.scanning.gaps import Gaps

COUNTS = st.integers(0, 5_000)


def gap(a: int, n: int, r: int, m: int, *, tolerance: float = 0.0, tolerance_abs: float = 0.0) -> Gaps:
    """Return the gap of one cell of independent items."""
    items = np.array([[float(n)]]), np.array([[float(m)]])
    return Gaps.between(
        np.array([[a / n]]),
        np.array([[r / m]]),
        n=items[0],
        m=items[1],
        tolerance=np.array([tolerance]),
        tolerance_abs=np.array([tolerance_abs]),
    )


@settings(max_examples=200, deadline=None)
@given(COUNTS, COUNTS, COUNTS, COUNTS)
@example(1, 0, 6, 0)
@example(0, 4, 0, 9)
@example(1, 0, 0, 9_999)
def test_no_deviance_is_above_its_bound(a: int, b: int, r: int, s: int):
    """With and without half an item moved, at the edges too, where a cell is empty."""
    n, m = a + b + 1, r + s + 1
    cell = gap(a, n, r, m)
    bound = cell.squares().item()
    for continuity in (0.0, 0.5):
        deviance, _ = binomial_deviance(a, n, r, m, continuity=continuity)
        assert float(deviance) * (1.0 - cell.pooled.item()) <= bound * (1.0 + 1e-9) + 1e-6


def test_the_bound_is_near_the_statistic_of_pearson():
    """Where little moved the two are the same; where much did, at most twice as much."""
    near, far = gap(101, 1_000, 20_000, 200_000), gap(0, 100, 20_000, 200_000)
    for cell, table, most in (
        (near, [[101, 899], [20_000, 180_000]], 1.35),
        (far, [[0, 100], [20_000, 180_000]], 2.0),
    ):
        pearson = chi2_contingency(table, correction=False).statistic
        bound = cell.squares().item() / (1.0 - cell.pooled.item())
        assert pearson <= bound <= most * pearson


def test_a_difference_within_the_tolerance_is_no_gap():
    """The larger share is lowered to equality and no further, by ratio or by difference."""
    assert gap(104, 1_000, 2_000, 20_000, tolerance=0.05).size.item() == 0.0
    assert gap(96, 1_000, 2_000, 20_000, tolerance_abs=0.01).size.item() == 0.0
    assert gap(120, 1_000, 2_000, 20_000, tolerance=0.05).size.item() == pytest.approx(0.12 / 1.05 - 0.10)
