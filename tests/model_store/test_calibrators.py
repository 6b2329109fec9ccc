"""Tests of `model_store.calibrators`."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.calibration import _SigmoidCalibration
from sklearn.linear_model import LogisticRegression

from model_store.calibration import classwise_ece, log_loss
from model_store.calibrators import _sigmoid_fit, fit_calibration
from model_store.canonical import canonical_json


def _labelled(
    n: int, k: int, *, seed: int, scale: float = 1.0, bias: npt.NDArray[np.float64] | None = None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return log-probabilities, and labels drawn from the posterior softmax(scale * log p + bias)."""
    rng = np.random.default_rng(seed)
    log_p = log_softmax(rng.normal(0, 1.5, (n, k)), axis=1)
    true = softmax(scale * log_p + (0 if bias is None else bias), axis=1)
    labels = (true.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return log_p.astype(np.float32), labels


def test_temperature_recovers_the_scale_it_was_drawn_with():
    """Labels drawn at scale 0.5 give a fitted scale of 0.5 where temperature is all that is admitted."""
    log_p, labels = _labelled(20_000, 5, seed=1, scale=0.5)
    keep = np.sort(np.concatenate([np.flatnonzero(labels != 4), np.flatnonzero(labels == 4)[:10]]))
    calibration = fit_calibration(log_p[keep], labels[keep], seed=0)
    assert calibration.method == "temperature"
    assert (calibration.scale == calibration.scale[0]).all()
    assert (calibration.bias == 0).all()
    every = fit_calibration(log_p, labels, seed=0)
    np.testing.assert_allclose(every.scale, 0.5, atol=0.02)
    np.testing.assert_allclose(every.bias, 0, atol=0.1)


def test_the_joint_form_agrees_with_a_general_optimiser():
    """Scale and biases minimise the penalised log loss that the docstring of the priors describes."""
    log_p, labels = _labelled(500, 4, seed=11, scale=1.7, bias=np.array([1.0, 0.0, -1.0, 0.5]))
    z = log_p.astype(np.float64)

    def loss(theta: npt.NDArray[np.float64]) -> float:
        own = log_softmax(theta[-1] * z + theta[:-1], axis=1)[np.arange(500), labels]
        return float(-own.sum() + 0.5 * (theta[:-1] ** 2).sum() + 0.005 * (theta[-1] - 1) ** 2)

    check = minimize(loss, np.array([0, 0, 0, 0, 1.0]), tol=1e-12).x
    calibration = fit_calibration(log_p, labels, seed=0)
    assert calibration.choice["chosen"] == "platt_joint"
    np.testing.assert_allclose(calibration.scale, check[-1], atol=1e-4)
    np.testing.assert_allclose(calibration.bias, check[:-1] - check[:-1].mean(), atol=1e-4)


def test_one_against_the_rest_agrees_with_scikit_learn():
    """Each class's slope and intercept are those of `CalibratedClassifierCV`'s sigmoid on the same logits."""
    rng = np.random.default_rng(12)
    logit = rng.normal(0, 2, 3_000)
    positive = rng.random(3_000) < 1 / (1 + np.exp(-(0.6 * logit - 1.2)))
    check = _SigmoidCalibration().fit(logit, positive)
    slope, intercept = _sigmoid_fit(logit, positive)
    assert slope == pytest.approx(-check.a_, abs=1e-3)
    assert intercept == pytest.approx(-check.b_, abs=1e-3)


def test_platt_is_chosen_where_a_class_is_off_by_a_constant():
    """What class-weighted training does to a rare class, a scale cannot undo and a bias can."""
    log_p, labels = _labelled(8_000, 3, seed=2, bias=np.array([-3.0, 0.0, 0.0]))
    calibration = fit_calibration(log_p, labels, seed=0)
    assert calibration.method == "platt"
    before, after = np.exp(log_p), calibration.apply(log_p)
    assert classwise_ece(after, labels).max() < 0.02 < classwise_ece(before, labels).max()
    assert log_loss(after, labels) < log_loss(before, labels)


def test_two_class_platt_agrees_with_scikit_learn():
    """On one logit, an unpenalised logistic regression on Platt's soft targets gives the same two numbers."""
    log_p, labels = _labelled(600, 2, seed=3, scale=2.0, bias=np.array([1.5, 0.0]))
    calibration = fit_calibration(log_p, labels, seed=0)
    assert calibration.method == "platt"
    logit = (log_p[:, 1] - log_p[:, 0]).astype(np.float64)
    positives, negatives = (labels == 1).sum(), (labels == 0).sum()
    target = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    check = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1_000).fit(
        np.tile(logit, 2)[:, None],
        np.repeat([1, 0], len(logit)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    assert calibration.scale[1] == pytest.approx(check.coef_[0, 0], rel=1e-4)
    assert calibration.bias[1] - calibration.bias[0] == pytest.approx(check.intercept_[0], abs=1e-4)


def test_platt_is_not_tried_on_a_class_with_too_few_rows():
    """The reason names the class, what it has and what it needs."""
    log_p, labels = _labelled(400, 3, seed=4)
    keep = np.sort(np.concatenate([np.flatnonzero(labels != 1), np.flatnonzero(labels == 1)[:19]]))
    calibration = fit_calibration(log_p[keep], labels[keep], seed=0, classes=("a", "b", "c"))
    assert calibration.choice["excluded"] == {"platt": "class 'b' has 19 positives, 20 needed"}
    assert "platt not tried" in calibration.choice["reason"]
    assert set(calibration.choice["log_loss"]) == {"identity", "temperature"}


def test_a_handful_of_rows_is_left_uncalibrated():
    """Below two rows a fold not even a scale is fitted."""
    log_p, labels = _labelled(9, 2, seed=5)
    calibration = fit_calibration(log_p, labels, seed=0)
    assert calibration.method == "identity"
    np.testing.assert_allclose(calibration.apply(log_p), np.exp(log_p), rtol=1e-5)


def test_the_chosen_method_has_the_least_cross_validated_log_loss():
    """What the choice says is what was chosen."""
    log_p, labels = _labelled(2_000, 4, seed=6, scale=0.7, bias=np.array([1.0, 0, 0, -1.0]))
    calibration = fit_calibration(log_p, labels, seed=0)
    losses = calibration.choice["log_loss"]
    assert calibration.choice["chosen"] == min(losses, key=losses.get)
    assert calibration.choice["chosen"].startswith(calibration.method)
    assert len(losses) == 4


def test_the_same_rows_and_seed_give_the_same_bytes():
    """A fit is deterministic."""
    log_p, labels = _labelled(500, 3, seed=7)
    first, second = (fit_calibration(log_p, labels, seed=3) for _ in range(2))
    assert canonical_json(first.to_json()) == canonical_json(second.to_json())


def test_a_separable_class_gives_finite_constants():
    """Platt's targets keep the slope finite where the classes do not overlap."""
    labels = np.repeat([0, 1], 50)
    p = np.where(labels == 1, 0.9, 0.1)
    log_p = np.log(np.stack([1 - p, p], axis=1)).astype(np.float32)
    calibration = fit_calibration(log_p, labels, seed=0)
    assert np.isfinite(calibration.scale).all()
    assert calibration.scale.max() < 10
