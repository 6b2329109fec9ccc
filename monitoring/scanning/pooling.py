"""Which categories of a mix are too rare to be looked at alone, and what do they hold together?"""

from dataclasses import dataclass, fields
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from monitoring.scanning.gaps import Gaps
from monitoring.scanning.spans import Floats

_Value = TypeVar("_Value", bound=np.generic)

POOL_ITEMS: Final = 5.0  # Cochran's rule: at least 5 expected items a cell
_SOME: Final = 1e-12  # weight of a category without items: a group of such has a mean, too


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Windows of a mix, of one run or of several, category by category or group by group.

    Arrays have shape (n_rows, n_cells), with 1 in place of either where all are alike.

    Attributes
    ----------
    a, n, r, m
        Counts and items of window and reference.
    phi, phi_reference
        Variance inflation of window and reference.
    largest, largest_reference
        The same of the category in a group that varies most.
    tolerance, tolerance_abs
        As a ratio and as a difference of shares.
    there : bool
        False for cells that only fill up the row; they hold nothing, in window and reference.
    """

    a: Floats
    n: Floats
    r: Floats
    m: Floats
    phi: Floats
    phi_reference: Floats
    largest: Floats
    largest_reference: Floats
    tolerance: Floats
    tolerance_abs: Floats
    there: npt.NDArray[np.bool_]

    def take(self, rows: npt.NDArray[np.intp] | slice) -> "Cells":
        """Return some rows."""
        arrays = (getattr(self, name) for name in _CELLS)
        return Cells(*(array if len(array) == 1 else array[rows] for array in arrays))

    def gaps(self) -> Gaps:
        """Return how far the cells lie from the reference."""
        return Gaps.between(
            self.a / self.n,
            self.r / self.m,
            n=self.n / self.phi,
            m=self.m / self.phi_reference,
            tolerance=self.tolerance,
            tolerance_abs=self.tolerance_abs,
        )

    @property
    def share(self) -> Floats:
        """Share in window and reference together, in effective items."""
        n, m = self.n / self.phi, self.m / self.phi_reference
        share: Floats = (self.a / self.phi + self.r / self.phi_reference) / (n + m)
        return share


_CELLS: Final = tuple(each.name for each in fields(Cells))


def first_common(apart: Gaps) -> int:
    """Return from which row on every category has `POOL_ITEMS` effective items, the number of rows if none.

    Rows are windows, shortest first, so that those after it need no pooling.
    """
    rare = (apart.pooled * apart.effective < POOL_ITEMS).any(axis=1)
    return int(np.flatnonzero(rare).max(initial=-1)) + 1


def grouped(cells: Cells) -> Cells:
    """Return groups of at least `POOL_ITEMS` effective items, made of the rarest categories in turn."""
    share = cells.share
    effective = share / (cells.phi / cells.n + cells.phi_reference / cells.m)
    order = np.argsort(cells.r, axis=1, kind="stable")
    grouping = _Grouping.of(effective, order)
    share = share + _SOME
    weight = grouping.sum(share)
    return Cells(
        a=grouping.sum(cells.a),
        n=grouping.mean(cells.n, share, weight),
        r=grouping.sum(cells.r),
        m=grouping.mean(cells.m, share, weight),
        phi=grouping.mean(cells.phi, share, weight),
        phi_reference=grouping.mean(cells.phi_reference, share, weight),
        largest=grouping.maximum(cells.largest),
        largest_reference=grouping.maximum(cells.largest_reference),
        tolerance=grouping.mean(cells.tolerance, share, weight),
        tolerance_abs=grouping.mean(cells.tolerance_abs, share, weight),
        there=weight > 0.0,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Grouping:
    """The group of every category, row by row; groups are numbered from 0 in every row.

    Attributes
    ----------
    cells : int array of shape (n_rows * n_categories,)
        Index of each category's group in a flat array of `shape`.
    rare : int array
        Which of them are in a group with others, perhaps.
    shape : tuple of int
        Rows, and the most groups a row has.
    """

    cells: npt.NDArray[np.intp]
    rare: npt.NDArray[np.intp]
    shape: tuple[int, int]

    @classmethod
    def of(cls, effective: Floats, order: npt.NDArray[np.intp]) -> "_Grouping":
        """Pool the categories that are rare in their row, in the given order.

        An item of a category is worth 1 / (POOL_ITEMS + the largest rare category so far), and a group ends
        where the sum of worths passes a whole number. Of 1 it lacks at most the worth of the category before
        it, so it holds at least POOL_ITEMS. The last one, if it does not, joins the one before it.
        """
        ordered = _taken(effective, order)
        common = ordered >= POOL_ITEMS
        rare = np.where(common, 0.0, ordered)
        worth = np.maximum.accumulate(rare, axis=1)
        worth += POOL_ITEMS
        passed = np.cumsum(np.divide(rare, worth, out=worth), axis=1)
        group = np.zeros(ordered.shape, dtype=np.intp)
        group[:, 1:] = passed[:, :-1]
        last = np.floor(passed[:, -1:]).astype(np.intp)
        full = last + (np.where(group == last, rare, 0.0).sum(axis=1, keepdims=True) >= POOL_ITEMS)
        np.minimum(group, np.maximum(full - 1, 0), out=group)
        group = np.where(common, np.cumsum(common, axis=1) + (full - 1), group)
        width = int(group.max()) + 1
        group += np.arange(0, len(group) * width, width)[:, None]
        by_category = _taken(group, np.argsort(order, axis=1))
        return cls(by_category.ravel(), np.flatnonzero(effective < POOL_ITEMS), (len(group), width))

    def sum(self, values: Floats) -> Floats:
        """Return the sum of each group, 0 where there is none."""
        weights = self._by_category(values)
        sums = np.bincount(self.cells, weights=weights, minlength=self.shape[0] * self.shape[1])
        # the stubs say integers, whatever the weights
        return np.asarray(sums, dtype=np.float64).reshape(self.shape)

    def mean(self, values: Floats, share: Floats, weight: Floats) -> Floats:
        """Return the mean by share of each group, 1 where there is none; `weight` is the sum of shares."""
        if values.shape[1] == 1:
            return values
        there = weight > 0.0
        return np.where(there, self.sum(share * values) / np.where(there, weight, 1.0), 1.0)

    def maximum(self, values: Floats) -> Floats:
        """Return the largest value of each group, 0 where there is none."""
        if values.shape[1] == 1:
            return values
        found, by_category = np.zeros(self.shape[0] * self.shape[1]), self._by_category(values)
        found[self.cells] = by_category
        np.maximum.at(found, self.cells[self.rare], by_category[self.rare])
        return found.reshape(self.shape)

    def _by_category(self, values: Floats) -> Floats:
        if values.size != self.cells.size:
            values = np.broadcast_to(values, (self.shape[0], len(self.cells) // self.shape[0]))
        return values.ravel()


def _taken(values: npt.NDArray[_Value], order: npt.NDArray[np.intp]) -> npt.NDArray[_Value]:
    """Return values in another order of columns; `order` has a row for each of theirs, or one for all."""
    return values.take(order[0], axis=1) if len(order) == 1 else np.take_along_axis(values, order, axis=1)
