"""Calibration: how often is a class right when the model gives it this probability?

Every method is affine in what the classifier says, so serving needs a few vectorised lines and no solver:

- `temperature`: softmax(scale * log p), one scale for all classes;
- `platt`, in one of two forms. Joint: softmax(scale * log p + bias_k), one slope and an intercept per class;
  with two classes this is the classic sigmoid on the single logit. One against the rest: sigmoid(scale_k *
  logit p_k + bias_k), rows normalised to 1;
- `identity`: the classifier's own probabilities, the yardstick of the others.

Intercepts matter: training with class weights moves every class by a constant that no temperature undoes.

Sources: Platt 1999 with the targets and Newton steps of Lin, Lin and Weng, *A note on Platt's probabilistic
outputs for support vector machines*, 2007; Guo et al., *On calibration of modern neural networks*, 2017; the
joint form is the bias-corrected temperature scaling of Alexandari et al., *Maximum likelihood with
bias-corrected calibration is hard-to-beat at label shift adaptation*, 2020.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Self, TypeAlias, cast, get_args

import numpy as np
import numpy.typing as npt

from model_store.canonical import canonical_json

Method: TypeAlias = Literal["identity", "temperature", "platt"]
Link: TypeAlias = Literal["softmax", "sigmoid"]
Candidate: TypeAlias = Literal["identity", "temperature", "platt_joint", "platt_one_vs_rest"]
Float32s: TypeAlias = npt.NDArray[np.float32]
Float64s: TypeAlias = npt.NDArray[np.float64]
Labels: TypeAlias = npt.NDArray[np.integer[Any]]  # (n_items,), index of the true class
LogProbabilities: TypeAlias = npt.NDArray[np.float32]  # (n_items, n_classes)
Probabilities: TypeAlias = npt.NDArray[np.float32]  # (n_items, n_classes), rows sum to 1

PLATT_POSITIVES: Final = 20
FOLDS: Final = 5
# Precisions of normal priors, in rows: weak enough to vanish on real data, and separable rows stay finite.
_SCALE_PRIOR: Final = 0.01
_BIAS_PRIOR: Final = 1.0
# exp(-80) is 1.8e-35, still a normal float32: no probability is 0, so no threshold is, and p / t is finite.
_FLOOR: Final = np.float32(-80.0)
_CEILING: Final = np.float32(80.0)
# float32 cannot hold a probability nearer to 1 than 6e-8; beyond it the logit would be infinite.
_LOG_ONE: Final = np.float32(-1e-7)
_ONE: Final = np.float32(1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Per-class constants that turn the classifier's log-probabilities into calibrated probabilities.

    Parameters
    ----------
    scale, bias : float64 array of shape (n_classes,)
        In the order of the bundle's classes.
    choice : mapping
        Why this method: cross-validated log losses in nats, and what the class sizes ruled out.
    """

    method: Method
    scale: Float64s
    bias: Float64s
    link: Link
    choice: Mapping[str, Any]
    _scale: Float32s = field(init=False, repr=False)
    _bias: Float32s = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check shapes and keep the float32 copies the hot path multiplies with."""
        if self.method not in get_args(Method):
            raise ValueError(
                f"calibration method {self.method!r}: expected one of {', '.join(get_args(Method))}"
            )
        if self.link not in get_args(Link):
            raise ValueError(f"calibration link {self.link!r}: expected one of {', '.join(get_args(Link))}")
        if self.scale.ndim != 1 or self.scale.shape != self.bias.shape or len(self.scale) < 2:
            raise ValueError(
                f"calibration scale {self.scale.shape}, bias {self.bias.shape}: expected one number a class"
            )
        if not (np.isfinite(self.scale).all() and np.isfinite(self.bias).all()):
            raise ValueError("calibration scale and bias: expected finite numbers")
        object.__setattr__(self, "_scale", self.scale.astype(np.float32))
        object.__setattr__(self, "_bias", self.bias.astype(np.float32))

    @classmethod
    def identity(cls, n_classes: int, *, reason: str = "not fitted") -> Self:
        """Return the calibration that leaves the classifier's probabilities as they are."""
        return cls("identity", np.ones(n_classes), np.zeros(n_classes), "softmax", {"reason": reason})

    @property
    def n_classes(self) -> int:
        """How many classes it was fitted for."""
        return len(self.scale)

    def apply(self, log_probabilities: LogProbabilities) -> Probabilities:
        """Return calibrated probabilities, float32 (n_items, n_classes), each above 0, rows sum to 1.

        A row's result does not depend on the rows beside it.

        Examples
        --------
        >>> log_p = np.log(np.array([[0.25, 0.75]], dtype=np.float32))
        >>> Calibration.identity(2).apply(log_p).round(2).tolist()
        [[0.25, 0.75]]
        """
        if self.link == "softmax":
            z = np.multiply(log_probabilities, self._scale, dtype=np.float32)
            z += self._bias
            z -= np.maximum.reduce(z, axis=1, keepdims=True)
            np.maximum(z, _FLOOR, out=z)
            np.exp(z, out=z)
        else:
            z = _logit(log_probabilities)
            z *= self._scale
            z += self._bias
            np.negative(z, out=z)
            np.minimum(z, _CEILING, out=z)
            np.exp(z, out=z)
            z += _ONE
            np.reciprocal(z, out=z)
        z /= np.add.reduce(z, axis=1, keepdims=True)
        return z

    def to_json(self) -> dict[str, Any]:
        """Return what calibration.json holds."""
        return {
            "method": self.method,
            "link": self.link,
            "scale": self.scale.tolist(),
            "bias": self.bias.tolist(),
            "choice": dict(self.choice),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read calibration.json; a ValueError names what is missing or malformed."""
        expected = {"method", "link", "scale", "bias", "choice"}
        if set(data) != expected:
            raise ValueError(f"calibration keys {sorted(data)}: expected {sorted(expected)}")
        if not isinstance(data["choice"], Mapping):
            raise ValueError("calibration choice: expected an object")
        return cls(
            data["method"],
            _numbers("scale", data["scale"]),
            _numbers("bias", data["bias"]),
            data["link"],
            dict(data["choice"]),
        )


def calibration_digest(calibration: Calibration) -> str:
    """Return the sha256 of the canonical JSON, which are the bytes of calibration.json."""
    return hashlib.sha256(canonical_json(calibration.to_json())).hexdigest()


def fit_calibration(
    log_probabilities: LogProbabilities, labels: Labels, *, seed: int, classes: Sequence[str] | None = None
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


def log_loss(probabilities: npt.NDArray[np.floating[Any]], labels: Labels) -> float:
    """Return the mean negative log of the probability given to the true class, in nats."""
    if len(labels) == 0:
        return 0.0
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(own, 1e-300)).mean())


def classwise_ece(probabilities: Probabilities, labels: Labels, *, bins: int = 15) -> Float64s:
    """Return the expected calibration error of every class, shape (n_classes,), as a ratio in [0, 1].

    Per class the items are cut into `bins` bins of equal mass by their probability of *that* class (tied
    values share a bin), and the gaps between mean probability and share of positives are averaged by mass.
    Top-label ECE would hide a rare class behind the common one (Nixon et al. 2019).

    Examples
    --------
    >>> p = np.array([[0.8, 0.2], [0.8, 0.2], [0.8, 0.2], [0.8, 0.2]], dtype=np.float32)
    >>> classwise_ece(p, np.array([0, 0, 0, 1])).round(2).tolist()
    [0.05, 0.05]
    """
    n, n_classes = probabilities.shape
    if n == 0:
        raise ValueError("classwise_ece of no items: expected at least one")
    starts = (np.arange(1, bins) * n) // bins
    errors = np.empty(n_classes)
    for k in range(n_classes):
        p = probabilities[:, k].astype(np.float64)
        bin_of = np.searchsorted(np.sort(p)[starts], p, side="right")
        gap = np.bincount(bin_of, weights=p - (labels == k), minlength=bins)
        errors[k] = np.abs(gap).sum() / n
    return errors


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
    logits = _logit(log_probabilities).astype(np.float64)
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


def _logit(log_probabilities: LogProbabilities) -> Float32s:
    """Return log p - log(1 - p) from log p, finite for p = 1 and p = 0 in float32."""
    x = np.minimum(log_probabilities, _LOG_ONE, dtype=np.float32)
    np.maximum(x, _FLOOR, out=x)
    rest = np.expm1(x)
    np.negative(rest, out=rest)
    np.log(rest, out=rest)
    x -= rest
    return x


def _numbers(key: str, value: object) -> Float64s:
    if not isinstance(value, list) or not all(type(x) in (int, float) for x in value):
        raise ValueError(f"calibration {key}: expected a list of numbers")
    return np.array(cast(list[float], value), dtype=np.float64)
