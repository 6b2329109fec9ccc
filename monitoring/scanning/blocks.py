"""What do the counts of a baseline come to in blocks of every length, beside those of independent items?"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.scanning.spans import Floats, Kind

CHANCE: Final = 2.33  # one in a hundred, of a normal score
LEAST_BLOCKS: Final = 8  # a scale with fewer is not measured
_OVERLAP_BELOW: Final = 128  # with fewer disjoint blocks, overlapping ones are taken as well
_LEAST_ITEMS: Final = 20.0  # in and outside a column, for a swing's squares to be those of normal scores


def chi_square_ratio(nu: float, z: float) -> float:
    """Return the quantile of chi-square over its `nu` degrees of freedom at normal score `z`.

    Wilson and Hilferty 1931.

    Examples
    --------
    >>> round(chi_square_ratio(10.0, 2.326), 2)  # tables: 23.21 / 10
    2.32
    """
    spread = 2.0 / (9.0 * nu)
    return float((1.0 - spread + z * np.sqrt(spread)) ** 3)


def likeness_of_cuts(share: Floats) -> Floats:
    """Return the squared correlations of cumulative counts, (n_cuts, n_cuts), from their shares in (0, 1)."""
    odds = share / (1.0 - share)
    likeness: Floats = np.minimum.outer(odds, odds) / np.maximum.outer(odds, odds)
    return likeness


@dataclass(frozen=True, slots=True, eq=False)
class Squares:
    """Squared standardised counts of one scale: (n_blocks, n_used), of the columns `used`."""

    z2: Floats
    used: npt.NDArray[np.intp]
    blocks: float  # effective number
    independent_columns: float


class Blocks:
    """Cuts a baseline into blocks of every scale."""

    def __init__(self, kind: Kind, series: npt.NDArray[np.int64], items: Floats) -> None:
        self._kind = kind
        self._n_rows, self._n_columns = series.shape
        start = np.zeros((1, 1))
        self._counts = np.cumsum(np.concatenate([start.repeat(series.shape[1], axis=1), series]), axis=0)
        self._items = np.cumsum(np.concatenate([start.repeat(items.shape[1], axis=1), items]), axis=0)
        self._all = np.maximum(self._items[-1], 1.0)
        least = 0.5 / self._all
        self._share = np.clip(self._counts[-1] / self._all, least, 1.0 - least)
        self._likeness = self._correlations(series, items) if kind == "flags" else None

    def squares(self, scale: int) -> Squares | None:
        """Return what a scale shows; None where no column has an item a block."""
        starts, stops, blocks = self._cut(scale)
        n = self._items[stops] - self._items[starts]
        full = n.min(axis=1) > 0.0
        n, starts, stops = n[full], starts[full], stops[full]
        if len(n) < LEAST_BLOCKS:
            return None
        rarer = np.minimum(self._share, 1.0 - self._share)
        used = np.flatnonzero(n.mean(axis=0) * rarer >= 1.0)
        if not len(used):
            return None
        share, n = self._share[used], n[:, used] if n.shape[1] > 1 else n
        everything = self._all[used] if len(self._all) > 1 else self._all
        gap = self._counts[stops][:, used] - self._counts[starts][:, used] - n * share
        variance = n * share * (1.0 - share) * np.maximum(1.0 - n / everything, 1.0 / LEAST_BLOCKS)
        return Squares(gap**2 / variance, used, blocks * full.mean(), self._independent(used))

    def swings(self) -> Squares | None:
        """Return the squares of each column's cosine and sine of one swing over the whole baseline.

        Of independent items each is chi-square with one degree of freedom (Schuster 1898). None where every
        column is too rare.
        """
        used = np.flatnonzero(self._all * np.minimum(self._share, 1.0 - self._share) >= _LEAST_ITEMS)
        if not len(used):
            return None
        angle = 2.0 * np.pi * (np.arange(self._n_rows) + 0.5) / self._n_rows
        items, share = np.diff(self._items, axis=0), self._share[used]
        items = items[:, used] if items.shape[1] > 1 else items
        gap = np.diff(self._counts[:, used], axis=0) - items * share
        everything = np.maximum(items.sum(axis=0), 1.0)
        z2 = np.empty((2, len(used)))
        for square, wave in zip(z2, (np.cos(angle)[:, None], np.sin(angle)[:, None]), strict=True):
            centred = wave - (wave * items).sum(axis=0) / everything
            variance = share * (1.0 - share) * (items * centred**2).sum(axis=0)
            square[:] = (centred * gap).sum(axis=0) ** 2 / np.maximum(variance, 1e-300)
        return Squares(z2, used, 2.0, self._independent(used))

    def _cut(self, scale: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], float]:
        length = 1 << scale
        disjoint = self._n_rows // length
        step, gain = length, 1.0
        if disjoint < _OVERLAP_BELOW and scale > 0:
            # quarters of a block: 1.45 times the information of disjoint blocks, halves 1.33 times
            step, gain = max(length // 4, 1), 1.4 if scale > 1 else 4.0 / 3.0
        starts = np.arange(0, self._n_rows - length + 1, step)
        return starts, starts + length, gain * disjoint

    def _independent(self, used: npt.NDArray[np.intp]) -> float:
        """Return to how many independent columns the pool of `used` amounts.

        n**2 / sum of squared correlations, which for n exclusive categories of about equal size is n - 1.
        """
        if self._kind == "mix":
            return max(len(used) - 1.0, 1.0)
        if self._likeness is not None:
            likeness = self._likeness[np.ix_(used, used)]
        else:
            likeness = likeness_of_cuts(self._share[used])
        return float(len(used) ** 2 / likeness.sum())

    def _correlations(self, series: npt.NDArray[np.int64], items: Floats) -> Floats:
        gap = series - items * self._share
        length = np.sqrt((gap**2).sum(axis=0))
        likeness: Floats = (gap.T @ gap / np.maximum(np.multiply.outer(length, length), 1e-300)) ** 2
        np.fill_diagonal(likeness, 1.0)
        return likeness
