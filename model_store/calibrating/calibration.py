"""Calibration: how often is a class right when the model gives it this probability?

Serving takes a few vectorised lines and no solver, because a calibration is constants of each class, applied
to what the classifier says. `link` says how:

- `softmax`: softmax(scale_k * log p_k + bias_k). One scale and no bias is *temperature*, one scale and a bias
  per class *bcts*, a scale and a bias per class *vector*; with two classes one scale and a bias is *platt*,
  the classic sigmoid on the single logit.
- `sigmoid`, one class against the rest: sigmoid(scale_k * log p_k - rest_k * log(1 - p_k) + bias_k), rows
  then divided by their sum. `rest` equal to `scale`: *platt*; of its own: *beta*. *isotonic* sends the
  log-odds along a broken line instead.
- `independent`, several labels an item: the same without the division, and a method for each label.

*identity* leaves the classifier's own probabilities, the yardstick of the others. Biases matter: training
with class weights moves every class by a constant that no temperature undoes.
`model_store.calibrating.calibrators` fits and chooses.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self, TypeAlias, cast, get_args

import numpy as np
import numpy.typing as npt

from model_store.bundles.canonical import canonical_json
from model_store.calibrating.brokenlines import BrokenLines, Float32s, Float64s, Line
from model_store.data.indicators import AnyLabels, LabelMatrix, Labels, indicators

__all__ = [
    "AnyLabels",
    "Calibration",
    "Float32s",
    "Float64s",
    "LabelMatrix",
    "Labels",
    "Link",
    "LogProbabilities",
    "Method",
    "Probabilities",
    "calibration_digest",
    "indicators",
    "logit",
    "two_sides",
]

Method: TypeAlias = Literal["identity", "temperature", "platt", "beta", "vector", "bcts", "isotonic"]
Link: TypeAlias = Literal["softmax", "sigmoid", "independent"]
LogProbabilities: TypeAlias = npt.NDArray[np.float32]  # (n_items, n_classes)
Probabilities: TypeAlias = npt.NDArray[
    np.float32
]  # (n_items, n_classes), rows sum to 1 but for `independent`

# exp(-80) is 1.8e-35, still a normal float32: no probability is 0, so no threshold is, and p / t is finite.
_FLOOR: Final = np.float32(-80.0)
_CEILING: Final = np.float32(80.0)
# float32 cannot hold a probability nearer to 1 than 6e-8; beyond it the logit would be infinite.
_LOG_ONE: Final = np.float32(-1e-7)
_ONE: Final = np.float32(1.0)
_FORMAT_1: Final = frozenset({"method", "link", "scale", "bias", "choice"})
_KEYS: Final = _FORMAT_1 | {"rest", "lines"}


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Per-class constants that turn the classifier's log-probabilities into calibrated probabilities.

    Parameters
    ----------
    method : Method
        With the link `independent` the one that most labels have; `choice` says which has which.
    scale, bias : float64 array of shape (n_classes,)
        In the order of the bundle's classes.
    choice : mapping
        Why this method: cross-validated log losses in nats, and what the class sizes ruled out.
    rest : float64 array of shape (n_classes,), optional
        What multiplies -log(1 - p), where that is not `scale`. Not for the link `softmax`.
    lines : tuple of Line or None, optional
        From log-odds to log-odds, applied last; None for a class without. Not for the link `softmax`.
    """

    method: Method
    scale: Float64s
    bias: Float64s
    link: Link
    choice: Mapping[str, Any]
    rest: Float64s | None = None
    lines: tuple[Line | None, ...] | None = None
    _scale: Float32s = field(init=False, repr=False)
    _bias: Float32s = field(init=False, repr=False)
    _rest: Float32s | None = field(init=False, repr=False)
    _lines: BrokenLines | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check shapes and keep the float32 copies the hot path multiplies with."""
        if self.method not in get_args(Method):
            raise ValueError(
                f"calibration method {self.method!r}: expected one of {', '.join(get_args(Method))}"
            )
        if self.link not in get_args(Link):
            raise ValueError(f"calibration link {self.link!r}: expected one of {', '.join(get_args(Link))}")
        self._check_numbers()
        object.__setattr__(self, "_scale", self.scale.astype(np.float32))
        object.__setattr__(self, "_bias", self.bias.astype(np.float32))
        object.__setattr__(self, "_rest", None if self.rest is None else self.rest.astype(np.float32))
        object.__setattr__(self, "_lines", None if self.lines is None else BrokenLines(self.lines))

    def _check_numbers(self) -> None:
        shape = self.scale.shape
        fewest = 1 if self.link == "independent" else 2
        if self.scale.ndim != 1 or self.bias.shape != shape or len(self.scale) < fewest:
            raise ValueError(
                f"calibration scale {shape}, bias {self.bias.shape}: expected one number a class"
            )
        if self.link == "softmax" and not (self.rest is None and self.lines is None):
            raise ValueError("calibration rest and lines: expected none with the link softmax")
        if self.rest is not None and self.rest.shape != shape:
            raise ValueError(f"calibration rest {self.rest.shape}: expected one number a class")
        if self.lines is not None and len(self.lines) != len(self.scale):
            raise ValueError(f"calibration lines: {len(self.lines)}, expected one or null a class")
        if self.method == "isotonic" and self.lines is None:
            raise ValueError("calibration method isotonic: expected its lines")
        numbers = (self.scale, self.bias) if self.rest is None else (self.scale, self.bias, self.rest)
        if not all(np.isfinite(each).all() for each in numbers):
            raise ValueError("calibration scale, rest and bias: expected finite numbers")

    @classmethod
    def identity(cls, n_classes: int, *, reason: str = "not fitted", link: Link = "softmax") -> Self:
        """Return the calibration that leaves the classifier's probabilities as they are."""
        return cls("identity", np.ones(n_classes), np.zeros(n_classes), link, {"reason": reason})

    @property
    def n_classes(self) -> int:
        """How many classes it was fitted for."""
        return len(self.scale)

    def apply(self, log_probabilities: LogProbabilities) -> Probabilities:
        """Return calibrated probabilities, float32 (n_items, n_classes), each above 0.

        Rows sum to 1, unless the link is `independent`. A row's result does not depend on the rows beside it.

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
            z = self._each_class(log_probabilities)
            if self.link == "independent":
                return z
        z /= np.add.reduce(z, axis=1, keepdims=True)
        return z

    def _each_class(self, log_probabilities: LogProbabilities) -> Float32s:
        """Return every class's probability against the rest; per class it rises with what it is given."""
        if self._rest is None:
            z = logit(log_probabilities)
            z *= self._scale
        else:
            z, rest = two_sides(log_probabilities)
            z *= self._scale
            rest *= self._rest
            z -= rest
        z += self._bias
        if self._lines is not None:
            z = self._lines(z)
        np.negative(z, out=z)
        np.minimum(z, _CEILING, out=z)
        np.exp(z, out=z)
        z += _ONE
        np.reciprocal(z, out=z)
        return z

    def to_json(self) -> dict[str, Any]:
        """Return what calibration.json holds."""
        lines = self.lines
        return {
            "method": self.method,
            "link": self.link,
            "scale": self.scale.tolist(),
            "rest": None if self.rest is None else self.rest.tolist(),
            "bias": self.bias.tolist(),
            "lines": None if lines is None else [each and each.to_json() for each in lines],
            "choice": dict(self.choice),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read calibration.json, also of format 1; a ValueError names what is missing or malformed."""
        if set(data) not in (_KEYS, _FORMAT_1):
            raise ValueError(f"calibration keys {sorted(data)}: expected {sorted(_KEYS)}")
        if not isinstance(data["choice"], Mapping):
            raise ValueError("calibration choice: expected an object")
        rest, lines = data.get("rest"), data.get("lines")
        if not isinstance(lines, list | None):
            raise ValueError("calibration lines: expected a list or null")
        return cls(
            data["method"],
            _numbers("scale", data["scale"]),
            _numbers("bias", data["bias"]),
            data["link"],
            dict(data["choice"]),
            None if rest is None else _numbers("rest", rest),
            None if lines is None else tuple(each and Line.from_json(each) for each in lines),
        )


def calibration_digest(calibration: Calibration) -> str:
    """Return the sha256 of the canonical JSON, which are the bytes of calibration.json."""
    return hashlib.sha256(canonical_json(calibration.to_json())).hexdigest()


def logit(log_probabilities: LogProbabilities) -> Float32s:
    """Return log p - log(1 - p) from log p, finite for p = 1 and p = 0 in float32."""
    x, rest = two_sides(log_probabilities)
    x -= rest
    return x


def two_sides(log_probabilities: LogProbabilities) -> tuple[Float32s, Float32s]:
    """Return log p and log(1 - p), both finite, from log p."""
    x = np.minimum(log_probabilities, _LOG_ONE, dtype=np.float32)
    np.maximum(x, _FLOOR, out=x)
    rest = np.expm1(x)
    np.negative(rest, out=rest)
    np.log(rest, out=rest)
    return x, rest


def _numbers(key: str, value: object) -> Float64s:
    if not isinstance(value, list) or not all(type(x) in (int, float) for x in value):
        raise ValueError(f"calibration {key}: expected a list of numbers")
    return np.array(cast(list[float], value), dtype=np.float64)
