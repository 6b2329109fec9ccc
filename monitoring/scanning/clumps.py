"""Does an alarm rest on more than a clump or two?

Where items come in clumps of very different sizes (a Pareto number of copies, say), the largest clump of a
long stretch outweighs all others and no variance describes it. Such sums exceed a level mostly because one
term does. So where a baseline shows clumps that its own variance does not allow, evidence has to survive
leaving out the four stretches of a window that contribute most, each as long as the longest clump.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from monitoring.scanning.bulk import blocks, bulk_chain, shares_of, surprise
from monitoring.scanning.chain import Chain
from monitoring.scanning.dispersion import Dispersion
from monitoring.scanning.evidence import Yardstick, class_evidence
from monitoring.scanning.scan import ScanResult
from monitoring.scanning.spans import Floats, Span

LEFT_OUT: Final = 4  # stretches
_LONGEST: Final = 16  # a clump is looked for in blocks of up to a sixteenth of the baseline
# A stretch that is left out is at most twice such a part of the baseline: longer blocks that hold a clump are
# impossible, too, and four stretches of an eighth would be half a baseline.
_LONGEST_LEFT_OUT: Final = 64
# Nats beyond what chance has. Independent traffic, which must not pay for a chance, is asked by its most
# surprising block. Traffic that varies more within a few items, as copies do, is asked by the average of
# three: chance surprises once, clumps of many sizes again and again. Some .6 % of baselines of copies are
# then taken for clumped, and 1 % of those of Pareto copies are missed. Variance of long spans comes from no
# clump; of classes too rare to be measured within a few items, what longer spans show is taken to hold there.
_SURPLUS: Final = 8.0
_SURPLUS_DISPERSED, _OF_THE_LARGEST = 2.1, 3
_FEW_ITEMS: Final = 20
_LENGTH_RATIO: Final = 2  # later traffic holds longer clumps than the baseline did


@dataclass(frozen=True, slots=True)
class Clumps:
    """How long the clumps of a baseline are.

    Attributes
    ----------
    spans : tuple of Span
    buckets : tuple of int
        Per span the stretch to leave out; 0 where there are no clumps.
    """

    spans: tuple[Span, ...]
    buckets: tuple[int, ...]

    @property
    def any(self) -> bool:
        """Some span has clumps."""
        return any(self.buckets)

    def at(self, column: int) -> int:
        """Return the stretch to leave out of a column."""
        return next(b for s, b in zip(self.spans, self.buckets, strict=True) if s.start <= column < s.stop)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_json` restores it exactly."""
        spans = [{"kind": s.kind, "start": s.start, "stop": s.stop} for s in self.spans]
        return {"spans": spans, "buckets": list(self.buckets)}

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned."""
        return cls(tuple(Span(**span) for span in snapshot["spans"]), tuple(snapshot["buckets"]))


def find_clumps(counts: npt.NDArray[np.int64], items: npt.ArrayLike, dispersion: Dispersion) -> Clumps:
    """Return how long the clumps of a baseline are: blocks that its own variance does not allow.

    The variance is that of most blocks, without the few that vary most.

    Parameters
    ----------
    counts : int64 array of shape (n_rows, n_columns)
        Tested counts of successive rows, oldest first.
    items : array of shape (n_rows, n_columns)
        Items, or exposures where a season was fitted.
    dispersion : Dispersion
        Of these rows.
    """
    n = np.asarray(items, dtype=np.float64)
    found = []
    for span, chain in zip(dispersion.spans, dispersion.chains, strict=True):
        found.append(_clump_rows(counts[:, span.columns], n[:, span.columns], chain))
    buckets = tuple(_LENGTH_RATIO * dispersion.unit * rows for rows in found)
    return Clumps(dispersion.spans, buckets)


def believed(
    result: ScanResult,
    clumps: Clumps,
    *,
    lengths: npt.NDArray[np.int64],
    counts: npt.ArrayLike,
    items: npt.ArrayLike,
    yardstick: Yardstick,
    threshold: float,
) -> ScanResult:
    """Return the scan's result as it is when evidence that rests on clumps is not believed.

    Parameters
    ----------
    result : ScanResult
        Of `scan_columns` with the same `lengths`, `counts`, `items` and `yardstick`.
    threshold : float
        Evidence below it is left as it is.
    """
    if not clumps.any or result.statistic < threshold:
        return result
    windows = _Windows(
        lengths, np.asarray(counts, dtype=np.float64), np.asarray(items, dtype=np.float64), yardstick
    )
    evidence, rises = windows.evidence(windows.counts, windows.items)
    for span, stretch in zip(clumps.spans, clumps.buckets, strict=True):
        if stretch:
            cells = np.nonzero(evidence[:, span.columns] >= threshold)
            cells = (cells[0], cells[1] + span.start)
            evidence[cells] = np.minimum(evidence[cells], windows.without_clumps(cells, stretch))
    return _retold(result, evidence, rises)


def _retold(result: ScanResult, evidence: Floats, rises: npt.NDArray[np.bool_]) -> ScanResult:
    best, columns = evidence.argmax(axis=0), np.arange(evidence.shape[1])
    by_column = evidence[best, columns]
    column = int(by_column.argmax())
    statistic, window, mix = float(by_column[column]), int(best[column]), None
    if result.mix is not None and result.statistic > statistic:
        statistic, window, mix = result.statistic, result.window, result.mix
    return replace(
        result,
        statistic=statistic,
        window=window,
        of_columns=float(by_column[column]),
        by_column=lambda: (by_column, rises[best, columns]),
        closely=lambda window: (evidence[window], rises[window]),
        mix=mix,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Windows:
    lengths: npt.NDArray[np.int64]
    counts: Floats  # (n_windows, n_columns)
    items: Floats  # the same shape
    yardstick: Yardstick

    def evidence(self, counts: Floats, items: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return the evidence of all windows and columns, and whether the share rose."""
        columns = np.arange(self.counts.shape[1])
        windows = np.arange(len(self.lengths))[:, None]
        return self._cells(counts, items, *np.broadcast_arrays(windows, columns[None]))

    def without_clumps(self, cells: tuple[npt.NDArray[np.intp], ...], stretch: int) -> Floats:
        """Return the evidence of some cells without the stretches that contribute most."""
        window, column = cells
        inside = np.arange(len(self.lengths)) <= window[:, None]
        a = np.where(inside, np.diff(self.counts[:, column], axis=0, prepend=0.0).T, 0.0)
        n = np.where(inside, np.diff(self.items[:, column], axis=0, prepend=0.0).T, 0.0)
        share = self.yardstick.shares[column]
        towards = np.sign(a.sum(axis=1) - n.sum(axis=1) * share)
        # a clump that begins in an entry, seen from now, ends within `stretch` buckets of the entry's far end
        last = np.searchsorted(self.lengths, self.lengths - 1 + stretch)
        last = np.minimum(last[None], window[:, None])
        for _ in range(LEFT_OUT):
            worst = _largest_stretch((a - n * share[:, None]) * towards[:, None], last, inside)
            a, n = np.where(worst, 0.0, a), np.where(worst, 0.0, n)
        a, n = a.sum(axis=1), n.sum(axis=1)
        evidence, _ = self._cells(a, n, window, column)
        return np.where((a - n * share) * towards > 0.0, evidence, 0.0)

    def _cells(
        self, counts: Floats, items: Floats, window: npt.NDArray[np.intp], column: npt.NDArray[np.intp]
    ) -> tuple[Floats, npt.NDArray[np.bool_]]:
        y, there = self.yardstick, items > 0.0
        inflation = y.inflation(self.lengths)
        extra = {}
        if inflation is not None:
            extra = {
                "phi": inflation.phi[window, column],
                "nu": inflation.nu[window, column],
                "phi_reference": inflation.reference[column],
            }
        there = there & y.tested[column]
        evidence, rises = class_evidence(
            np.where(there, counts, 0.0),
            np.where(there, items, 1.0),
            y.counts[column],
            y.safe_items[column],
            lengths=self.lengths[window],
            log_weights=y.log_weights[:, column],
            tolerance=y.tolerance[column],
            tolerance_abs=y.tolerance_abs[column],
            **extra,
        )
        return np.where(there, np.maximum(evidence, 0.0), 0.0), rises & there


def _largest_stretch(
    excess: Floats, last: npt.NDArray[np.intp], inside: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Return per row which entries make up the stretch of the largest excess; none if that is not positive.

    Parameters
    ----------
    excess : float64 array of shape (n_cells, n_entries)
        Newest entry first.
    last : int array of shape (n_cells, n_entries)
        The last entry of the stretch that begins at an entry.
    inside : bool array of shape (n_cells, n_entries)
    """
    rows = np.arange(len(excess))
    sums = np.concatenate([np.zeros((len(excess), 1)), np.cumsum(excess, axis=1)], axis=1)
    held = np.where(inside, np.take_along_axis(sums, last + 1, axis=1) - sums[:, :-1], -np.inf)
    first = held.argmax(axis=1)
    entries = np.arange(excess.shape[1])
    chosen = (entries >= first[:, None]) & (entries <= last[rows, first][:, None])
    found: npt.NDArray[np.bool_] = chosen & (held[rows, first] > 0.0)[:, None]
    return found


def _varies_at_once(chain: Chain, items: Floats) -> bool:
    """Return whether counts vary more than those of independent items within some twenty items already."""
    rows = _FEW_ITEMS / max(float(items.mean()), 1.0)
    scale = min(math.ceil(math.log2(max(rows, 1.0))), len(chain.phi) - 1)
    return bool((chain.phi[scale] > 1.0).any())


def _clump_rows(counts: npt.NDArray[np.int64], items: Floats, chain: Chain) -> int:
    """Return the length in rows of the longest impossible blocks, as far as it counts; 0 without any."""
    lengths = [1 << s for s in range((len(counts) // _LONGEST).bit_length())]
    least, largest = (_SURPLUS_DISPERSED, _OF_THE_LARGEST) if _varies_at_once(chain, items) else (_SURPLUS, 1)
    shares = shares_of(counts, items)
    longest = 0
    for length, phi in zip(lengths, bulk_chain(counts, items, shares, lengths), strict=True):
        a, n = blocks(counts, length), blocks(items, length)
        nats = surprise(a, n, shares, inflation=phi, n_columns=counts.shape[1]).max(axis=1)
        if _surplus(nats, largest) >= least:
            longest = length
    return min(longest, max(len(counts) // _LONGEST_LEFT_OUT, 1))


def _surplus(nats: Floats, largest: int) -> float:
    """Return how many nats the largest have beyond chance, on average: of N blocks some k have ln(N / k)."""
    found = np.sort(nats)[::-1][:largest]
    return float((found - np.log(len(nats) / np.arange(1, len(found) + 1))).mean())
