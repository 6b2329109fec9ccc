"""Calibrators: which calibration suits these rows, and with which constants?

Candidates are fitted on rows the classifier has not seen and chosen by cross-validated log loss, among those
the class sizes admit. `platt_joint` has one slope and an intercept per class, `platt_one_vs_rest` a slope and
an intercept per class on that class's logit; with two classes both are Platt's sigmoid on the single logit.

Sources: Platt 1999 with the targets and Newton steps of Lin, Lin and Weng, *A note on Platt's probabilistic
outputs for support vector machines*, 2007; Guo et al., *On calibration of modern neural networks*, 2017; the
joint form is the bias-corrected temperature scaling of Alexandari et al., *Maximum likelihood with
bias-corrected calibration is hard-to-beat at label shift adaptation*, 2020.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from model_store.calibration import (
    AnyLabels,
    Calibration,
    Float64s,
    Labels,
    LogProbabilities,
    log_loss,
    logit,
)

Candidate: TypeAlias = Literal["identity", "temperature", "platt_joint", "platt_one_vs_rest"]

PLATT_POSITIVES: Final = 20
FOLDS: Final = 5
# Precisions of normal priors, in rows: weak enough to vanish on real data, and separable rows stay finite.
_SCALE_PRIOR: Final = 0.01
_BIAS_PRIOR: Final = 1.0


def fit_calibration(
    log_probabilities: LogProbabilities,
    labels: AnyLabels,
    *,
    seed: int,
    classes: Sequence[str] | None = None,
    task: str = "multiclass",  # noqa: ARG001
    groups: npt.NDArray[np.integer[Any]] | None = None,  # noqa: ARG001
) -> Calibration:
    """Fit every method the class sizes admit and return the one with the least cross-validated log loss.

    Parameters
    ----------
    log_probabilities : float32 array of shape (n_items, n_classes)
        From rows the classifier was not trained on, and the thresholds will not be fitted on.
    labels : int array of shape (n_items,)
    seed : int
        Decides the stratified folds.
    classes : sequence of str, optional
        Names for the reasons; without it classes are numbered.

    Notes
    -----
    Platt needs `PLATT_POSITIVES` rows on both sides of every class, temperature two rows a fold. On a tie the
    method with fewer parameters wins.
    """
    n_classes = log_probabilities.shape[1]
    admitted, excluded = _admitted(np.bincount(labels, minlength=n_classes), len(labels), classes)
    fold_of = _folds(labels, np.random.default_rng(seed))
    losses = {c: _cross_validated(c, log_probabilities, labels, fold_of) for c in admitted}
    best = min(losses, key=losses.__getitem__)
    choice = {
        "criterion": f"least log loss in nats, {FOLDS} stratified folds",
        "chosen": best,
        "log_loss": losses,
        "excluded": excluded,
        "n_items": len(labels),
        "reason": _reason(best, losses, excluded),
    }
    return replace(_FIT[best](log_probabilities, labels), choice=choice)


def _admitted(
    counts: npt.NDArray[np.int64], n: int, classes: Sequence[str] | None
) -> tuple[tuple[Candidate, ...], dict[str, str]]:
    excluded: dict[str, str] = {}
    sides = np.minimum(counts, n - counts)
    smallest = int(np.argmin(sides))
    if sides[smallest] < PLATT_POSITIVES:
        name = classes[smallest] if classes is not None else str(smallest)
        which = "positives" if counts[smallest] <= n - counts[smallest] else "negatives"
        excluded["platt"] = f"class {name!r} has {sides[smallest]} {which}, {PLATT_POSITIVES} needed"
    if n < 2 * FOLDS:
        excluded["temperature"] = f"{n} rows, {2 * FOLDS} needed"
    # With two classes one against the rest is the joint form.
    forms = get_args(Candidate) if len(counts) > 2 else get_args(Candidate)[:-1]
    return tuple(c for c in forms if c.split("_")[0] not in excluded), excluded


def _reason(best: Candidate, losses: Mapping[Candidate, float], excluded: Mapping[str, str]) -> str:
    others = ", ".join(f"{c} {x:.4f}" for c, x in losses.items() if c != best)
    out = "".join(f"; {method} not tried: {why}" for method, why in excluded.items())
    return (
        f"{best} has the least log loss, {losses[best]:.4f}"
        + (f" (against {others})" if others else "")
        + out
    )


def _folds(labels: Labels, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Deal each class's rows round-robin into the folds, in random order."""
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    fold_of = np.empty(len(labels), dtype=np.int64)
    fold_of[order] = np.arange(len(labels)) % FOLDS
    return fold_of


def _cross_validated(
    candidate: Candidate, log_probabilities: LogProbabilities, labels: Labels, fold_of: npt.NDArray[np.int64]
) -> float:
    total = 0.0
    for fold in range(FOLDS):
        held_out = fold_of == fold
        calibration = _FIT[candidate](log_probabilities[~held_out], labels[~held_out])
        total += log_loss(calibration.apply(log_probabilities[held_out]), labels[held_out]) * int(
            held_out.sum()
        )
    return total / max(len(labels), 1)


def _fit_identity(log_probabilities: LogProbabilities, labels: Labels) -> Calibration:  # noqa: ARG001
    return Calibration.identity(log_probabilities.shape[1])


def _fit_temperature(log_probabilities: LogProbabilities, labels: Labels) -> Calibration:
    """Find the scale where the convex log loss is flat: Newton, kept inside a shrinking bracket."""
    z = log_probabilities.astype(np.float64)
    own = z[np.arange(len(labels)), labels]
    low, high, scale = 0.05, 20.0, 1.0
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


def _fit_joint(log_probabilities: LogProbabilities, labels: Labels) -> Calibration:
    """Fit one scale and a bias per class by Newton on the convex penalised log loss."""
    z = log_probabilities.astype(np.float64)
    n_classes = z.shape[1]
    if n_classes == 2:
        slope, intercept = _sigmoid_fit(z[:, 1] - z[:, 0], labels == 1)
        return Calibration("platt", np.full(2, slope), np.array([0.0, intercept]), "softmax", {})
    one_hot = labels[:, None] == np.arange(n_classes)
    own = z[one_hot].sum()
    prior = np.array([*np.full(n_classes, _BIAS_PRIOR), _SCALE_PRIOR])
    centre = np.array([*np.zeros(n_classes), 1.0])

    def loss(theta: Float64s) -> float:
        scores = theta[-1] * z + theta[:-1]
        top = scores.max(axis=1)
        normaliser = (np.log(np.exp(scores - top[:, None]).sum(axis=1)) + top).sum()
        return float(normaliser - scores[one_hot].sum() + (prior * (theta - centre) ** 2).sum() / 2)

    def derivatives(theta: Float64s) -> tuple[Float64s, Float64s]:
        p = _softmax(theta[-1] * z + theta[:-1])
        expected = (p * z).sum(axis=1)
        gradient = np.append(p.sum(axis=0) - one_hot.sum(axis=0), expected.sum() - own)
        hessian = np.empty((n_classes + 1, n_classes + 1))
        hessian[:-1, :-1] = np.diag(p.sum(axis=0)) - p.T @ p
        hessian[-1, :-1] = hessian[:-1, -1] = (p * (z - expected[:, None])).sum(axis=0)
        hessian[-1, -1] = ((p * z * z).sum(axis=1) - expected**2).sum()
        return gradient + prior * (theta - centre), hessian + np.diag(prior)

    theta = _newton(centre, loss, derivatives, tolerance=1e-9 * len(labels))
    return Calibration("platt", np.full(n_classes, theta[-1]), theta[:-1] - theta[:-1].mean(), "softmax", {})


def _fit_one_vs_rest(log_probabilities: LogProbabilities, labels: Labels) -> Calibration:
    logits = logit(log_probabilities).astype(np.float64)
    fits = np.array([_sigmoid_fit(logits[:, k], labels == k) for k in range(logits.shape[1])])
    return Calibration("platt", fits[:, 0].copy(), fits[:, 1].copy(), "sigmoid", {})


_FIT: Final[Mapping[Candidate, Callable[[LogProbabilities, Labels], Calibration]]] = {
    "identity": _fit_identity,
    "temperature": _fit_temperature,
    "platt_joint": _fit_joint,
    "platt_one_vs_rest": _fit_one_vs_rest,
}


def _sigmoid_fit(x: Float64s, positive: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Fit sigmoid(slope * x + intercept); Platt's soft targets keep it finite."""
    n_positive = int(positive.sum())
    n_negative = len(x) - n_positive
    target = np.where(positive, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    design = np.stack([x, np.ones_like(x)], axis=1)

    def loss(theta: Float64s) -> float:
        z = design @ theta
        return float((np.logaddexp(0, z) - target * z).sum())

    def derivatives(theta: Float64s) -> tuple[Float64s, Float64s]:
        p = 1 / (1 + np.exp(-np.clip(design @ theta, -700, 700)))
        return design.T @ (p - target), (design * (p * (1 - p))[:, None]).T @ design + 1e-10 * np.eye(2)

    start = np.array([0.0, math.log((n_positive + 1) / (n_negative + 1))])
    slope, intercept = _newton(start, loss, derivatives, tolerance=1e-8 * len(x))
    return float(slope), float(intercept)


def _newton(
    theta: Float64s,
    loss: Callable[[Float64s], float],
    derivatives: Callable[[Float64s], tuple[Float64s, Float64s]],
    *,
    tolerance: float,
) -> Float64s:
    """Minimise a convex loss by Newton steps, halved until the loss falls, until the gradient is flat."""
    current = loss(theta)
    for _ in range(100):
        gradient, hessian = derivatives(theta)
        if np.abs(gradient).max() < tolerance:
            break
        step = np.linalg.solve(hessian, gradient)
        descent, size = float(gradient @ step), 1.0
        while (new := loss(theta - size * step)) > current - 1e-4 * size * descent and size > 1e-8:
            size /= 2
        if new >= current:
            break
        theta, current = theta - size * step, new
    return theta


def _softmax(scores: Float64s) -> Float64s:
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    normalised: Float64s = p / p.sum(axis=1, keepdims=True)
    return normalised
