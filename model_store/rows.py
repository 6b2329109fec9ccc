"""Rows: which texts and labels does a CSV file hold, and if it cannot be used, which rows are to blame?

Row numbers count data rows from 1, the header not included. No text of a row appears in an error.
"""

import codecs
import csv
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias, cast

from model_store.errors import RowsError

Progress: TypeAlias = Callable[[str, int, int], None]  # stage, done, total

MAX_CELL_BYTES: Final = 1 << 20
_MAX_LINE_BYTES: Final = 8 << 20
_SHOWN: Final = 5
_PROGRESS_EVERY: Final = 5_000
_QUOTE: Final = "quote cells that hold commas, quotes or line breaks"


@dataclass(frozen=True, slots=True)
class Rows:
    """The columns of a file that were asked for, one entry per row; None for columns that were not."""

    texts: tuple[str, ...]
    labels: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    path: Path | None = None

    def __len__(self) -> int:
        return len(self.texts)


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
        return f"{self.path}: no column {self.column!r}; the columns are {', '.join(self.found)}"


class RowsInvalid(RowsError):
    """Some rows cannot be used; `numbers` holds the first of them, `count` says how many there are.

    `remedy` is what to do about them.
    """

    def __init__(self, path: Path, problem: str, numbers: Sequence[int], count: int, *, remedy: str) -> None:
        super().__init__(path, problem, tuple(numbers), count, remedy)
        self.path, self.problem, self.numbers, self.count = path, problem, tuple(numbers), count
        self.remedy = remedy

    def __str__(self) -> str:
        shown = ", ".join(map(str, self.numbers))
        if self.count == 1:
            return f"{self.path}: row {shown} {self.problem}; {self.remedy}"
        more = f" and {self.count - len(self.numbers)} more" if self.count > len(self.numbers) else ""
        return f"{self.path}: {self.count} rows {self.problem}: {shown}{more}; {self.remedy}"


def read_rows(
    path: Path,
    *,
    text: str,
    label: str | None = None,
    source: str | None = None,
    group: str | None = None,
    id: str | None = None,
    progress: Progress | None = None,
) -> Rows:
    """Read a UTF-8 CSV file, plain or gzipped, with a header line.

    Parameters
    ----------
    text, label, source, group, id : str
        Names of the columns to keep. Labels stay strings, also when they are numbers.
    progress : callable, optional
        Called with ("read", bytes read, bytes in the file).

    Raises
    ------
    RowsUnreadable, ColumnMissing, RowsInvalid
        In one line each, with row numbers.
    """
    columns = {"text": text, "label": label, "source": source, "group": group, "id": id}
    asked = {role: column for role, column in columns.items() if column is not None}
    try:
        with path.open("rb") as raw:
            cells = _read(path, raw, asked, progress)
    except OSError as error:
        raise RowsUnreadable(path, _os_reason(error)) from error
    _check(path, cells, asked)
    kept = {role: tuple(values) for role, values in cells.items()}
    return Rows(kept["text"], kept.get("label"), kept.get("source"), kept.get("group"), kept.get("id"), path)


def _read(
    path: Path, raw: BinaryIO, asked: dict[str, str], progress: Progress | None
) -> dict[str, list[str]]:
    total = path.stat().st_size
    gzipped = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if gzipped else raw
    lines = _Lines(path, stream)
    table = csv.reader(lines, strict=True)
    cells: dict[str, list[str]] = {role: [] for role in asked}
    limit = csv.field_size_limit(MAX_CELL_BYTES)
    try:
        header = next(table, None)
        lines.row = 0
        places = _places(path, header, asked)
        for row in filter(None, table):
            lines.row += 1
            if len(row) != len(header or ()):
                problem = f"has {len(row)} cells where the header has {len(header or ())}"
                raise RowsInvalid(path, problem, [lines.row], 1, remedy=_QUOTE)
            for role, place in places.items():
                cells[role].append(row[place])
            if progress is not None and lines.row % _PROGRESS_EVERY == 0:
                progress("read", raw.tell(), total)
    except csv.Error as error:
        problem, remedy = _csv_reason(error)
        raise RowsInvalid(path, problem, [lines.row + 1], 1, remedy=remedy) from error
    except (zlib.error, EOFError) as error:
        where = f"after row {lines.row}" if lines.row > 0 else "before the first row"
        raise RowsUnreadable(path, f"the gzip stream is damaged {where}; copy the file again") from error
    finally:
        csv.field_size_limit(limit)
    if progress is not None:
        progress("read", total, total)
    return cells


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


def _places(path: Path, header: Sequence[str] | None, asked: dict[str, str]) -> dict[str, int]:
    if not header:
        raise RowsUnreadable(path, "the file is empty; expected a header line and rows")
    for column in asked.values():
        if column not in header:
            raise ColumnMissing(path, column, header)
        if header.count(column) > 1:
            times = header.count(column)
            raise RowsUnreadable(path, f"the header has column {column!r} {times} times; expected once")
    return {role: header.index(column) for role, column in asked.items()}


def _check(path: Path, cells: dict[str, list[str]], asked: dict[str, str]) -> None:
    if not cells["text"]:
        raise RowsUnreadable(path, "the file has a header and no rows; expected at least one")
    for role, values in cells.items():
        column = asked[role]
        if role in ("text", "label", "id"):
            _refuse(
                path, f"have an empty {column!r}", _where(values, _empty), "fill it in, or leave the row out"
            )
        _refuse(path, f"have a NUL character in {column!r}", _where(values, _has_nul), "remove it")
        _refuse(path, f"have a cell over 1 MiB in {column!r}", _where(values, _too_long), "shorten it")
    if "id" in cells:
        problem = f"repeat a value of {asked['id']!r} that an earlier row has"
        _refuse(path, problem, _repeated(cells["id"]), "keep one row per id, or name no id column")


def _refuse(path: Path, problem: str, numbers: Sequence[int], remedy: str) -> None:
    if numbers:
        if len(numbers) == 1:
            verb, rest = problem.split(" ", 1)
            problem = f"{'has' if verb == 'have' else verb + 's'} {rest}"
        raise RowsInvalid(path, problem, numbers[:_SHOWN], len(numbers), remedy=remedy)


def _where(values: Sequence[str], bad: Callable[[str], bool]) -> list[int]:
    return [number for number, value in enumerate(values, 1) if bad(value)]


def _repeated(values: Sequence[str]) -> list[int]:
    seen: set[str] = set()
    again = []
    for number, value in enumerate(values, 1):
        if value in seen:
            again.append(number)
        seen.add(value)
    return again


def _empty(value: str) -> bool:
    return not value.strip()


def _has_nul(value: str) -> bool:
    return "\0" in value


def _too_long(value: str) -> bool:
    return len(value) > MAX_CELL_BYTES // 4 and len(value.encode()) > MAX_CELL_BYTES


def _csv_reason(error: csv.Error) -> tuple[str, str]:
    reason = str(error)
    if "field limit" in reason:
        return "has a cell over 1 MiB or a quote that is not closed", "shorten or correct it"
    return f"is not CSV ({reason})", _QUOTE


def _os_reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file; check the path"
    if isinstance(error, IsADirectoryError):
        return "is a directory; expected a CSV file"
    if isinstance(error, gzip.BadGzipFile):
        return "the gzip stream is damaged; copy the file again"
    return f"cannot be read ({error.strerror or error}); check its permissions"
