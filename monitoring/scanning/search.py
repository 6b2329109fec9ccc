"""Where among many windows and columns is the largest evidence, without looking closely at each?

Answers are exact. Bounds that need no logarithm say which cells, a column in a window, could hold more than
what was found already; a few in a hundred do.
"""

from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.scanning.evidence import Yardstick, class_evidence, evidence_bound, gaps
from monitoring.scanning.gaps import Gaps
from monitoring.scanning.spans import Floats
from monitoring.scanning.whole_mix import MixInflation

_FEW: Final = 600  # cells that are looked at one and all: bounds would cost more
# Nats by which a bound commonly exceeds the evidence: of many items, and what x items add, 80 / x^2 at most.
# With them one look is mostly enough. A second one costs as much as some hundred cells, so columns that are
# rare, where they are many, get no more than the others.
_LOOSE: Final = 0.45
_OF_FEW, _OF_FEW_MOST = 80.0, 2.5
_OF_FEW_SUM: Final = 100.0  # over all columns


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

    def largest(self) -> tuple[npt.NDArray[np.intp], Floats, npt.NDArray[np.bool_]]:
        """Return each column's window of the largest evidence, that evidence, and whether it is a rise."""
        if self._counts.size <= _FEW:
            self._look(np.flatnonzero(self._yardstick.tested & (self._items > 0.0)))
        else:
            self._look_where_it_matters()
        best, columns = self._found.argmax(axis=0), np.arange(self._counts.shape[1])
        return best, self._found[best, columns], self._rises[best, columns]

    def window(self, window: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return each column's evidence in a window, after `largest`, and whether it is a rise."""
        if self._left is not None:
            self._look(window * self._counts.shape[1] + np.flatnonzero(self._left[window] > 0.0))
            self._left[window] = -np.inf
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
        pooled, deviance = self._apart.pooled[:stop, columns], self._deviance[:stop, columns]
        log_budget = y.log_budgets[mix]
        evidence, window = windows.largest(pooled, deviance, above=above - log_budget)
        return (evidence + log_budget, window) if evidence > above - log_budget else (above, 0)

    @cached_property
    def _apart(self) -> Gaps:
        return gaps(self._counts, self._items, self._yardstick, self._inflation)

    @cached_property
    def _deviance(self) -> Floats:
        """What the deviance of every cell is at most."""
        return self._apart.deviance_bound()

    def _look_where_it_matters(self) -> None:
        self._left = bound = evidence_bound(
            self._apart,
            self._deviance,
            log_lengths=np.log(self._lengths)[:, None],
            log_weights=self._yardstick.tested_log_weights,
        )
        best, columns = bound.argmax(axis=0), np.arange(bound.shape[1])
        most = bound[best, columns]
        floor = np.maximum(most - self._loose(best, columns, most > 0.0), 0.0)
        cells = np.flatnonzero(bound > floor)
        while len(cells):
            self._look(cells)
            bound.ravel()[cells] = -np.inf
            cells = np.flatnonzero(bound > self._found.max(axis=0))

    def _loose(
        self, windows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp], matters: npt.NDArray[np.bool_]
    ) -> Floats:
        """Return by how many nats the bound of cells hardly ever exceeds their evidence, where it matters."""
        effective = np.broadcast_to(self._apart.effective, self._found.shape)
        items = self._apart.pooled[windows, columns] * effective[windows, columns]
        more = np.minimum(_OF_FEW / np.maximum(items, 1.0) ** 2, _OF_FEW_MOST) * matters
        return _LOOSE + more if more.sum() < _OF_FEW_SUM else np.full(len(columns), _LOOSE)

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
