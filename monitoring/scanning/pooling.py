"""Which categories of a mix are too rare to be looked at alone, and what do they hold together?"""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from monitoring.scanning.gaps import Gaps
from monitoring.scanning.spans import Floats

_Value = TypeVar("_Value", bound=np.generic)
_ByWorth: TypeAlias = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]  # see the function of that name

POOL_ITEMS: Final = 5.0  # Cochran's rule: at least 5 expected items a cell
ALL: Final = np.ones((1, 1), dtype=np.bool_)  # `Cells.there` where no cell only fills up the row
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
        share: Floats = _over(self.a, self.phi) + _over(self.r, self.phi_reference)
        share /= n + m
        return share

    def effective(self, share: Floats) -> Floats:
        """Return the effective items of both together in cells of that share."""
        effective: Floats = share / (self.phi / self.n + self.phi_reference / self.m)
        return effective


_CELLS: Final = tuple(each.name for each in fields(Cells))


def grouped(cells: Cells, by_worth: _ByWorth | None = None) -> Cells:
    """Return groups of at least `POOL_ITEMS` effective items, made of the rarest categories in turn.

    Parameters
    ----------
    by_worth : optional
        `Pooled.by_worth` of the same rows.
    """
    share = cells.share
    grouping = _Grouping.of(cells.effective(share), _order(cells), by_worth)
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
class Pooled:
    """What `grouped` makes of windows with one reference, where most categories stay alone.

    Attributes
    ----------
    members : int array of shape (n_members,)
        The categories that do not, as indices in a flat array of shape (n_rows, n_categories).
    groups : Cells
        Of shape (1, n_groups): their groups, those of all rows side by side, without their `largest`.
    rows : int array of shape (n_groups,)
        Whose group it is.
    count : int array of shape (n_rows,)
        Groups of each row, with the categories that stay alone.
    by_worth : two arrays
        For `grouped`, of the rows that have groups: up to the last in `rows`.
    """

    members: npt.NDArray[np.intp]
    groups: Cells
    rows: npt.NDArray[np.intp]
    count: npt.NDArray[np.intp]
    by_worth: _ByWorth

    @classmethod
    def of(cls, cells: Cells) -> "Pooled | None":
        """Return the groups of cells; None where no category is rare."""
        share = cells.share
        effective = cells.effective(share)
        some_rare = np.flatnonzero(effective.min(axis=1) < POOL_ITEMS)
        if not len(some_rare):
            return None
        rows, width = int(some_rare[-1]) + 1, share.shape[1]
        order = _order(cells)[0]
        ordered = effective[:rows].take(order, axis=1)
        common = ordered >= POOL_ITEMS
        group, full = _by_worth(ordered, common)
        if not full.all():  # too few for a group: they join the first category that is not rare
            lacking = np.flatnonzero(full == 0)
            common[lacking, common[lacking].argmax(axis=1)] = False
        starts = np.arange(0, rows * width, width)[:, None]
        picked = np.flatnonzero(~common)
        numbered = (group + starts).ravel()[picked]
        begins = np.ones(len(picked), dtype=np.bool_)
        np.not_equal(numbered[1:], numbered[:-1], out=begins[1:])
        first, members = np.flatnonzero(begins), (order + starts).ravel()[picked]
        of = numbered[first] // width
        count = np.full(len(share), width)
        count[:rows] = common.sum(axis=1) + np.bincount(of, minlength=rows)
        groups = _Members(members, first, of, share).grouped(cells)
        return cls(members, groups, of, count, (group, full))


@dataclass(frozen=True, eq=False)
class _Members:
    """Cells by their index in a flat array, where among them each group begins, and in which row it is."""

    cells: npt.NDArray[np.intp]
    first: npt.NDArray[np.intp]
    rows: npt.NDArray[np.intp]
    share: Floats

    def grouped(self, cells: Cells) -> Cells:
        """Return the groups side by side, as `grouped` has them but for their `largest`."""
        phi, phi_reference = self._mean(cells.phi), self._mean(cells.phi_reference)
        return Cells(
            a=self._sum(self._at(cells.a)),
            n=self._mean(cells.n),
            r=self._sum(self._at(cells.r)),
            m=self._mean(cells.m),
            phi=phi,
            phi_reference=phi_reference,
            largest=phi,
            largest_reference=phi_reference,
            tolerance=self._mean(cells.tolerance),
            tolerance_abs=self._mean(cells.tolerance_abs),
            there=ALL,
        )

    @cached_property
    def _weights(self) -> Floats:
        return self._at(self.share) + _SOME

    @cached_property
    def _total(self) -> Floats:
        return self._sum(self._weights)

    def _at(self, values: Floats) -> Floats:
        """Return the cells of values that have a column for each category."""
        return np.broadcast_to(values, self.share.shape).take(self.cells)

    def _sum(self, values: Floats) -> Floats:
        return np.add.reduceat(values, self.first)[None]

    def _mean(self, values: Floats) -> Floats:
        """Return the mean by share of each group."""
        if values.shape[1] == 1:
            return values if len(values) == 1 else values[self.rows].T
        return self._sum(self._weights * self._at(values)) / self._total


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
    def of(
        cls, effective: Floats, order: npt.NDArray[np.intp], by_worth: _ByWorth | None = None
    ) -> "_Grouping":
        """Pool the categories that are rare in their row, in the given order."""
        ordered = _taken(effective, order)
        common = ordered >= POOL_ITEMS
        group, full = by_worth or _by_worth(ordered, common)
        group = np.where(common, np.cumsum(common, axis=1) + (full[:, None] - 1), group)
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


def _by_worth(ordered: Floats, common: npt.NDArray[np.bool_]) -> _ByWorth:
    """Return the group of each rare category, which never falls in a row, and how many are full per row.

    An item of a category is worth 1 / (POOL_ITEMS + the largest rare category so far), and a group ends where
    the sum of worths passes a whole number. Of 1 it lacks at most the worth of the category before it, so it
    holds at least POOL_ITEMS. The last one, if it does not, joins the one before it.

    Parameters
    ----------
    ordered : float64 array of shape (n_rows, n_categories)
        Effective items in the order in which categories are pooled.
    common : bool array of the same shape
        Categories that are not rare.
    """
    rare = ordered * ~common
    worth = np.maximum.accumulate(rare, axis=1)
    worth += POOL_ITEMS
    passed = np.cumsum(np.divide(rare, worth, out=worth), axis=1)
    group = np.zeros(ordered.shape, dtype=np.intp)
    group[:, 1:] = passed[:, :-1]
    last = np.floor(passed[:, -1]).astype(np.intp)
    rare *= group == last[:, None]
    full = last + (rare.sum(axis=1) >= POOL_ITEMS)
    np.minimum(group, np.maximum(full - 1, 0)[:, None], out=group)
    return group, full


def _order(cells: Cells) -> npt.NDArray[np.intp]:
    """Return the columns of each row of references, rarest first."""
    return np.argsort(cells.r, axis=1, kind="stable")


def _over(counts: Floats, phi: Floats) -> Floats:
    """Return effective items; not a division a cell where they are independent."""
    return counts if phi.size == 1 and phi[0, 0] == 1.0 else counts / phi


def _taken(values: npt.NDArray[_Value], order: npt.NDArray[np.intp]) -> npt.NDArray[_Value]:
    """Return values in another order of columns; `order` has a row for each of theirs, or one for all."""
    return values.take(order[0], axis=1) if len(order) == 1 else np.take_along_axis(values, order, axis=1)
