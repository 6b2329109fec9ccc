"""Tests of `model_store.calibrating.brokenlines`."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.calibrating.brokenlines import BrokenLines, Line


def _line(rng: np.random.Generator, knots: int) -> Line:
    x, y = (np.sort(rng.uniform(-40, 15, knots)) for _ in range(2))
    return Line(x, y)


@given(k=st.integers(1, 5), seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_between_knots_it_is_numpys_interpolation(k: int, seed: int):
    """Whatever the classes beside it, and class by class."""
    rng = np.random.default_rng(seed)
    lines = [_line(rng, int(rng.integers(2, 30))) for _ in range(k)]
    z = np.column_stack([rng.uniform(line.x[0], line.x[-1], 50) for line in lines]).astype(np.float32)
    expected = np.column_stack([np.interp(z[:, j], line.x, line.y) for j, line in enumerate(lines)])
    inside = np.column_stack(
        [(z[:, j] >= line.x[0]) & (z[:, j] <= line.x[-1]) for j, line in enumerate(lines)]
    )
    np.testing.assert_allclose(BrokenLines(lines)(z)[inside], expected[inside], rtol=1e-6, atol=1e-6)


def test_beyond_the_knots_it_goes_on_with_slope_one():
    """The best items stay apart from one another, and so do the worst."""
    lines = BrokenLines([Line(np.array([0.0, 1.0]), np.array([2.0, 5.0]))])
    sent = lines(np.array([[-3.0], [-1.0], [0.0], [1.0], [4.0]], dtype=np.float32))
    assert sent.ravel().tolist() == [-1.0, 1.0, 2.0, 5.0, 8.0]
    assert sent.dtype == np.float32


def test_a_class_without_a_line_is_left_alone_however_far_its_numbers_reach():
    """A large number does not stray into the knots of the next class."""
    z = np.array([[-5_000.0, 0.5], [5_000.0, 0.5]], dtype=np.float32)
    sent = BrokenLines([None, Line(np.zeros(1), np.ones(1))])(z)
    assert sent.tolist() == [[-5_000.0, 1.5], [5_000.0, 1.5]]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_it_never_falls(seed: int):
    """A larger number is never sent below a smaller one, not even by rounding at a knot."""
    rng = np.random.default_rng(seed)
    line = _line(rng, int(rng.integers(1, 60)))
    near = (line.x.astype(np.float32)[:, None] + np.float32([-1e-5, -1e-6, 0, 1e-6, 1e-5])).ravel()
    z = np.sort(np.concatenate([near, rng.uniform(-80, 17, 200).astype(np.float32)]))
    assert (np.diff(BrokenLines([line])(z[:, None]).ravel()) >= 0).all()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([[0.0, 0.0], [1.0, 2.0]], "ascending"),
        ([[0.0, 1.0], [2.0, 2.0]], "ascending"),
        ([[0.0], [1.0, 2.0]], "as many"),
        ([[], []], "as many"),
        ([[0.0], [300.0]], "within 256"),
        ([[0.0], [float("nan")]], "within 256"),
        ([[0.0], ["1"]], "numbers"),
        ({"x": [0.0]}, "two lists"),
    ],
)
def test_malformed_knots_are_refused(data: Any, said: str):
    """The error says what is wrong with them."""
    with pytest.raises(ValueError, match=said):
        Line.from_json(data)
