"""Calibration: how often is a class right when the model gives it this probability?

Every method is affine in what the classifier says, so serving needs a few vectorised lines and no solver:

- `temperature`: softmax(scale * log p), one scale for all classes;
- `platt`, in one of two forms. Joint: softmax(scale * log p + bias_k), one slope and an intercept per class;
  with two classes this is the classic sigmoid on the single logit. One against the rest: sigmoid(scale_k *
  logit p_k + bias_k), rows normalised to 1;
- `identity`: the classifier's own probabilities, the yardstick of the others.

Intercepts matter: training with class weights moves every class by a constant that no temperature undoes.
`model_store.calibrators` fits and chooses.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self, TypeAlias, cast, get_args

import numpy as np
import numpy.typing as npt

from model_store.canonical import canonical_json

Method: TypeAlias = Literal["identity", "temperature", "platt"]
Link: TypeAlias = Literal["softmax", "sigmoid"]
Float32s: TypeAlias = npt.NDArray[np.float32]
Float64s: TypeAlias = npt.NDArray[np.float64]
Labels: TypeAlias = npt.NDArray[np.integer[Any]]  # (n_items,), index of the true class
LogProbabilities: TypeAlias = npt.NDArray[np.float32]  # (n_items, n_classes)
Probabilities: TypeAlias = npt.NDArray[np.float32]  # (n_items, n_classes), rows sum to 1

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
            z = logit(log_probabilities)
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


def logit(log_probabilities: LogProbabilities) -> Float32s:
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
