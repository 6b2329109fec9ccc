"""A log read once into counts per stretch of time: of classes, and of bins of the score, for each source."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.backtest.options import BacktestRefused
from monitoring.backtest.repeats import Repeats
from monitoring.backtest.series import Cells, Series
from monitoring.backtest.tally import MOST_CELLS, Tally
from monitoring.logs import Log, LogRefused, LogRows
from monitoring.logs.chunk import Progress

Floats = npt.NDArray[np.float64]

CODES: Final = 1 << 10  # a source's share of the codes; there are at most 1,000 labels
NO_OTHER: Final = "(no other label)"
SCORE_BINS: Final = 20
MOST_LEFT_OUT: Final = 0.5
FEWEST_ROWS: Final = 1_000  # a baseline of 500 and as many after it


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What a log holds.

    Attributes
    ----------
    labels : tuple of str
    cuts : float64 array or None
        Ascending; bin j holds scores above the cut before it and up to cut j. None without scores.
    repeated_rows, rows_out_of_order : int
    """

    labels: tuple[str, ...]
    cuts: Floats | None
    repeated_rows: int
    rows_out_of_order: int
    sources: tuple[str, ...]
    _classes: Tally
    _scores: Tally

    def rows_by_source(self) -> npt.NDArray[np.int64]:
        """Return the rows of each of `sources`."""
        _, codes, counts = self._classes.cells()
        return np.bincount(codes // CODES, counts, max(len(self.sources), 1)).astype(np.int64)

    def series(self, source: int = 0) -> Series:
        """Return the counts of one source, of the whole log where there is none."""
        labels, classes = _seen(self.labels, _of(source, self._classes, len(self.labels)))
        scores = None if self.cuts is None else _of(source, self._scores, len(self.cuts) + 1)
        return Series(labels, self._classes.milliseconds, classes, scores)


def count(
    log: Log,
    *,
    bucket_seconds: float | None = None,
    most_cells: int = MOST_CELLS,
    progress: Progress | None = None,
) -> Counted:
    """Read a log and count it; where a column of ids is read, each id once.

    Parameters
    ----------
    most_cells : int
        Counts that are kept at once; with more, stretches become longer.

    Raises
    ------
    LogRefused
        It cannot be read, or has hardly a usable row.
    TooFine
        It has too many buckets of the declared length.
    """
    length = None if bucket_seconds is None else max(round(bucket_seconds * 1e3), 1)
    counting = _Counting(length, most_cells)
    for rows in log.rows(progress):
        counting.add(rows)
    _check(log, counting.rows)
    counting.align()
    return Counted(
        labels=tuple(log.labels),
        cuts=counting.cuts,
        repeated_rows=counting.repeats.rows,
        rows_out_of_order=counting.out_of_order,
        sources=tuple(log.sources),
        _classes=counting.classes,
        _scores=counting.scores,
    )


class _Counting:
    def __init__(self, milliseconds: int | None, most_cells: int) -> None:
        self.classes = Tally(milliseconds, most_cells=most_cells)
        self.scores = Tally(milliseconds, most_cells=most_cells)
        self.repeats = Repeats()
        self.cuts: Floats | None = None
        self.rows = self.out_of_order = 0
        self._newest = -(1 << 62)
        self._looked = False

    def add(self, rows: LogRows) -> None:
        """Count a chunk."""
        self.rows += len(rows.labels)
        before = np.maximum.accumulate(np.append(self._newest, rows.milliseconds))
        self.out_of_order += int((rows.milliseconds < before[:-1]).sum())
        self._newest = int(before[-1])
        first = np.ones(len(rows.labels), np.bool_) if rows.ids is None else self.repeats.first(rows.ids)
        base = np.zeros(len(rows.labels), np.int64) if rows.sources is None else rows.sources * CODES
        self.classes.add(rows.milliseconds[first], (base + rows.labels)[first])
        if rows.scores is None:
            return
        scored = first & ~np.isnan(rows.scores)
        if not self._looked and scored.any():
            self._looked = True
            self.cuts = _cuts(rows.scores[scored])
        if self.cuts is not None:
            bins = np.searchsorted(self.cuts, rows.scores[scored], side="left")
            self.scores.add(rows.milliseconds[scored], base[scored] + bins)

    def align(self) -> None:
        """Bring classes and scores onto the same stretches."""
        tallies = (self.classes, self.scores)
        for tally in tallies:
            tally.settle()
        longer = max(tally.milliseconds for tally in tallies)
        for tally in tallies:
            tally.coarsen(longer)


def _cuts(scores: Floats) -> Floats | None:
    """Return the quantiles at which scores are cut, of the log's first rows; None when all are equal."""
    found = np.unique(np.quantile(scores, np.arange(1, SCORE_BINS) / SCORE_BINS, method="inverted_cdf"))
    found = found[found < scores.max()]
    return found if len(found) else None


def _of(source: int, tally: Tally, width: int) -> Cells:
    ticks, codes, counts = tally.cells()
    own = codes // CODES == source
    return Cells(ticks[own], codes[own] % CODES, counts[own], width)


def _seen(labels: Sequence[str], cells: Cells) -> tuple[tuple[str, ...], Cells]:
    """Return the labels that are there, sorted, and the cells with codes for those alone."""
    seen = sorted(np.flatnonzero(np.bincount(cells.codes)).tolist(), key=labels.__getitem__)
    code = np.zeros(len(labels), dtype=np.int64)
    code[seen] = np.arange(len(seen))
    names = tuple(labels[each] for each in seen)
    padded = names if len(names) > 1 else (*names, NO_OTHER)
    return padded, Cells(cells.ticks, code[cells.codes], cells.counts, len(padded))


def _check(log: Log, rows: int) -> None:
    """Refuse a log without rows, or one most of whose rows cannot be used: a column is the wrong one."""
    left_out = log.problems.rows
    if not rows + left_out:
        raise LogRefused(log.path, "the file has a header and no rows; expected at least 1,000")
    if left_out > MOST_LEFT_OUT * (rows + left_out):
        first = log.problems.sentences(log.unit)[0]
        raise LogRefused(log.path, f"{left_out:,} of {rows + left_out:,} rows cannot be used; {first}")
    if rows < FEWEST_ROWS:
        raise BacktestRefused(f"{log.path} has {rows:,} usable rows and at least {FEWEST_ROWS:,} are needed")
