"""Has the mix of categories moved, and in which window: a multiscale two-sample scan of counts.

Every window that ends now is compared with the reference, class by class, by the signed root of the deviance
of two binomials. A window of L buckets has about N / L independent places in N buckets, so a p-value there is
worth -ln p + ln L (Chan and Walther 2013 call it the optimal scan penalty); the class's share of the
false-alarm budget is subtracted in the same currency, nats. The largest such evidence is the statistic. The
threshold is a formula: nothing is simulated or tuned, and the reference's size is part of the test.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.budget import Weights, column_weights
from monitoring.dispersion import Inflation
from monitoring.evidence import Yardstick, class_evidence, evidence_bound, gaps
from monitoring.gaps import Gaps
from monitoring.spans import Floats
from monitoring.whole_mix import Mix, MixInflation, whole_mix
from monitoring.windows import WindowSet

THRESHOLD_CONSTANT: Final = 9.0
_LOOSE: Final = 0.7  # nats by which a bound commonly exceeds the evidence


@dataclass(frozen=True, slots=True, eq=False)
class ScanResult:
    """What one scan found; evidence in nats, 0 where there is none.

    Attributes
    ----------
    statistic : float
        Largest evidence over windows, columns and mixes.
    window : int
        Index of the window in which it was found.
    evidence : float64 array of shape (n_columns,)
        Each column's largest evidence over all windows.
    rises : bool array of shape (n_columns,)
        Direction in the window of that largest evidence.
    strongest : float64 array of shape (n_columns,)
        Each column's evidence in the window `window`.
    strongest_rises : bool array of shape (n_columns,)
    mix : int or None
        Index of the mix whose test as a whole gave `statistic`; None when a column did.
    """

    statistic: float
    window: int
    evidence: Floats
    rises: npt.NDArray[np.bool_]
    strongest: Floats
    strongest_rises: npt.NDArray[np.bool_]
    mix: int | None = None


def scan_columns(
    lengths: npt.NDArray[np.int64], counts: npt.ArrayLike, items: npt.ArrayLike, yardstick: Yardstick
) -> ScanResult:
    """Compare every window with the reference, column by column and every mix as a whole.

    Parameters
    ----------
    lengths : int64 array of shape (n_windows,)
        Buckets in each window, at least one window, shortest first.
    counts : array of shape (n_windows, n_columns)
    items : array of shape (n_windows, n_columns) or (n_windows, 1)
        Items, or exposures where a season was fitted; a cell without items is no evidence.
    yardstick : Yardstick
        What with, and how strictly.
    """
    cells = _Cells.of(lengths, counts, items, yardstick)
    best, evidence = cells.largest()
    columns = np.arange(len(best))
    column = int(evidence.argmax())
    statistic, window, mix = float(evidence[column]), int(best[column]), None
    if statistic <= 0.0:
        window = 0
    for index in range(len(yardstick.mixes)):
        whole, row = cells.whole(index, above=statistic)
        if whole > statistic:
            statistic, window, mix = whole, row, index
    strongest, strongest_rises = cells.evidence(np.full(len(columns), window), columns)
    return ScanResult(
        statistic=statistic,
        window=window,
        evidence=evidence,
        rises=cells.rises(best, columns),
        strongest=strongest,
        strongest_rises=strongest_rises,
        mix=mix,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """All windows and columns of a scan; a cell is one column in one window."""

    lengths: npt.NDArray[np.int64]
    counts: Floats  # (n_windows, n_columns)
    items: Floats  # (n_windows, n_columns) or (n_windows, 1)
    yardstick: Yardstick
    inflation: Inflation | None
    apart: Gaps
    deviance: Floats  # at most

    @classmethod
    def of(
        cls, lengths: npt.NDArray[np.int64], counts: npt.ArrayLike, items: npt.ArrayLike, yardstick: Yardstick
    ) -> "_Cells":
        a, n = np.asarray(counts, dtype=np.float64), np.asarray(items, dtype=np.float64)
        inflation = yardstick.inflation(lengths)
        apart = gaps(a, n, yardstick, inflation)
        return cls(lengths, a, n, yardstick, inflation, apart, apart.deviance_bound())

    def largest(self) -> tuple[npt.NDArray[np.intp], Floats]:
        """Return each column's window of the largest evidence, and that evidence.

        Exact, yet most cells are never looked at: bounds say which could be larger than what was found.
        """
        bound = evidence_bound(
            self.apart,
            self.deviance,
            there=self.yardstick.tested & (self.items > 0.0),
            log_lengths=np.log(self.lengths)[:, None],
            log_weights=self.yardstick.log_weights,
        )
        n_columns = bound.shape[1]
        found, best = np.zeros(bound.shape), np.zeros(n_columns)
        floor = np.maximum(bound.max(axis=0) - _LOOSE, 0.0)
        while True:
            cells = np.flatnonzero(bound > floor)
            if not len(cells):
                return found.argmax(axis=0), best
            found.ravel()[cells] = self.evidence(*np.divmod(cells, n_columns))[0]
            bound.ravel()[cells] = -np.inf
            floor = best = found.max(axis=0)

    def evidence(
        self, windows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
    ) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return the evidence of some cells, 0 where there is none, and whether the share rose."""
        y, items = self.yardstick, self._items(windows, columns)
        there = y.tested[columns] & (items > 0.0)
        inflation = {}
        if self.inflation is not None:
            inflation = {
                "phi": self.inflation.phi[windows, columns],
                "nu": self.inflation.nu[windows, columns],
                "phi_reference": self.inflation.reference[columns],
            }
        evidence, rises = class_evidence(
            np.where(there, self.counts[windows, columns], 0.0),
            np.where(there, items, 1.0),
            y.counts[columns],
            y.safe_items[columns],
            lengths=self.lengths[windows],
            log_weights=y.log_weights[:, columns],
            tolerance=y.tolerance[columns],
            tolerance_abs=y.tolerance_abs[columns],
            **inflation,
        )
        return np.where(there, np.maximum(evidence, 0.0), 0.0), rises & there

    def rises(self, windows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        """Return whether the share of some cells rose."""
        y, items = self.yardstick, self._items(windows, columns)
        higher: npt.NDArray[np.bool_] = (
            self.counts[windows, columns] * y.items[columns] > y.counts[columns] * items
        )
        return higher & y.tested[columns] & (items > 0.0)

    def whole(self, mix: int, *, above: float) -> tuple[float, int]:
        """Return a mix's largest evidence as a whole and its window, or `above` where none is larger."""
        y = self.yardstick
        tested, columns = y.mixes[mix], slice(y.mixes[mix].start, y.mixes[mix].stop)
        stop, inflation = len(self.lengths), None
        if y.dispersion is not None and self.inflation is not None:
            span = y.dispersion.span_of(tested.start)
            stop = int(self.inflation.whole[:, span].sum())  # shortest first: what is left out is longest
            phi, pool_nu = self.inflation.phi[:stop, columns], self.inflation.pool_nu[:stop, span]
            inflation = MixInflation(phi, self.inflation.reference[columns], pool_nu)
        if stop == 0:
            return above, 0
        items = self.items if self.items.shape[1] == 1 else self.items[:, columns]
        log_budget = math.log(tested.budget)
        least = above - log_budget
        windows = whole_mix(
            self.counts[:stop, columns],
            items[:stop],
            y.counts[columns],
            y.items[columns],
            lengths=self.lengths[:stop],
            tolerance=y.tolerance[columns],
            tolerance_abs=y.tolerance_abs[columns],
            inflation=inflation,
        )
        apart = self.apart.rows(0, stop, columns)
        evidence, row = windows.largest(apart, self.deviance[:stop, columns], above=least)
        return (evidence + log_budget, row) if evidence > least else (above, 0)

    def _items(self, windows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> Floats:
        items: Floats = self.items[windows, columns if self.items.shape[1] > 1 else 0]
        return items


def formula_threshold(n_buckets: float, max_window: float, constant: float = THRESHOLD_CONSTANT) -> float:
    """Return the statistic that independent traffic exceeds at most once in `n_buckets` buckets on average.

    ln N + ln(9 max(log2 min(N, max_window), 1)): one term for the places a window can be, one for the number
    of window lengths. It is conservative. The constant was 7 for the scan alone and 9 covers what dependence
    between neighbouring windows adds.

    Examples
    --------
    >>> round(formula_threshold(100_000, 100_000), 2)
    16.52
    """
    if n_buckets < 1 or max_window < 1:
        raise ValueError(f"threshold for {n_buckets} buckets, window {max_window}: both must be at least 1")
    scales = max(math.log2(min(n_buckets, max_window)), 1.0)
    return math.log(n_buckets) + math.log(constant * scales)


def class_weights(
    reference: npt.NDArray[np.int64], *, shares: npt.ArrayLike | None = None, whole_mix: float = 0.0
) -> Weights:
    """Return `budget.column_weights` of a mix."""
    return column_weights("mix", reference, watch=shares, whole_mix=whole_mix)


def scan(
    windows: WindowSet,
    reference: npt.NDArray[np.int64],
    *,
    weights: Weights,
    tolerance: float = 0.0,
    tolerance_abs: float = 0.0,
    whole_mix: float = 0.0,
) -> ScanResult:
    """Compare every window of one mix of independent items with the reference; see `scan_columns`."""
    n_columns = len(reference)
    yardstick = Yardstick(
        counts=reference.astype(np.float64),
        items=np.full(n_columns, float(reference.sum())),
        weights=weights,
        tolerance=np.full(n_columns, tolerance),
        tolerance_abs=np.full(n_columns, tolerance_abs),
        mixes=(Mix(0, n_columns, whole_mix),) if whole_mix > 0.0 and n_columns > 2 else (),
    )
    return scan_columns(windows.lengths, windows.counts, windows.items[:, None], yardstick)
