"""How much do the columns of one stream vary beyond independent items, scale after scale?

A scale is a span of 2**s rows of the baseline. At each one the squares of the standardised block counts are
pooled over columns; the pool may raise what is carried to longer scales, never lower it, and single columns
that vary more than the pool are raised on their own. An estimate at a long scale rests on a few blocks only,
so every number comes with the degrees of freedom it was estimated with.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.scanning.blocks import CHANCE, LEAST_BLOCKS, Blocks, Squares, chi_square_ratio
from monitoring.scanning.spans import Floats, Kind
from monitoring.scanning.swing import excess

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
    swing : float64 array of shape (n_columns,), optional
        What one swing over the whole baseline adds, see `monitoring.scanning.swing`; None without one.
    """

    phi: Floats
    nu: Floats
    pool_nu: Floats
    growing: bool = False
    settled: bool = True
    swing: Floats | None = None

    @property
    def independent(self) -> bool:
        """No scale showed more variance than independent items have, and nothing swung."""
        return self.swing is None and bool((self.phi == 1.0).all())


def estimate_chain(kind: Kind, series: npt.NDArray[np.int64], items: Floats, *, swings: bool = True) -> Chain:
    """Return the chain of one stream's baseline.

    Parameters
    ----------
    series : int array of shape (n_rows, n_columns)
    items : float64 array of shape (n_rows, n_columns) or (n_rows, 1)
        Items or exposures.
    swings : bool
        Whether a swing over the whole baseline is looked for.
    """
    carry = _Carry(series.shape[1])
    blocks = Blocks(kind, series, items)
    for scale in range(max((len(series) // LEAST_BLOCKS).bit_length(), 1)):
        carry.take(scale, blocks.squares(scale) if len(series) >= LEAST_BLOCKS else None)
    chain = carry.chain()
    squares = blocks.swings() if swings and len(series) >= LEAST_BLOCKS else None
    swing = None if squares is None else excess(squares, chain.phi[-1], chain.nu[-1])
    return chain if swing is None else replace(chain, swing=swing)


class _Carry:
    """What is known up to a scale, carried to the next."""

    def __init__(self, n_columns: int) -> None:
        self._pool, self._pool_nu = 1.0, np.inf
        self._phi, self._nu = np.ones(n_columns), np.full(n_columns, np.inf)
        self._first = np.full(n_columns, -1)  # the first scale at which a column was measured
        self._jumps: set[int] = set()
        self._rows: list[tuple[Floats, Floats, float]] = []

    def take(self, scale: int, squares: Squares | None) -> None:
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
        chance = chi_square_ratio(nu, CHANCE)
        if pool > self._pool * chance and pool > chance:
            self._pool, self._pool_nu = pool, nu
            self._jumps.add(scale)
        elif self._jumps and np.isfinite(self._pool_nu):
            mean = (self._pool_nu * self._pool + nu * pool) / (self._pool_nu + nu)
            self._pool = max(self._pool, mean)
        self._phi = np.maximum(self._phi, self._pool)
        self._nu = np.where(self._phi <= self._pool, self._pool_nu, self._nu)

    def _raise_columns(self, scale: int, pool: float, pool_noise: float, squares: Squares) -> None:
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
        if (own > chi_square_ratio(2.0 * squares.blocks, CHANCE)).any():
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
