"""Tests of `model_store.calibrating.isotonic`."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from model_store.calibrating.brokenlines import BrokenLines
from model_store.calibrating.isotonic import fit_isotonic

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def drawn(n: int, seed: int) -> tuple[Floats, Bools]:
    """Return log-odds and truth that no sigmoid describes: a step, then a slope."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1, 2, n).astype(np.float32).astype(np.float64)
    return logit, rng.random(n) < np.where(logit < 0, 0.1, 0.3 + 0.6 * expit(2 * logit - 4))


def applied(logit: Floats, positive: Bools, asked: Floats) -> Floats:
    """Return the probabilities that the fitted line gives to `asked`."""
    sent = BrokenLines([fit_isotonic(logit, positive).line])(asked[:, None].astype(np.float32))
    return expit(sent.ravel().astype(np.float64))


def test_the_steps_are_those_of_scikit_learn():
    """But for their tilt, which is nothing beside what the rows can tell."""
    logit, positive = drawn(4_000, seed=1)
    steps = IsotonicRegression().fit(logit, positive).predict(logit)
    found = applied(logit, positive, logit)
    inner = (steps > steps.min()) & (steps < steps.max())
    assert inner.mean() > 0.5
    np.testing.assert_allclose(found[inner], steps[inner], atol=0.02)


def test_it_finds_a_shape_that_no_sigmoid_has():
    """Fitted on one half it is close to the truth on the other."""
    logit, positive = drawn(40_000, seed=2)
    asked = np.linspace(-3, 3, 50)
    true = np.where(asked < 0, 0.1, 0.3 + 0.6 * expit(2 * asked - 4))
    away = np.abs(asked) > 0.3
    np.testing.assert_allclose(applied(logit, positive, asked)[away], true[away], atol=0.05)


@given(seed=st.integers(0, 10_000), n=st.integers(2, 400), share=st.sampled_from([0.0, 0.02, 0.5, 1.0]))
@settings(max_examples=60, deadline=None)
def test_items_with_different_scores_keep_different_probabilities(seed: int, n: int, share: float):
    """An order statistic of calibrated scores has every candidate that the raw ones had, in their order."""
    rng = np.random.default_rng(seed)
    logit = rng.permutation(n) * 0.05 - 10
    order = np.argsort(logit)
    sent = applied(logit, rng.random(n) < share, logit)[order]
    assert (np.diff(sent) > 0).all()
    assert ((sent > 0) & (sent < 1)).all()


def test_rows_with_one_score_are_one_knot():
    """Their share of positives is its value, but for the half row at either end."""
    logit, positive = np.zeros(1_000), np.arange(1_000) < 300
    line = fit_isotonic(logit, positive).line
    assert line is not None
    assert line.x.tolist() == [0]
    assert expit(line.y[0]) == pytest.approx(300.5 / 1_001)
