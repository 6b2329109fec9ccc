"""Scaling: which scales and biases make the softmax of all classes say what the rows say?

*Temperature* is one scale (Guo et al., *On calibration of modern neural networks*, 2017), *bcts* one scale
and a bias per class (bias-corrected temperature scaling, Alexandari et al., *Maximum likelihood with
bias-corrected calibration is hard-to-beat at label shift adaptation*, 2020), *vector* a scale and a bias per
class (Guo et al.). With two classes vector scaling is beta calibration. All losses are convex.
"""

from typing import Final

import numpy as np

from model_store.calibrating.calibration import Calibration, Float64s, Labels, LogProbabilities
from model_store.calibrating.newton import minimise

# The ridge is RIDGE / 2 times the squared distances of the scales from 1 and of the biases from 0, added to
# the mean log loss; from RIDGE_ROWS rows on it weighs no more than there, one row of the sum. Were it always
# a share of the rows, a class of one in 1,000 would get half its bias, however many rows there are.
RIDGE: Final = 1e-3
RIDGE_ROWS: Final = 1_000
# Of a temperature, in rows: separable rows keep a finite scale, and others do not notice.
_SCALE_PRIOR: Final = 0.01
_SCALE_RANGE: Final = (0.05, 20.0)


def fit_temperature(log_probabilities: LogProbabilities, labels: Labels) -> Calibration:
    """Find the scale where the log loss is flat: Newton, kept inside a shrinking bracket."""
    z = log_probabilities.astype(np.float64)
    own = z[np.arange(len(labels)), labels]
    (low, high), scale = _SCALE_RANGE, 1.0
    for _ in range(60):
        p = _softmax(scale * z)
        mean = (p * z).sum(axis=1)
        slope = float((mean - own).sum()) + _SCALE_PRIOR * (scale - 1)
        curvature = float(((p * z * z).sum(axis=1) - mean**2).sum()) + _SCALE_PRIOR
        low, high = (low, scale) if slope > 0 else (scale, high)
        new = scale - slope / curvature
        if not low < new < high:
            new = (low + high) / 2
        if abs(new - scale) < 1e-9:
            break
        scale = new
    n_classes = z.shape[1]
    return Calibration("temperature", np.full(n_classes, scale), np.zeros(n_classes), "softmax", {})


def fit_bcts(log_probabilities: LogProbabilities, labels: Labels) -> Calibration:
    """Fit one scale, and a bias per class."""
    bias, scale = _fit(log_probabilities.astype(np.float64), labels, n_scales=1)
    return Calibration("bcts", np.full(len(bias), scale[0]), bias, "softmax", {})


def fit_vector(log_probabilities: LogProbabilities, labels: Labels) -> Calibration:
    """Fit a scale and a bias per class."""
    bias, scale = _fit(log_probabilities.astype(np.float64), labels, n_scales=log_probabilities.shape[1])
    return Calibration("vector", scale, bias, "softmax", {})


def _fit(z: Float64s, labels: Labels, *, n_scales: int) -> tuple[Float64s, Float64s]:
    """Return biases with mean 0, and the scales; theta holds first the ones, then the others."""
    n, k = z.shape
    own = labels[:, None] == np.arange(k)
    seen = np.concatenate([own.sum(axis=0), _of_scales((own * z).sum(axis=0), n_scales)])
    prior = RIDGE * min(n, RIDGE_ROWS)
    centre = np.concatenate([np.zeros(k), np.ones(n_scales)])

    def loss(theta: Float64s) -> float:
        scores = theta[k:] * z + theta[:k]
        top = scores.max(axis=1)
        normaliser = (np.log(np.exp(scores - top[:, None]).sum(axis=1)) + top).sum()
        return float(normaliser - seen @ theta + prior * ((theta - centre) ** 2).sum() / 2)

    def derivatives(theta: Float64s) -> tuple[Float64s, Float64s]:
        p = _softmax(theta[k:] * z + theta[:k])
        expected = np.concatenate([p, _of_scales(p * z, n_scales)], axis=1)
        gradient = expected.sum(axis=0) - seen + prior * (theta - centre)
        hessian = _second_moments(p, z, n_scales) - expected.T @ expected
        return gradient, hessian + prior * np.eye(len(theta))

    theta = minimise(centre, loss, derivatives, tolerance=1e-9 * n)
    return theta[:k] - theta[:k].mean(), theta[k:]


def _of_scales(per_class: Float64s, n_scales: int) -> Float64s:
    """Return what is summed per class, summed per scale: one scale is every class's."""
    return per_class if n_scales > 1 else per_class.sum(axis=-1, keepdims=True)


def _second_moments(p: Float64s, z: Float64s, n_scales: int) -> Float64s:
    """Return sum_i E_i[f f^T], where f holds 1 at the class, and its z at the class's scale."""
    pz = p * z
    mass, first, second = p.sum(axis=0), pz.sum(axis=0), (pz * z).sum(axis=0)
    if n_scales == 1:
        return np.block([[np.diag(mass), first[:, None]], [first[None], second.sum()[None, None]]])
    return np.block([[np.diag(mass), np.diag(first)], [np.diag(first), np.diag(second)]])


def _softmax(scores: Float64s) -> Float64s:
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    normalised: Float64s = p / p.sum(axis=1, keepdims=True)
    return normalised
