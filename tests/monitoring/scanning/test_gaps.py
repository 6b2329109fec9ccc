"""The bound of a deviance: never below it, and close to it where it matters."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

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
def test_no_deviance_is_above_its_bound(a: int, b: int, r: int, s: int):
    """With and without half an item moved, at the edges too, where a cell is empty."""
    n, m = a + b + 1, r + s + 1
    cell = gap(a, n, r, m)
    bound = cell.deviance_bound()
    plain, _ = binomial_deviance(a, n, r, m, continuity=0.0)
    corrected, _ = binomial_deviance(a, n, r, m)
    assert float(plain) <= bound.item() * (1.0 + 1e-9) + 1e-6
    assert float(corrected) <= cell.corrected(bound, 0.5).item() * (1.0 + 1e-9) + 1e-6


@pytest.mark.parametrize(
    ("a", "n", "r", "m"),
    [(80, 1_000, 800, 20_000), (10, 1_000, 800, 20_000), (8, 50, 800, 20_000), (0, 1_000, 200, 20_000)],
)
def test_the_bound_is_close(a: int, n: int, r: int, m: int):
    """Within a third for changes that would raise an alarm, so that few cells need a closer look."""
    exact, _ = binomial_deviance(a, n, r, m, continuity=0.0)
    assert gap(a, n, r, m).deviance_bound().item() < 1.35 * float(exact)


def test_a_difference_within_the_tolerance_is_no_gap():
    """The larger share is lowered to equality and no further, by ratio or by difference."""
    assert gap(104, 1_000, 2_000, 20_000, tolerance=0.05).size.item() == 0.0
    assert gap(96, 1_000, 2_000, 20_000, tolerance_abs=0.01).size.item() == 0.0
    assert gap(120, 1_000, 2_000, 20_000, tolerance=0.05).size.item() == pytest.approx(0.12 / 1.05 - 0.10)


def test_fewer_items_than_are_moved_are_no_deviance():
    """Of what lies within half an item of equality nothing is left, and of less than one item all."""
    near, far = gap(6, 1_000, 112, 20_000), gap(6, 1_000, 106, 20_000)
    assert near.corrected(near.deviance_bound(), 0.2).item() == 0.0
    assert far.corrected(far.deviance_bound(), 0.2).item() == far.deviance_bound().item()
