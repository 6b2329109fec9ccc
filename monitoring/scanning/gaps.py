"""How far do shares lie apart beyond the tolerance, and how large can the deviance be at most?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from monitoring.scanning.spans import Floats


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
            lowered = np.minimum(reference * ratio, reference - tolerance_abs)
        else:  # the usual case needs fewer steps: no column has both
            rise = share * ratio
            rise -= reference + tolerance_abs
            lowered = reference * ratio - tolerance_abs
        size = np.maximum(rise, lowered - share)  # at most one of them is positive
        np.maximum(size, 0.0, out=size)
        rises = share > reference
        in_reference = m / (n + m)
        pooled = np.minimum(share, reference)
        pooled += size * np.where(rises, 1.0 - in_reference, in_reference)
        return cls(rises, size, pooled, n, m, n * in_reference)

    def rows(self, start: int, stop: int, columns: slice) -> "Gaps":
        """Return the cells of some windows and columns, where each window is a row."""

        def part(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
            rows = values[start:stop] if values.ndim > 1 and len(values) > 1 else values
            return rows[..., columns] if rows.shape[-1] > 1 else rows

        held = (self.rises, self.size, self.pooled, self.n, self.m, self.effective)
        return Gaps(*(part(values) for values in held))

    def deviance_bound(self) -> Floats:
        """Return what `deviance.binomial_deviance` without continuity correction is at most.

        A deviance is a sum of E ((1 + u) ln(1 + u) - u) with u = (O - E) / E. No logarithm is taken: its Pade
        approximant is never below it and gives u^2 / 2 (3 + u) / (3 + 2 u), most in the smaller of the two
        cells that lost items; in the window's cell that gained, ln(1 + u) <= u / sqrt(1 + u) gives
        u^2 / (1 + sqrt(1 + u)), which stays close where hardly any items were expected.
        """
        share = np.maximum(self.pooled, 1e-200)
        rest = 1.0 - share
        np.maximum(rest, 1e-15, out=rest)
        side = np.where(self.rises, share, rest)
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
        rest *= share
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
        left of it. Where more than half an item and less than one lies apart none is moved: the score is
        bounded by the root without continuity correction there, see `deviance.signed_root`.
        """
        kept = self.size * self.effective
        fraction = (kept > 0.5) & (kept < 1.0)
        np.maximum(kept, continuity, out=kept)
        np.divide(continuity, kept, out=kept)
        np.subtract(1.0, kept, out=kept)
        kept[fraction] = 1.0
        kept *= bound
        return kept
