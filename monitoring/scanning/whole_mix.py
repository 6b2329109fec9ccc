"""Has the mix as a whole moved, though perhaps no category shows it alone?

Rare categories are pooled, rarest in the reference first, until a group holds five effective items; the
deviances of the groups, each at most that of clumps, are added up and turned into a normal score.
"""

import math
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

from monitoring.scanning.deviance import binomial_deviance, negative_binomial_deviance
from monitoring.scanning.pooling import ALL, Cells, Pooled, grouped
from monitoring.scanning.spans import Floats

_LEAST_EXPECTED: Final = 0.5  # floor of the expected items in corrections for small counts
_ONE: Final = np.ones((1, 1))
_AT_ONCE: Final = 900  # cells looked at closely before the next
_ROUNDING: Final = 1e-6  # added to bounds: what is exact is summed in another order


@dataclass(frozen=True, slots=True)
class Mix:
    """A mix that is also tested as a whole.

    Attributes
    ----------
    start, stop : int
        Its columns, `stop` exclusive; at least three.
    budget : float
        Its share of the false-alarm budget, in (0, 1).
    """

    start: int
    stop: int
    budget: float


@dataclass(frozen=True, slots=True, eq=False)
class MixInflation:
    """Variance inflation of a mix: arrays that broadcast with its counts; see `dispersion.Inflation`.

    Attributes
    ----------
    phi : float64 array of shape (..., n_categories)
    reference : float64 array of shape (n_categories,) or (..., n_categories)
    pool_nu : float64 array of shape (...)
    """

    phi: Floats
    reference: Floats
    pool_nu: Floats


@dataclass(frozen=True, slots=True, eq=False)
class WholeMix:
    """Windows whose mix is compared with a reference's as a whole.

    Attributes
    ----------
    cells : Cells
        One row a window, category by category.
    valid : bool array of shape (n_rows,)
        Window and reference hold items.
    log_lengths : float64 array of shape (n_rows,)
        Logarithm of the buckets.
    nu : float64 array of shape (n_rows,)
        Degrees of freedom of the variance inflation; infinite for independent items.
    """

    cells: Cells
    valid: npt.NDArray[np.bool_]
    log_lengths: Floats
    nu: Floats

    def evidence(self) -> Floats:
        """Return -ln p + ln L of every row, in nats.

        0 where the mix differs by no more than is usual, or fewer than two groups are left.
        """
        return self._exact(grouped(self.cells), slice(None))

    def largest(self, squares: Floats, *, above: float = 0.0) -> tuple[float, int]:
        """Return the largest evidence and its row, or `above` and 0 where none is larger.

        Parameters
        ----------
        squares : float64 array of shape (n_rows, n_categories)
            `Gaps.squares` of the cells as they are.
        above : float
            Rows that cannot have more are not looked at closely.
        """
        best, pools = (above, 0), Pooled.of(self.cells)
        bound = self._bound(squares, pools)
        few = 0 if pools is None else len(pools.by_worth[0])
        rows = few + np.flatnonzero(bound[few:] > above)
        if len(rows):
            best = self._search(self.cells.take(rows), rows, bound[rows], best)
        rows = np.flatnonzero(bound[:few] > best[0])
        if pools is not None and len(rows):
            group, full = pools.by_worth
            cells = grouped(self.cells.take(rows), (group[rows], full[rows]))
            best = self._search(cells, rows, bound[rows], best)
        return best

    def _bound(self, squares: Floats, pools: Pooled | None) -> Floats:
        """Return what the evidence of each row is at most."""
        if pools is None:
            summed, groups = squares.sum(axis=1), np.array([squares.shape[1]])
        else:
            alone, groups = squares.copy(), pools.count
            alone.ravel()[pools.members] = 0.0
            together = pools.groups.gaps().squares()[0]
            summed = alone.sum(axis=1) + np.bincount(pools.rows, together, minlength=len(alone))
        return self._evidence(_tail_bound(summed, groups, self.nu), slice(None))

    def _search(
        self, cells: Cells, rows: npt.NDArray[np.intp], bound: Floats, best: tuple[float, int]
    ) -> tuple[float, int]:
        """Return the larger of `best` and the largest evidence in `rows`; `cells` holds those."""
        while (bound > best[0]).any():
            promising = np.argsort(-bound)[: max(_AT_ONCE // cells.a.shape[1], 1)]
            promising = promising[bound[promising] > best[0]]
            found = self._exact(cells.take(promising), rows[promising])
            best = max(best, (float(found.max()), int(rows[promising[found.argmax()]])), key=itemgetter(0))
            bound[promising] = -np.inf
        return best

    def _exact(self, cells: Cells, rows: npt.NDArray[np.intp] | slice) -> Floats:
        cells = _within(cells)
        share = cells.share
        expected = share * cells.n / cells.phi
        return self._evidence(_tail(_deviance(cells), share, expected, cells.there, self.nu[rows]), rows)

    def _evidence(self, tail: Floats, rows: npt.NDArray[np.intp] | slice) -> Floats:
        # a long window must not count as evidence when the mix differs by no more than is usual
        return np.where((tail > 0.0) & self.valid[rows], self.log_lengths[rows] + tail, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What windows of a mix are compared with: in rows, with 1 row or column where all are alike.

    Attributes
    ----------
    counts : float64 array of shape (1 or n_rows, n_categories)
    items : float64 array of shape (1 or n_rows, 1 or n_categories)
        Items, or exposures where a season was fitted.
    tolerance, tolerance_abs : float64 arrays of shape (1 or n_rows, 1 or n_categories)
        A group whose share moved within this ratio, or within this difference, adds nothing.
    """

    counts: Floats
    items: Floats
    tolerance: Floats
    tolerance_abs: Floats

    @classmethod
    def of(
        cls,
        counts: npt.ArrayLike,
        items: npt.ArrayLike,
        *,
        tolerance: npt.ArrayLike,
        tolerance_abs: npt.ArrayLike,
    ) -> "Reference":
        """Return what any number of windows are compared with; a value for each category, or one for all."""
        row = np.asarray(counts, dtype=np.float64)[None]
        return cls(row, *(_rows(values, ()) for values in (items, tolerance, tolerance_abs)))

    def compared(
        self,
        counts: npt.ArrayLike,
        items: npt.ArrayLike,
        *,
        lengths: npt.ArrayLike,
        inflation: MixInflation | None = None,
    ) -> WholeMix:
        """Return windows to be compared with it, flattened to rows.

        Parameters
        ----------
        counts : array of shape (..., n_categories)
        items : array of shape (..., n_categories) or (..., 1)
            Items, or exposures where a season was fitted.
        lengths : array of shape (...)
            Buckets per window.
        inflation : MixInflation, optional
            By default items are independent.
        """
        a = np.asarray(counts, dtype=np.float64)
        shape = a.shape[:-1]
        n, nu, phi, phi_reference = _rows(items, shape), np.full(math.prod(shape), np.inf), _ONE, _ONE
        if inflation is not None:
            phi, phi_reference = _rows(inflation.phi, shape), _rows(inflation.reference, shape)
            nu = np.broadcast_to(inflation.pool_nu, shape).ravel()
        holds, referred = n > 0.0, self.items > 0.0
        cells = Cells(
            a=a.reshape(-1, a.shape[-1]),
            n=np.where(holds, n, 1.0),
            r=self.counts,
            m=np.where(referred, self.items, 1.0),
            phi=phi,
            phi_reference=phi_reference,
            largest=phi,
            largest_reference=phi_reference,
            tolerance=self.tolerance,
            tolerance_abs=self.tolerance_abs,
            there=ALL,
        )
        valid = np.broadcast_to(np.all(holds & referred, axis=1), nu.shape)
        return WholeMix(cells, valid, np.broadcast_to(np.log(lengths), shape).ravel(), nu)


def _rows(values: npt.ArrayLike, shape: tuple[int, ...]) -> Floats:
    """Return `values` as rows, with 1 row or column where all are alike."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim > 1 and array.shape[:-1] != shape:
        array = np.broadcast_to(array, (*shape, array.shape[-1]))
    array = array.reshape(-1, array.shape[-1]) if array.ndim else array.reshape(1, 1)
    alike = array.shape[1] == 1 or bool((array == array[:, :1]).all())
    return array[:, :1] if alike else array


def _within(cells: Cells) -> Cells:
    """Return cells with the larger of their two counts lowered by the tolerance, at most to equality."""
    if not (cells.tolerance.any() or cells.tolerance_abs.any()):
        return cells
    a, n, r, m, ratio = cells.a, cells.n, cells.r, cells.m, 1.0 + cells.tolerance
    rises = a * m > r * n
    fewer = np.maximum(np.minimum(a / ratio, a - cells.tolerance_abs * n), r * n / m)
    lower = np.maximum(np.minimum(r / ratio, r - cells.tolerance_abs * m), a * m / n)
    return replace(cells, a=np.where(rises, fewer, a), r=np.where(rises, r, lower))


def _deviance(cells: Cells) -> Floats:
    """Return the deviance of each cell, corrected for small counts in the manner of Bartlett 1937."""
    n, m = cells.n / cells.phi, cells.m / cells.phi_reference
    found, _ = binomial_deviance(cells.a / cells.phi, n, cells.r / cells.phi_reference, m, continuity=0.0)
    if (cells.largest > 1.0).any():
        clumped = negative_binomial_deviance(
            cells.a, cells.n, cells.r, cells.m, phi=cells.largest, phi_reference=cells.largest_reference
        )
        found = np.minimum(found, clumped)
    share = cells.share
    in_window, in_reference = (np.maximum(share * items, _LEAST_EXPECTED) for items in (n, m))
    return found / (1.0 + (1.0 / in_window + 1.0 / in_reference) / 6.0)


def _summed(deviance: Floats, share: Floats) -> Floats:
    """Return the sum of each row's deviances as their mean has it: a category of share p is worth 1 - p."""
    summed: Floats = ((1.0 - share) * deviance).sum(axis=1)
    return summed


def _tail(
    deviance: Floats, share: Floats, expected: Floats, there: npt.NDArray[np.bool_], nu: Floats
) -> Floats:
    """Return -ln p of summed deviances, 0 where they are below their mean.

    Normal scores are those of Wilson and Hilferty 1931, and of Paulson 1942 under dispersion.
    """
    cells = deviance.shape[1]
    groups = there.sum(axis=1) if there.size > 1 else np.array([cells])
    df = np.maximum(groups - 1.0, 1.0)
    root = np.cbrt(_summed(deviance, share) / df)
    # a cell that is not there has no deviance, and counts as 1 here
    small = (0.5 / np.maximum(expected, _LEAST_EXPECTED)).sum(axis=1) - (cells - groups)
    b = 2.0 * (1.0 + small / groups) / (9.0 * df)
    v = 2.0 / (9.0 * nu)
    z = ((1.0 - v) * root - (1.0 - b)) / np.sqrt(b + root**2 * v)
    unusual = (groups > 1) & (z > 0.0)
    return np.where(unusual, -log_ndtr(-np.where(unusual, z, 0.0)), 0.0)


def _tail_bound(summed: Floats, groups: npt.NDArray[np.int64], nu: Floats) -> Floats:
    """Return what `_tail` gives at most: there `b` is between the one and the other here."""
    least = 2.0 / (9.0 * np.maximum(groups - 1.0, 1.0))
    root, v = np.cbrt(summed * (4.5 * least)), 2.0 / (9.0 * nu)
    z = ((1.0 - v) * root - (1.0 - 2.0 * least)) / np.sqrt(least + root**2 * v) + _ROUNDING
    unusual = (groups > 1) & (z > 0.0)
    return np.where(unusual, _ROUNDING - log_ndtr(-np.where(unusual, z, 0.0)), 0.0)
