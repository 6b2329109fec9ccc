"""Broken lines: where does a monotone line through knots send a number, for every class at once?

Isotonic calibration is stored as such lines, from log-odds to log-odds. Beyond its first and last knot a line
goes on with slope 1, so that two items with different scores never get the same probability.
"""

from collections.abc import Sequence
from typing import Any, Final, Self, TypeAlias, cast

import numpy as np
import numpy.typing as npt

Float32s: TypeAlias = npt.NDArray[np.float32]
Float64s: TypeAlias = npt.NDArray[np.float64]

# Log-odds of float32 probabilities are within -80 and 17, and knots too; classes lie further apart than that.
_LARGEST: Final = 256.0
_APART: Final = 1024.0


class Line:
    """A strictly increasing line through knots.

    Parameters
    ----------
    x, y : float64 array of shape (n_knots,)
        Both strictly ascending, at least one knot.

    Raises
    ------
    ValueError
        For knots that are none: not finite, not ascending, or of unequal number.
    """

    __slots__ = ("x", "y")

    def __init__(self, x: Float64s, y: Float64s) -> None:
        if x.ndim != 1 or x.shape != y.shape or not len(x):
            raise ValueError(f"knots {x.shape} and {y.shape}: expected as many of one as of the other")
        if not (np.abs(x) < _LARGEST).all() or not (np.abs(y) < _LARGEST).all():
            raise ValueError(f"knots: expected numbers within {_LARGEST:g} of 0")
        if not ((np.diff(x) > 0).all() and (np.diff(y) > 0).all()):
            raise ValueError("knots: expected ascending numbers, none twice")
        self.x, self.y = x, y

    def to_json(self) -> list[list[float]]:
        """Return the two lists."""
        return [self.x.tolist(), self.y.tolist()]

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read what `to_json` wrote; a ValueError says what is malformed."""
        if not isinstance(data, list) or len(data) != 2 or not all(isinstance(side, list) for side in data):
            raise ValueError("knots: expected two lists of numbers a class")
        if not all(type(number) in (int, float) for side in data for number in side):
            raise ValueError("knots: expected numbers")
        x, y = (np.array(cast(list[float], side), dtype=np.float64) for side in data)
        return cls(x, y)


class BrokenLines:
    """The lines of all classes, laid out so that one search finds the segment of every number.

    Parameters
    ----------
    lines : sequence of Line or None
        One a class; None leaves its numbers as they are.
    """

    __slots__ = ("_classes", "_from", "_knots", "_shift", "_slope", "_to")

    def __init__(self, lines: Sequence[Line | None]) -> None:
        whole = [line or Line(np.zeros(1), np.zeros(1)) for line in lines]
        self._classes = np.arange(len(whole))
        self._shift = self._classes * _APART
        self._knots = np.concatenate([line.x + k * _APART for k, line in enumerate(whole)])
        # A line of m knots has m + 1 segments: one before its first knot, and one from each knot on.
        self._from = np.concatenate([np.append(line.x[0], line.x) for line in whole])
        self._to = np.concatenate([np.append(line.y[0], line.y) for line in whole])
        self._slope = np.concatenate(
            [np.concatenate([[1.0], np.diff(line.y) / np.diff(line.x), [1.0]]) for line in whole]
        )

    def __call__(self, z: Float32s) -> Float32s:
        """Return where each number of `z`, float32 (n_items, n_classes), is sent."""
        exact = z.astype(np.float64)
        place = np.clip(exact, -_LARGEST, _LARGEST) + self._shift
        segment = np.searchsorted(self._knots, place, side="right") + self._classes
        # In double precision, rounded once: rounding is monotone, so the order of items survives.
        sent = self._to[segment] + (exact - self._from[segment]) * self._slope[segment]
        return cast(Float32s, sent.astype(np.float32))
