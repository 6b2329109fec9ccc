"""Tests of `model_store.calibrating.scaling`."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from model_store.calibrating.calibration import Calibration
from model_store.calibrating.reliability import classwise_ece
from model_store.calibrating.scaling import RIDGE, RIDGE_ROWS, fit_bcts, fit_temperature, fit_vector

Floats = npt.NDArray[np.float64]


def drawn(
    n: int, *, scale: Floats | float, bias: Floats | float, k: int, seed: int
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return log-probabilities, and labels drawn from softmax(scale * log p + bias)."""
    rng = np.random.default_rng(seed)
    log_p = log_softmax(rng.normal(0, 1.5, (n, k)), axis=1).astype(np.float32)
    true = softmax(scale * log_p.astype(np.float64) + bias, axis=1)
    return log_p, (true.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)


def test_temperature_recovers_the_scale_it_was_drawn_with():
    """Within sampling error of 20,000 rows."""
    calibration = fit_temperature(*drawn(20_000, scale=0.5, bias=0.0, k=5, seed=1))
    np.testing.assert_allclose(calibration.scale, 0.5, atol=0.02)
    assert (calibration.bias == 0).all()


def test_temperature_of_separable_rows_is_finite():
    """Its range ends at 20."""
    log_p = np.log(np.array([[0.9, 0.1], [0.1, 0.9]] * 50, dtype=np.float32))
    assert fit_temperature(log_p, np.array([0, 1] * 50)).scale[0] <= 20


@pytest.mark.parametrize("n", [400, 3_000], ids=["fewer rows than the ridge counts", "more"])
@pytest.mark.parametrize(("fit", "n_scales"), [(fit_bcts, 1), (fit_vector, 4)], ids=["bcts", "vector"])
def test_the_fit_agrees_with_a_general_optimiser(fit: Callable[..., Calibration], n_scales: int, n: int):
    """Scales and biases minimise the mean log loss and the ridge that the module describes."""
    log_p, labels = drawn(n, scale=1.7, bias=np.array([1.0, 0.0, -1.0, 0.5]), k=4, seed=11)
    z = log_p.astype(np.float64)
    centre = np.array([0.0] * 4 + [1.0] * n_scales)

    def loss(theta: Floats) -> float:
        own = log_softmax(theta[4:] * z + theta[:4], axis=1)[np.arange(n), labels]
        ridge = RIDGE * min(1, RIDGE_ROWS / n) / 2 * ((theta - centre) ** 2).sum()
        return float(-own.mean() + ridge)

    check = minimize(loss, centre, tol=1e-12).x
    calibration = fit(log_p, labels)
    np.testing.assert_allclose(calibration.scale, np.broadcast_to(check[4:], 4), atol=1e-4)
    np.testing.assert_allclose(calibration.bias, check[:4] - check[:4].mean(), atol=1e-4)


def test_vector_recovers_what_it_was_drawn_with():
    """A scale and a bias of each class."""
    scale, bias = np.array([0.5, 1.0, 1.5]), np.array([0.7, 0.0, -0.7])
    calibration = fit_vector(*drawn(40_000, scale=scale, bias=bias, k=3, seed=5))
    np.testing.assert_allclose(calibration.scale, scale, atol=0.08)
    np.testing.assert_allclose(calibration.bias, bias, atol=0.07)


def test_the_ridge_does_not_hold_back_a_very_rare_class():
    """A class of one in a thousand that training weighed up a thousand times gets all of its bias back."""
    log_p, labels = drawn(100_000, scale=1.0, bias=np.array([-7.0, 0.0, 0.0]), k=3, seed=3)
    assert 50 < (labels == 0).sum() < 300
    bias = fit_bcts(log_p, labels).bias
    assert bias[0] - bias[1:].mean() == pytest.approx(-7, abs=0.3)


def test_rows_that_a_class_never_has_leave_its_constants_finite():
    """The ridge is what holds them."""
    log_p, labels = drawn(300, scale=1.0, bias=0.0, k=3, seed=7)
    keep = labels != 2
    for fit in (fit_bcts, fit_vector):
        calibration = fit(log_p[keep], labels[keep])
        assert np.isfinite(calibration.scale).all()
        assert classwise_ece(calibration.apply(log_p[keep]), labels[keep])[2] < 0.01
