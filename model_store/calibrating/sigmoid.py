"""Sigmoids: which Platt or beta curve makes one class's probability say what the rows say?

Sources: Platt, *Probabilistic outputs for support vector machines*, 1999, with the targets of that paper and
the Newton steps of Lin, Lin and Weng, *A note on Platt's probabilistic outputs*, 2007; Kull, Silva Filho and
Flach, *Beta calibration*, 2017: log p and log(1 - p) have a slope each, and one that would fall is left out.
"""

import math
from typing import Final

import numpy as np

from model_store.calibrating.brokenlines import Float64s
from model_store.calibrating.newton import minimise
from model_store.calibrating.onevsrest import FLATTEST, Curve
from model_store.data.indicators import LabelMatrix

_SCALE_RANGE: Final = (0.05, 20.0)
_SCALE_PRIOR: Final = 0.01
_STIFF: Final = 1e-10


def fit_platt(logit: Float64s, positive: LabelMatrix) -> Curve:
    """Fit sigmoid(slope * logit + bias); both arrays of shape (n_items,)."""
    slope, bias = _fit(logit[:, None], positive)
    return Curve(slope, slope, bias)


def fit_beta(log_p: Float64s, log_rest: Float64s, positive: LabelMatrix) -> Curve:
    """Fit sigmoid(a * log p - b * log(1 - p) + c); all arrays of shape (n_items,)."""
    a, b, c = _fit(np.stack([log_p, -log_rest], axis=1), positive)
    return Curve(a, b, c)


def fit_scale(logits: Float64s, positive: LabelMatrix) -> Curve:
    """Fit sigmoid(scale * logit), one scale for all labels; arrays of shape (n_items, n_labels)."""
    x, target = logits.ravel(), positive.ravel().astype(np.float64)

    def loss(theta: Float64s) -> float:
        z = x * theta
        return float((np.logaddexp(0, z) - target * z).sum() + _SCALE_PRIOR * (theta[0] - 1) ** 2 / 2)

    def derivatives(theta: Float64s) -> tuple[Float64s, Float64s]:
        p = _sigmoid(x * theta)
        gradient = x @ (p - target) + _SCALE_PRIOR * (theta[0] - 1)
        return np.array([gradient]), np.array([[(x * x) @ (p * (1 - p)) + _SCALE_PRIOR]])

    scale = minimise(np.ones(1), loss, derivatives, tolerance=1e-9 * len(x))
    clipped = float(np.clip(scale[0], *_SCALE_RANGE))
    return Curve(clipped, clipped)


def _fit(x: Float64s, positive: LabelMatrix) -> list[float]:
    """Return a slope per column of `x` (n_items, n_slopes), none below `FLATTEST`, and last the bias."""
    n_positive = int(positive.sum())
    n_negative = len(x) - n_positive
    # Platt's targets: rows that a threshold separates keep a finite slope.
    target = np.where(positive, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    free = np.ones(x.shape[1], dtype=np.bool_)
    while True:
        slopes, bias = _logistic(x[:, free], x[:, ~free].sum(axis=1) * FLATTEST, target)
        if (slopes >= FLATTEST).all():
            break
        free[np.flatnonzero(free)[slopes.argmin()]] = False
    every = np.full(x.shape[1], FLATTEST)
    every[free] = slopes
    return [*every.tolist(), bias]


def _logistic(x: Float64s, offset: Float64s, target: Float64s) -> tuple[Float64s, float]:
    """Return the slopes and the bias of sigmoid(x @ slopes + offset + bias) with the least log loss."""
    design = np.column_stack([x, np.ones(len(x))])
    start = np.zeros(design.shape[1])
    start[-1] = math.log(target.sum() / (1 - target).sum())

    def loss(theta: Float64s) -> float:
        z = design @ theta + offset
        return float((np.logaddexp(0, z) - target * z).sum())

    def derivatives(theta: Float64s) -> tuple[Float64s, Float64s]:
        p = _sigmoid(design @ theta + offset)
        hessian = (design * (p * (1 - p))[:, None]).T @ design
        return design.T @ (p - target), hessian + _STIFF * np.eye(len(theta))

    theta = minimise(start, loss, derivatives, tolerance=1e-8 * len(x))
    return theta[:-1], float(theta[-1])


def _sigmoid(z: Float64s) -> Float64s:
    return 1 / (1 + np.exp(-np.clip(z, -700, 700)))
