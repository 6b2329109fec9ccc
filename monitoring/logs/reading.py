"""A log of any system as numbers: when each row was, its predicted label, its score and its source."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from model_store.data.csvfile import unzipped
from monitoring.logs.chunk import Chunk, Progress
from monitoring.logs.columns import LogColumns, choose
from monitoring.logs.csvlog import CsvLog
from monitoring.logs.jsonlog import JsonLog
from monitoring.logs.moments import Milliseconds, moments
from monitoring.logs.names import ABSENT, UNUSABLE, Names
from monitoring.logs.parquetlog import ParquetLog
from monitoring.logs.problems import Problems
from monitoring.logs.textfile import refusing

MOST_LABELS: Final = 1_000
MOST_SOURCES: Final = 1_000
NO_SOURCE: Final = "(none)"
NO_LABEL: Final = "have no label"
NOT_A_LABEL: Final = "have a label that is no text in UTF-8"
NOT_A_SOURCE: Final = "have a source that is no text in UTF-8"


class _Format(Protocol):
    """What each format of log offers."""

    unit: str
    names: tuple[str, ...]

    def chunks(
        self, columns: dict[str, str], problems: Problems, progress: Progress | None
    ) -> Iterator[Chunk]: ...


@dataclass(frozen=True, slots=True, eq=False)
class LogRows:
    """Usable rows, in the file's order.

    Attributes
    ----------
    milliseconds : int64 array of shape (n_rows,)
        Since 1970, UTC.
    labels : int64 array of shape (n_rows,)
        Indices into `Log.labels`.
    scores : float64 array of shape (n_rows,) or None
        NaN where a row has none.
    sources : int64 array of shape (n_rows,) or None
        Indices into `Log.sources`.
    ids : int64 array of shape (n_rows,) or None
        A hash of each id, the same within this process; 0 where a row has none.
    """

    milliseconds: Milliseconds
    labels: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64] | None
    sources: npt.NDArray[np.int64] | None
    ids: npt.NDArray[np.int64] | None


class Log:
    """An open log; `rows` reads it once.

    Attributes
    ----------
    columns : LogColumns
        What is read.
    problems : Problems
        What was left out so far.
    without_zone, unscored : int
        Rows so far whose time names no zone (UTC was taken), and rows without a usable score.
    """

    def __init__(
        self, path: Path, asked: LogColumns, *, by_source: bool = False, no_label: str | None = None
    ) -> None:
        self.path = path
        self._format = _recognise(path)
        self.columns = choose(path, self._format.names, asked, by_source=by_source)
        self.problems = Problems()
        self.without_zone = self.unscored = 0
        self._labels = Names(path, self.columns.label or "", most=MOST_LABELS, empty=no_label)
        self._sources = Names(path, self.columns.source or "", most=MOST_SOURCES, empty=NO_SOURCE)

    @property
    def labels(self) -> Sequence[str]:
        """Labels met so far, in the order of `LogRows.labels`."""
        return self._labels.names

    @property
    def sources(self) -> Sequence[str]:
        """Sources met so far."""
        return self._sources.names

    @property
    def unit(self) -> str:
        """What a problem's numbers count: lines, of Parquet rows."""
        return self._format.unit

    def rows(self, progress: Progress | None = None) -> Iterator[LogRows]:
        """Yield the usable rows chunk by chunk; the others are counted in `problems`.

        Raises
        ------
        LogRefused
            The file is damaged, or has too many different labels or sources.
        """
        for chunk in self._format.chunks(self.columns.used(), self.problems, progress):
            if len(chunk.lines):
                yield self._usable(chunk)

    def _usable(self, chunk: Chunk) -> LogRows:
        when = moments(chunk.cells["time"])
        labels = self._labels.codes(chunk.cells["label"])
        sources = self._sources.codes(chunk.cells["source"]) if "source" in chunk.cells else None
        refused = [
            *((why, np.array(places)) for why, places in when.refused.items()),
            (NO_LABEL, np.flatnonzero(labels == ABSENT)),
            (NOT_A_LABEL, np.flatnonzero(labels == UNUSABLE)),
            *(() if sources is None else ((NOT_A_SOURCE, np.flatnonzero(sources < 0)),)),
        ]
        usable = np.ones(len(labels), dtype=np.bool_)
        for reason, places in refused:
            new = places[usable[places]]  # a row is counted once, whatever else is wrong with it
            usable[new] = False
            self.problems.add(reason, [chunk.lines[place] for place in new.tolist()])
        self.without_zone += when.without_zone
        scores = _scores(chunk.cells["score"])[usable] if "score" in chunk.cells else None
        if scores is not None:
            self.unscored += int(np.isnan(scores).sum())
        ids = _hashes(chunk.cells["id"])[usable] if "id" in chunk.cells else None
        kept_sources = None if sources is None else sources[usable]
        return LogRows(when.milliseconds[usable], labels[usable], scores, kept_sources, ids)


def _recognise(path: Path) -> _Format:
    """Return the reader of a file, recognised by its first bytes rather than by its name."""
    with refusing(path), path.open("rb") as raw:
        parquet = raw.read(4) == b"PAR1"
        raw.seek(0)
        first = b"" if parquet else unzipped(raw).read(4_096)
    if parquet:
        return ParquetLog(path)
    return JsonLog(path) if first.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{" else CsvLog(path)


def _scores(cells: Sequence[Any]) -> npt.NDArray[np.float64]:
    """Return numbers, NaN for what is none or not finite."""
    try:
        found = np.fromiter(map(float, cells), np.float64, len(cells))
    except (ValueError, TypeError):
        found = np.fromiter(map(_score, cells), np.float64, len(cells))
    found[~np.isfinite(found)] = np.nan
    return found


def _score(cell: Any) -> float:
    try:
        return float(cell)
    except (ValueError, TypeError):
        return float("nan")


def _hashes(cells: Sequence[Any]) -> npt.NDArray[np.int64]:
    return np.fromiter(
        (hash(str(cell)) if cell not in (None, "") else 0 for cell in cells), np.int64, len(cells)
    )
