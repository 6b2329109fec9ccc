"""One against the rest: with which constants does a class's own probability become a calibrated one?

A curve is sigmoid(scale * log p - rest * log(1 - p) + bias), sent along a line of log-odds where it has one.
All of them rise strictly, so no order of items is turned and no two scores become one: the thresholds'
order statistics keep every candidate they had.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from model_store.calibrating.brokenlines import Line
from model_store.calibrating.calibration import Calibration, Link, Method

# Log-odds rise at least by this much of what they were. A slope of 0 or less, of a class that the model knows
# nothing of, would make items equal or turn their order.
FLATTEST: Final = 0.01


@dataclass(frozen=True, slots=True)
class Curve:
    """The constants of one class."""

    scale: float = 1.0
    rest: float = 1.0
    bias: float = 0.0
    line: Line | None = None

    @property
    def mirrored(self) -> Self:
        """The curve of the other class, where there are two."""
        line = self.line and Line(-self.line.x[::-1], -self.line.y[::-1])
        return type(self)(self.rest, self.scale, -self.bias, line)


UNCHANGED: Final = Curve()


def calibration_of(
    method: Method, curves: Sequence[Curve], link: Link, choice: dict[str, Any]
) -> Calibration:
    """Return the calibration that gives each class its curve."""
    scale = np.array([curve.scale for curve in curves])
    rest = np.array([curve.rest for curve in curves])
    lines = tuple(curve.line for curve in curves)
    return Calibration(
        method,
        scale,
        np.array([curve.bias for curve in curves]),
        link,
        choice,
        None if (rest == scale).all() else rest,
        None if all(line is None for line in lines) else lines,
    )
