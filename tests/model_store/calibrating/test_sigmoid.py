"""Tests of `model_store.calibrating.sigmoid`."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import expit
from sklearn.calibration import _SigmoidCalibration
from sklearn.linear_model import LogisticRegression

from model_store.calibrating.onevsrest import FLATTEST
from model_store.calibrating.sigmoid import fit_beta, fit_platt, fit_scale

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def drawn(n: int, *, a: float, b: float, c: float, seed: int) -> tuple[Floats, Floats, Bools]:
    """Return log p, log(1 - p), and truth drawn from sigmoid(a * log p - b * log(1 - p) + c)."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1, 2, n)
    log_p, log_rest = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
    return log_p, log_rest, rng.random(n) < expit(a * log_p - b * log_rest + c)


def test_platt_agrees_with_scikit_learn():
    """Slope and bias are those of the sigmoid inside `CalibratedClassifierCV`, on the same logits."""
    log_p, log_rest, positive = drawn(3_000, a=0.6, b=0.6, c=-1.2, seed=12)
    check = _SigmoidCalibration().fit(log_p - log_rest, positive)
    curve = fit_platt(log_p - log_rest, positive)
    assert curve.scale == curve.rest == pytest.approx(-check.a_, abs=1e-3)
    assert curve.bias == pytest.approx(-check.b_, abs=1e-3)


def test_beta_agrees_with_scikit_learn():
    """Kull's fit is a logistic regression on log p and -log(1 - p); Platt's targets are weights."""
    log_p, log_rest, positive = drawn(4_000, a=1.4, b=0.5, c=-0.7, seed=3)
    n, m = positive.sum(), (~positive).sum()
    target = np.where(positive, (n + 1) / (n + 2), 1 / (m + 2))
    check = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1_000).fit(
        np.tile(np.stack([log_p, -log_rest], axis=1), (2, 1)),
        np.repeat([1, 0], len(log_p)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    curve = fit_beta(log_p, log_rest, positive)
    assert (curve.scale, curve.rest) == pytest.approx(tuple(check.coef_[0]), rel=1e-3)
    assert curve.bias == pytest.approx(check.intercept_[0], abs=1e-3)


def test_beta_with_equal_slopes_is_platt():
    """On rows drawn from a sigmoid of the logit it finds about the same curve."""
    log_p, log_rest, positive = drawn(50_000, a=0.8, b=0.8, c=0.5, seed=4)
    beta, platt = fit_beta(log_p, log_rest, positive), fit_platt(log_p - log_rest, positive)
    assert (beta.scale, beta.rest) == pytest.approx((platt.scale, platt.scale), abs=0.1)


@pytest.mark.parametrize(("a", "b"), [(1.5, -0.6), (-0.6, 1.5)], ids=["rest", "own"])
def test_a_slope_of_beta_that_would_fall_is_left_out(a: float, b: float):
    """The other slope and the bias are fitted again without it, so the curve still rises."""
    log_p, log_rest, positive = drawn(20_000, a=a, b=b, c=0.0, seed=8)
    curve = fit_beta(log_p, log_rest, positive)
    assert min(curve.scale, curve.rest) == FLATTEST
    assert max(curve.scale, curve.rest) > 0.3


def test_a_class_the_model_has_upside_down_keeps_the_order_of_its_items():
    """The curve is nearly flat at the share of positives, but two items never get one probability."""
    log_p, log_rest, positive = drawn(5_000, a=-1.0, b=-1.0, c=0.0, seed=9)
    curve = fit_platt(log_p - log_rest, positive)
    assert curve.scale == FLATTEST
    share = expit(curve.scale * (log_p - log_rest) + curve.bias)
    assert share.mean() == pytest.approx(positive.mean(), abs=0.01)
    assert len(np.unique(share)) == len(np.unique(log_p))


def test_separable_rows_give_finite_constants():
    """Platt's targets keep the slopes finite where the classes do not overlap."""
    positive = np.repeat([False, True], 50)
    log_p = np.log(np.where(positive, 0.9, 0.1))
    log_rest = np.log(np.where(positive, 0.1, 0.9))
    assert 0 < fit_platt(log_p - log_rest, positive).scale < 10
    beta = fit_beta(log_p, log_rest, positive)
    assert np.isfinite([beta.scale, beta.rest, beta.bias]).all()


@pytest.mark.parametrize("value", [True, False])
def test_rows_of_one_kind_give_finite_constants(value: bool):
    """A fold may have them."""
    log_p, log_rest, _ = drawn(30, a=1, b=1, c=0, seed=1)
    curve = fit_platt(log_p - log_rest, np.full(30, value))
    assert np.isfinite([curve.scale, curve.bias]).all()


def test_one_scale_is_that_of_all_labels_together():
    """It recovers what they were drawn with."""
    rng = np.random.default_rng(6)
    logits = rng.normal(-1, 3, (5_000, 4))
    assert fit_scale(logits, rng.random((5_000, 4)) < expit(0.4 * logits)).scale == pytest.approx(
        0.4, abs=0.02
    )
