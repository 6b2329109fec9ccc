"""How much do the columns of one stream vary beyond independent items, scale after scale?

A scale is a span of 2**s rows of the baseline. At each one the squares of the standardised block counts are
pooled over columns; the pool may raise what is carried to longer scales, never lower it, and single columns
that vary more than the pool are raised on their own. An estimate at a long scale rests on a few blocks only,
so every number comes with the degrees of freedom it was estimated with.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.scanning.spans import Floats, Kind

LEAST_BLOCKS: Final = 8  # a scale with fewer is not measured
_OVERLAP_BELOW: Final = 128  # with fewer disjoint blocks, overlapping ones are taken as well
_QUANTILE: Final = 2.33  # one in a hundred, of a normal score
_GROWING_WITHIN: Final = 4  # two jumps within so many of the longest scales: variance still grows
_UNSETTLED_WITHIN: Final = 3  # one jump within so many: too little is known to test a mix as a whole


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Variance inflation of one stream; row s holds spans of 2**s rows of the baseline.

    Attributes
    ----------
    phi, nu : float64 arrays of shape (n_scales, n_columns)
        Variance over that of independent items, and its degrees of freedom (infinite where phi is 1).
    pool_nu : float64 array of shape (n_scales,)
        Degrees of freedom of the columns taken together.
    growing : bool
        The variance still grew at the longest scales: beyond them it is extrapolated.
    settled : bool
        Nothing grew at the longest scales: the mix may be tested as a whole in longer windows, too.
    """

    phi: Floats
    nu: Floats
    pool_nu: Floats
    growing: bool = False
    settled: bool = True

    @property
    def independent(self) -> bool:
        """No scale showed more variance than independent items have."""
        return bool((self.phi == 1.0).all())


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


def estimate_chain(kind: Kind, series: npt.NDArray[np.int64], items: Floats) -> Chain:
    """Return the chain of one stream's baseline.

    Parameters
    ----------
    series : int array of shape (n_rows, n_columns)
    items : float64 array of shape (n_rows, n_columns) or (n_rows, 1)
        Items or exposures.
    """
    carry = _Carry(series.shape[1])
    blocks = _Blocks(kind, series, items)
    for scale in range(max((len(series) // LEAST_BLOCKS).bit_length(), 1)):
        carry.take(scale, blocks.squares(scale) if len(series) >= LEAST_BLOCKS else None)
    return carry.chain()


@dataclass(frozen=True, slots=True, eq=False)
class _Squares:
    """Squared standardised counts of one scale: (n_blocks, n_used), of the columns `used`."""

    z2: Floats
    used: npt.NDArray[np.intp]
    blocks: float  # effective number
    independent_columns: float


class _Blocks:
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

    def squares(self, scale: int) -> _Squares | None:
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
        return _Squares(gap**2 / variance, used, blocks * full.mean(), self._independent(used))

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


class _Carry:
    """What is known up to a scale, carried to the next."""

    def __init__(self, n_columns: int) -> None:
        self._pool, self._pool_nu = 1.0, np.inf
        self._phi, self._nu = np.ones(n_columns), np.full(n_columns, np.inf)
        self._first = np.full(n_columns, -1)  # the first scale at which a column was measured
        self._jumps: set[int] = set()
        self._rows: list[tuple[Floats, Floats, float]] = []

    def take(self, scale: int, squares: _Squares | None) -> None:
        """Take in the next scale; None where nothing can be measured."""
        if squares is not None:
            by_block = squares.z2.mean(axis=1)
            pool = float(by_block.mean())
            spread = float(by_block.var()) / pool**2 if pool > 0.0 else 0.0  # 0: traffic that never varies
            noise = max(spread, 2.0 / squares.independent_columns)
            noise /= squares.blocks
            self._raise_pool(scale, pool, 2.0 / noise)
            if len(squares.used) > 3:
                self._raise_columns(scale, pool, noise, squares)
            new = squares.used[self._first[squares.used] < 0]
            self._first[new] = scale
        self._rows.append((self._phi.copy(), self._nu.copy(), self._pool_nu))

    def chain(self) -> Chain:
        """Return the chain; all ones unless some scale jumped."""
        phi, nu = np.array([row[0] for row in self._rows]), np.array([row[1] for row in self._rows])
        if not self._jumps:
            return Chain(np.ones((1, phi.shape[1])), np.full((1, phi.shape[1]), np.inf), np.array([np.inf]))
        pool_nu = np.array([row[2] for row in self._rows])
        measured_at = self._first[self._first >= 0].min()
        _start_with_the_first(phi, nu, np.where(self._first < 0, measured_at, self._first))
        measured = len(phi)
        growing = sum(s >= measured - _GROWING_WITHIN for s in self._jumps) >= 2
        settled = not growing and all(s < measured - _UNSETTLED_WITHIN for s in self._jumps)
        return Chain(phi, nu, _from_the_first_finite(pool_nu), growing, settled)

    def _raise_pool(self, scale: int, pool: float, nu: float) -> None:
        chance = chi_square_ratio(nu, _QUANTILE)
        if pool > self._pool * chance and pool > chance:
            self._pool, self._pool_nu = pool, nu
            self._jumps.add(scale)
        elif self._jumps and np.isfinite(self._pool_nu):
            mean = (self._pool_nu * self._pool + nu * pool) / (self._pool_nu + nu)
            self._pool = max(self._pool, mean)
        self._phi = np.maximum(self._phi, self._pool)
        self._nu = np.where(self._phi <= self._pool, self._pool_nu, self._nu)

    def _raise_columns(self, scale: int, pool: float, pool_noise: float, squares: _Squares) -> None:
        single = squares.z2.mean(axis=0)
        noise = np.maximum(squares.z2.var(axis=0), 2.0 * pool**2) / squares.blocks
        spread, by_chance = float(single.var()), float(noise.mean())
        if spread <= by_chance * (1.0 + 2.0 * np.sqrt(2.0 / squares.independent_columns)):
            return
        kept = 1.0 - by_chance / spread  # shrunk towards the pool by the share of chance
        own = pool + kept * (single - pool)
        higher = own > self._phi[squares.used]
        columns, own, noise = squares.used[higher], own[higher], noise[higher]
        self._phi[columns] = own
        self._nu[columns] = 2.0 / (kept * noise / own**2 + pool_noise)
        if (own > chi_square_ratio(2.0 * squares.blocks, _QUANTILE)).any():
            self._jumps.add(scale)


def _start_with_the_first(phi: Floats, nu: Floats, first: npt.NDArray[np.intp]) -> None:
    """Let scales before a column's first measured one take that one's value, in place, never lowering."""
    for scale in range(int(first.max(initial=0))):
        later = np.flatnonzero(first > scale)
        value, by = phi[first[later], later], nu[first[later], later]
        higher = value > phi[scale, later]
        phi[scale, later[higher]], nu[scale, later[higher]] = value[higher], by[higher]


def _from_the_first_finite(nu: Floats) -> Floats:
    finite = np.flatnonzero(np.isfinite(nu))
    return np.where(np.arange(len(nu)) < finite[0], nu[finite[0]], nu) if len(finite) else nu
