"""CSV: which cells stand in the columns of a file, and if it cannot be read, which rows are to blame?

Row numbers count data rows from 1, the header not included. No content of a cell appears in an error.
"""

import codecs
import csv
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias, cast

from model_store.errors import RowsError

Progress: TypeAlias = Callable[[str, int, int], None]  # stage, done, total
Cells: TypeAlias = dict[str, list[str]]  # column -> one cell a row

MAX_CELL_BYTES: Final = 1 << 20
_MAX_LINE_BYTES: Final = 8 << 20
_SHOWN: Final = 5
_MOST_NAMED: Final = 30
_LONGEST_NAME: Final = 60
_PROGRESS_EVERY: Final = 5_000
_EMPTY: Final = "the file is empty; expected a header line and rows"
_QUOTE: Final = "quote cells that hold commas, quotes or line breaks"


class RowsUnreadable(RowsError):
    """The file as a whole cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class ColumnMissing(RowsError):
    """The header has no column of this name."""

    def __init__(self, path: Path, column: str, found: Sequence[str]) -> None:
        super().__init__(path, column, tuple(found))
        self.path, self.column, self.found = path, column, tuple(found)

    def __str__(self) -> str:
        named = ", ".join(map(plainly, self.found[:_MOST_NAMED]))
        if len(self.found) > _MOST_NAMED:
            named += f" and {len(self.found) - _MOST_NAMED} more"
        return f"{self.path}: no column {self.column!r}; the columns are {named}"


class RowsInvalid(RowsError):
    """Some rows cannot be used; `numbers` holds the first of them, `count` says how many there are.

    `remedy` is what to do about them; `path` is None for rows that do not come from a file.
    """

    def __init__(
        self, path: Path | None, problem: str, numbers: Sequence[int], count: int, *, remedy: str
    ) -> None:
        super().__init__(path, problem, tuple(numbers), count, remedy)
        self.path, self.problem, self.numbers, self.count = path, problem, tuple(numbers), count
        self.remedy = remedy

    def __str__(self) -> str:
        where = "" if self.path is None else f"{self.path}: "
        shown = ", ".join(map(str, self.numbers))
        if self.count == 1:
            return f"{where}row {shown} {self.problem}; {self.remedy}"
        more = f" and {self.count - len(self.numbers)} more" if self.count > len(self.numbers) else ""
        return f"{where}{self.count} rows {self.problem}: {shown}{more}; {self.remedy}"


def refuse(path: Path | None, problem: str, numbers: Sequence[int], *, remedy: str) -> None:
    """Raise `RowsInvalid` if there are `numbers`; `problem` begins with a verb in the plural, like "have"."""
    if len(numbers) == 1:
        verb, _, rest = problem.partition(" ")
        problem = f"{_SINGULAR.get(verb, f'{verb}s')} {rest}"
    if numbers:
        raise RowsInvalid(path, problem, numbers[:_SHOWN], len(numbers), remedy=remedy)


_SINGULAR: Final = {"have": "has", "are": "is", "do": "does"}


def read_cells(path: Path, columns: Sequence[str], *, progress: Progress | None = None) -> Cells:
    """Read the named columns of a UTF-8 CSV file, plain or gzipped, with a header line.

    Parameters
    ----------
    progress : callable, optional
        Called with ("read", bytes read, bytes in the file).

    Raises
    ------
    RowsUnreadable, ColumnMissing
        For the file, its header or a column that is not there or there twice.
    RowsInvalid
        For rows that are not CSV or not UTF-8, or hold a NUL or more than 1 MiB in a cell of these columns.
    """
    try:
        with path.open("rb") as raw:
            cells = _read(path, raw, columns, progress)
    except OSError as error:
        raise RowsUnreadable(path, os_reason(error)) from error
    if not next(iter(cells.values())):
        raise RowsUnreadable(path, "the file has a header and no rows; expected at least one")
    for column, values in cells.items():
        refuse(path, f"have a NUL character in {column!r}", where(values, _has_nul), remedy="remove it")
        refuse(path, f"have a cell over 1 MiB in {column!r}", where(values, _too_long), remedy="shorten it")
    return cells


def read_header(path: Path) -> tuple[str, ...]:
    """Return the names of the columns of a file; no row is read.

    Raises
    ------
    RowsUnreadable
        If the file cannot be opened, or its first line is no header.
    """
    try:
        with path.open("rb") as raw:
            header = next(csv.reader(_Lines(path, unzipped(raw)), strict=True), None)
    except OSError as error:
        raise RowsUnreadable(path, os_reason(error)) from error
    except (csv.Error, zlib.error, EOFError) as error:
        raise RowsUnreadable(path, f"the header cannot be read ({error}); {_QUOTE}") from error
    if not header:
        raise RowsUnreadable(path, _EMPTY)
    return tuple(header)


def where(values: Sequence[str], bad: Callable[[str], bool]) -> list[int]:
    """Return the row numbers of the cells that are `bad`."""
    return [number for number, value in enumerate(values, 1) if bad(value)]


def _read(path: Path, raw: BinaryIO, columns: Sequence[str], progress: Progress | None) -> Cells:
    total = path.stat().st_size
    lines = _Lines(path, unzipped(raw))
    table = csv.reader(lines, strict=True)
    cells: Cells = {column: [] for column in columns}
    limit = csv.field_size_limit(MAX_CELL_BYTES)
    try:
        header = next(table, None)
        lines.row = 0
        places = _places(path, header, columns)
        for row in filter(None, table):
            lines.row += 1
            if len(row) != len(header or ()):
                problem = f"has {len(row)} cells where the header has {len(header or ())}"
                raise RowsInvalid(path, problem, [lines.row], 1, remedy=_QUOTE)
            for column, place in places.items():
                cells[column].append(row[place])
            if progress is not None and lines.row % _PROGRESS_EVERY == 0:
                progress("read", raw.tell(), total)
    except csv.Error as error:
        problem, remedy = _csv_reason(error)
        raise RowsInvalid(path, problem, [lines.row + 1], 1, remedy=remedy) from error
    except (zlib.error, EOFError) as error:
        reached = f"after row {lines.row}" if lines.row > 0 else "before the first row"
        raise RowsUnreadable(path, f"the gzip stream is damaged {reached}; copy the file again") from error
    finally:
        csv.field_size_limit(limit)
    if progress is not None:
        progress("read", total, total)
    return cells


def unzipped(raw: BinaryIO) -> BinaryIO:
    """Return the stream of what is inside where `raw` is gzipped, else `raw`."""
    gzipped = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    return cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if gzipped else raw


class _Lines:
    """Decode lines one by one, so that a decoding error knows its row; `row` counts the finished ones."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path, self._stream, self.row = path, stream, -1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        # Bounded: one endless line would otherwise be held whole before csv can refuse its cell.
        line = self._stream.readline(_MAX_LINE_BYTES)
        if not line:
            raise StopIteration
        if self.row < 0:
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            if len(line) == _MAX_LINE_BYTES:
                return line.decode("utf-8", "ignore")
            problem, remedy = f"is not UTF-8 (byte 0x{line[error.start]:02x})", "save the file as UTF-8"
            if self.row < 0:
                raise RowsUnreadable(self._path, f"the header {problem}; {remedy}") from error
            raise RowsInvalid(self._path, problem, [self.row + 1], 1, remedy=remedy) from error


def _places(path: Path, header: Sequence[str] | None, columns: Sequence[str]) -> dict[str, int]:
    if not header:
        raise RowsUnreadable(path, _EMPTY)
    for column in columns:
        if column not in header:
            raise ColumnMissing(path, column, header)
        if header.count(column) > 1:
            times = header.count(column)
            raise RowsUnreadable(path, f"the header has column {column!r} {times} times; expected once")
    return {column: header.index(column) for column in columns}


def plainly(name: str) -> str:
    """Return a column name that keeps an error on one readable line, whatever stands in the header."""
    short = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
    return short if short.isprintable() else repr(short)


def _has_nul(value: str) -> bool:
    return "\0" in value


def _too_long(value: str) -> bool:
    return len(value) > MAX_CELL_BYTES // 4 and len(value.encode()) > MAX_CELL_BYTES


def _csv_reason(error: csv.Error) -> tuple[str, str]:
    reason = str(error)
    if "field limit" in reason:
        return "has a cell over 1 MiB or a quote that is not closed", "shorten or correct it"
    return f"is not CSV ({reason})", _QUOTE


def os_reason(error: OSError) -> str:
    """Return why a file cannot be read, and what to do."""
    if isinstance(error, FileNotFoundError):
        return "no such file; check the path"
    if isinstance(error, IsADirectoryError):
        return "is a directory; expected a CSV file"
    if isinstance(error, gzip.BadGzipFile):
        return "the gzip stream is damaged; copy the file again"
    return f"cannot be read ({error.strerror or error}); check its permissions"
