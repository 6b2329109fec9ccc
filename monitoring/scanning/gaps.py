"""How far do shares lie apart beyond the tolerance, and how large can the deviance be at most?"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.scanning.spans import Floats

_ROUNDING: Final = 1e-6  # items: what is exact is computed in another order


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
    n, m, effective : float64 arrays
        Effective items of window and reference, and n m / (n + m).
    """

    rises: npt.NDArray[np.bool_]
    size: Floats
    pooled: Floats
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
        pooled = np.minimum(share, reference)
        pooled += rise
        pooled += fall
        return cls(share > reference, size, pooled, n, m, n * in_reference)

    def deviance_bound(self) -> Floats:
        """Return what `deviance.binomial_deviance` without continuity correction is at most.

        A deviance is a sum of E ((1 + u) ln(1 + u) - u) with u = (O - E) / E. No logarithm is taken: its Pade
        approximant is never below it and gives u^2 / 2 (3 + u) / (3 + 2 u), most in the smaller of the two
        cells that lost items; in the window's cell that gained, ln(1 + u) <= u / sqrt(1 + u) gives
        u^2 / (1 + sqrt(1 + u)), which stays close where hardly any items were expected.
        """
        side = np.minimum(self.pooled, 1.0)
        side -= ~self.rises  # the share, or in a fall, but for the sign, the share of all others
        np.abs(side, out=side)
        np.maximum(side, 1e-15, out=side)
        rest = 1.0 - side
        np.maximum(rest, 1e-15, out=rest)
        gaining = self.n * side
        lost = np.minimum(self.n - gaining, self.m * side)
        np.maximum(lost, 1e-200, out=lost)
        moved = self.size * self.effective
        np.divide(moved, lost, out=lost)
        np.minimum(lost, 1.0, out=lost)
        lost /= 3.0 - 2.0 * lost  # with u = -lost, (3 + u) / (3 + 2 u) is 1 + lost / (3 - 2 lost)
        lost += 1.0
        np.divide(moved, gaining, out=gaining)
        own = moved * gaining
        gaining += 1.0
        np.sqrt(gaining, out=gaining)
        gaining += 1.0
        np.divide(2.0, gaining, out=gaining)
        rest *= side
        moved *= self.size
        moved /= rest
        moved -= own
        moved *= lost
        own *= gaining
        moved += own
        return np.maximum(moved, 0.0, out=moved)

    def corrected(self, bound: Floats, continuity: float) -> Floats:
        """Return a bound of the deviance with so many items moved towards equality first.

        The deviance is convex in the items apart and 0 without any, so what is left of them bounds what is
        left of it. As `deviance.signed_root` has it nothing is left within half an item, and where more than
        that and less than one lies apart none is moved: the root without continuity correction bounds it.
        """
        kept = self.size * self.effective
        items = kept >= 1.0
        some = kept >= 0.5 - _ROUNDING
        kept += _ROUNDING
        np.divide(items, kept, out=kept)
        kept *= -continuity
        kept += some
        kept *= bound
        return kept
