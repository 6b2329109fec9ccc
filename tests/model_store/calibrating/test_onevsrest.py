"""Tests of `model_store.calibrating.onevsrest`."""

import numpy as np
import pytest

from model_store.calibrating.brokenlines import Line
from model_store.calibrating.onevsrest import UNCHANGED, Curve, calibration_of


@pytest.mark.parametrize(
    "curve",
    [Curve(1.7, 0.4, -0.8), Curve(line=Line(np.array([-2.0, 0.5, 3.0]), np.array([-1.0, -0.5, 4.0])))],
    ids=["beta", "isotonic"],
)
def test_the_mirrored_curve_is_the_other_class_of_two(curve: Curve):
    """What the one does not get the other gets, so that rows sum to 1 before they are divided."""
    p = np.linspace(0.01, 0.99, 50)
    log_p = np.log(np.column_stack([1 - p, p])).astype(np.float32)
    both = calibration_of("isotonic" if curve.line else "beta", [curve.mirrored, curve], "independent", {})
    np.testing.assert_allclose(both.apply(log_p).sum(axis=1), 1, atol=1e-5)


def test_what_no_class_needs_is_left_out_of_the_file():
    """Rests that are scales, and lines of nobody."""
    plain = calibration_of("platt", [Curve(2.0, 2.0, 1.0), UNCHANGED], "sigmoid", {})
    assert (plain.rest, plain.lines) == (None, None)
    line = Line(np.zeros(1), np.ones(1))
    mixed = calibration_of("beta", [Curve(2.0, 0.5), Curve(line=line)], "independent", {})
    assert mixed.rest is not None
    assert (mixed.rest.tolist(), mixed.lines) == ([0.5, 1.0], (None, line))
