"""Where does live traffic differ from the validation data? A report for people, never an alarm."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.scanning.budget import column_weights
from monitoring.scanning.evidence import class_evidence

MISMATCH_ERROR_RATE: Final = 0.01  # of naming any category although nothing differs


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A category whose live share is not what validation data had.

    Attributes
    ----------
    live, validation : float
        Shares in [0, 1].
    evidence : float
        -ln p of the difference, less the category's share of the error budget, in nats.
    """

    category: str
    live: float
    validation: float
    evidence: float

    def __str__(self) -> str:
        direction = "more" if self.live > self.validation else "less"
        return (
            f"{self.category} is {direction} frequent in live traffic ({self.live:.2%}) "
            f"than in the validation data ({self.validation:.2%})"
        )


def validation_mismatch(
    categories: Sequence[str],
    live: npt.NDArray[np.int64],
    validation: npt.NDArray[np.int64],
    *,
    inflation: Sequence[float] | None = None,
    tolerance: float = 0.0,
    tolerance_abs: float = 0.0,
) -> tuple[Mismatch, ...]:
    """Compare live counts with a bundle's validation counts, once; most certain difference first.

    A report for people, never an alarm: labelled data are seldom a random sample of traffic. If nothing
    differs, a category is named with a probability of at most 1 %.

    Parameters
    ----------
    categories : sequence of length n_categories
    live, validation : int64 array of shape (n_categories,)
        Both counted under the same policy.
    inflation : sequence of length n_categories, optional
        Variance of the live counts over that of independent items; without it they are taken as independent.
    """
    n, m = int(live.sum()), int(validation.sum())
    if n == 0 or m == 0:
        return ()
    weights = column_weights("mix", validation)
    tested = np.flatnonzero(weights.any(axis=0))
    evidence, _ = class_evidence(
        live[tested].astype(np.float64),
        np.array([float(n)]),
        validation[tested].astype(np.float64),
        float(m),
        lengths=np.array([1]),
        log_weights=np.log(weights[:, tested]),
        tolerance=tolerance,
        tolerance_abs=tolerance_abs,
        phi=1.0 if inflation is None else np.array(inflation)[tested],
    )
    found = [
        Mismatch(categories[k], int(live[k]) / n, int(validation[k]) / m, float(e))
        for k, e in zip(tested.tolist(), evidence, strict=True)
        if e >= -math.log(MISMATCH_ERROR_RATE)
    ]
    return tuple(sorted(found, key=lambda m: (-m.evidence, m.category)))
