"""Where among many windows and columns is the largest evidence, without looking closely at each?

Answers are exact. Bounds that need no logarithm say which cells, a column in a window, could hold more than
what was found already; a few in a hundred do.
"""

from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.scanning.evidence import Yardstick, class_evidence, evidence_bound, gaps
from monitoring.scanning.gaps import TINY, Gaps
from monitoring.scanning.spans import Floats
from monitoring.scanning.whole_mix import MixInflation

_FEW: Final = 600  # cells that are looked at one and all: bounds would cost more
_BELOW: Final = 1.5  # nats below what is guessed of the largest evidence, from which cells are looked at


class Search:
    """The windows of one scan and what is known of their cells; parameters as for `scan.scan_columns`."""

    def __init__(
        self, lengths: npt.NDArray[np.int64], counts: Floats, items: Floats, yardstick: Yardstick
    ) -> None:
        self._lengths = lengths
        self._counts = counts
        self._items = items[:, :1] if (items == items[:, :1]).all() else items
        self._yardstick = yardstick
        self._inflation = yardstick.inflation(lengths)
        self._found = np.zeros(counts.shape)
        self._rises = np.zeros(counts.shape, dtype=np.bool_)
        self._left: Floats | None = None  # bounds of the cells not looked at; None when all were

    def largest(self, guess: float | None = None) -> tuple[float, int]:
        """Return the largest evidence of all cells and its window.

        With a good guess of that evidence one look is enough; the answer is the same with any, or none.
        """
        if self._counts.size <= _FEW:
            self._look(np.flatnonzero(self._yardstick.tested & (self._items > 0.0)))
        else:
            self._left = self._bounds()
            self._look_down_to(self._left, self._first_guess(self._left) if guess is None else guess)
        found = self._found.max(axis=0)
        column = int(found.argmax())
        return float(found[column]), int(self._found[:, column].argmax())

    @cached_property
    def by_column(self) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Each column's largest evidence over all windows, after `largest`, and whether it is a rise."""
        columns = np.arange(self._counts.shape[1])
        if (left := self._left) is not None:
            cells = left.argmax(axis=0) * len(columns) + columns
            cells = cells[left.take(cells) > self._found.max(axis=0)]
            while len(cells):
                self._look(cells)
                cells = np.flatnonzero(left > self._found.max(axis=0))
        best = self._found.argmax(axis=0)
        return self._found[best, columns], self._rises[best, columns]

    def window(self, window: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return each column's evidence in a window, after `largest`, and whether it is a rise."""
        if self._left is not None:
            self._look(window * self._counts.shape[1] + np.flatnonzero(self._left[window] > 0.0))
        return self._found[window], self._rises[window]

    def largest_whole(self, mix: int, *, above: float) -> tuple[float, int]:
        """Return a mix's largest evidence as a whole and its window; `above` and 0 where none is larger."""
        y, stop, inflation = self._yardstick, len(self._lengths), None
        tested, columns = y.mixes[mix], slice(y.mixes[mix].start, y.mixes[mix].stop)
        if y.dispersion is not None and self._inflation is not None:
            span = y.dispersion.span_of(tested.start)
            stop = int(self._inflation.whole[:, span].sum())  # shortest first: what is left out is longest
            phi, nu = self._inflation.phi[:stop, columns], self._inflation.pool_nu[:stop, span]
            inflation = MixInflation(phi, self._inflation.reference[columns], nu)
        if stop == 0:
            return above, 0
        windows = y.references[mix].compared(
            self._counts[:stop, columns],
            (self._items if self._items.shape[1] == 1 else self._items[:, columns])[:stop],
            lengths=self._lengths[:stop],
            inflation=inflation,
        )
        log_budget = y.log_budgets[mix]
        evidence, window = windows.largest(self._squares[:stop, columns], above=above - log_budget)
        return (evidence + log_budget, window) if evidence > above - log_budget else (above, 0)

    @cached_property
    def _apart(self) -> Gaps:
        return gaps(self._counts, self._items, self._yardstick, self._inflation)

    @cached_property
    def _squares(self) -> Floats:
        return self._apart.squares()

    def _bounds(self) -> Floats:
        return evidence_bound(
            self._squares / np.maximum(1.0 - self._apart.pooled, TINY),
            self._apart.rises,
            log_lengths=np.log(self._lengths)[:, None],
            log_weights=self._yardstick.tested_log_weights,
        )

    def _first_guess(self, left: Floats) -> float:
        """Return the largest evidence of the cell in each window that may hold most."""
        cells = np.arange(0, left.size, left.shape[1]) + left.argmax(axis=1)
        self._look(cells[left.take(cells) > 0.0])
        return float(self._found.max())

    def _look_down_to(self, left: Floats, guess: float) -> None:
        """Look at cells that may hold what is guessed, then less, until none may hold more than was found."""
        guess, below, floor, found = min(guess, float(left.max())), _BELOW, np.inf, float(self._found.max())
        while floor > found:
            floor = max(guess - below, 0.0, found)
            self._look(np.flatnonzero(left > floor))
            found, below = float(self._found.max()), 2.0 * below

    def _look(self, cells: npt.NDArray[np.intp]) -> None:
        """Find the evidence of some cells that are tested, given by their index in the flattened table."""
        if not len(cells):
            return
        windows, columns = np.divmod(cells, self._counts.shape[1])
        y, inflation = self._yardstick, {}
        items = self._items.take(cells if self._items.shape[1] > 1 else windows)
        if self._inflation is not None:
            inflation = {
                "phi": self._inflation.phi.take(cells),
                "nu": self._inflation.nu.take(cells),
                "phi_reference": self._inflation.reference[columns],
            }
        evidence, rises = class_evidence(
            self._counts.take(cells),
            items,
            y.counts[columns],
            y.safe_items[columns],
            lengths=self._lengths[windows],
            log_weights=y.log_weights.take(columns, axis=1),
            tolerance=y.tolerance[columns],
            tolerance_abs=y.tolerance_abs[columns],
            **inflation,
        )
        self._found.ravel()[cells] = np.maximum(evidence, 0.0)
        self._rises.ravel()[cells] = rises
        if self._left is not None:
            self._left.ravel()[cells] = -np.inf
