"""How far do shares lie apart beyond the tolerance, and how large can the deviance be at most?"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.scanning.spans import Floats

TINY: Final = 1e-200  # in place of a share of nothing, to be divided by; what is divided is below 1e100


@dataclass(frozen=True, slots=True, eq=False)
class Gaps:
    """Window shares beside reference shares, cell by cell; all arrays broadcast together.

    Attributes
    ----------
    rises : bool array
        Whether the window's share is the larger one.
    size : float64 array
        What is left of the difference when the larger share is lowered by the tolerance; never negative.
    pooled : float64 array
        Share of the cell's column in both together, of effective items, after that.
    lift : float64 array
        How far that lies above the smaller of the two shares.
    n, m, effective : float64 arrays
        Effective items of window and reference, and n m / (n + m).
    """

    rises: npt.NDArray[np.bool_]
    size: Floats
    pooled: Floats
    lift: Floats
    n: Floats
    m: Floats
    effective: Floats

    @classmethod
    def between(
        cls,
        share: Floats,
        reference: Floats,
        *,
        n: Floats,
        m: Floats,
        tolerance: Floats,
        tolerance_abs: Floats,
    ) -> "Gaps":
        """Compare shares.

        Parameters
        ----------
        share, reference : float64 arrays
            Shares of window and reference.
        n, m : float64 arrays
            Effective items of window and reference.
        tolerance, tolerance_abs : float64 arrays
            By which the larger share is lowered, at most to equality.
        """
        ratio = 1.0 / (1.0 + tolerance)
        if (tolerance * tolerance_abs).any():
            rise = np.minimum(share * ratio, share - tolerance_abs) - reference
            fall = np.minimum(reference * ratio, reference - tolerance_abs) - share
        else:  # the usual case needs fewer steps: no column has both
            rise = share * ratio
            rise -= reference + tolerance_abs
            fall = (reference * ratio - tolerance_abs) - share
        np.maximum(rise, 0.0, out=rise)
        np.maximum(fall, 0.0, out=fall)
        size = rise + fall  # at most one of them is positive
        in_reference = m / (n + m)
        rise *= 1.0 - in_reference
        fall *= in_reference
        rise += fall
        pooled = np.minimum(share, reference)
        pooled += rise
        return cls(share > reference, size, pooled, rise, n, m, n * in_reference)

    def squares(self) -> Floats:
        """Return what the deviance of both shares is at most, times 1 - `pooled`: its part of a mix's.

        A deviance is twice a sum of E ((1 + u) ln(1 + u) - u) with u = (O - E) / E, and Pearson's chi-square
        of E u^2 / 2. The Pade approximant u^2 / 2 (3 + u) / (3 + 2 u) is never below the former; what the two
        cells lost that lost items is added up here.
        """
        own, rest = np.maximum(self.pooled, TINY), np.maximum(1.0 - self.pooled, TINY)
        squares = self.size * self.size
        squares *= self.effective
        squares /= own
        lost = np.divide(self.lift, own, out=own)
        lost += np.divide(self.size - self.lift, rest, out=rest)
        np.minimum(lost, 1.0, out=lost)
        lost /= 3.0 - 2.0 * lost  # with u = -lost, (3 + u) / (3 + 2 u) is 1 + lost / (3 - 2 lost)
        lost += 1.0
        squares *= lost
        return squares
