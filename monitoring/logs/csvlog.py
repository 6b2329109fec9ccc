"""A log in CSV: a header, then a row a line; commas, semicolons or tabs between cells."""

import csv
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from monitoring.logs.chunk import CHUNK_ROWS, Chunk, Progress
from monitoring.logs.problems import LogRefused, Problems
from monitoring.logs.textfile import EMPTY, TextFile, open_text

DELIMITERS: Final = (",", ";", "\t", "|")
OTHER_WIDTH: Final = "have another number of cells than the header"
NOT_CSV: Final = "are not CSV: a stray quote, or a cell over 128 KiB"


class CsvLog:
    """Reads a CSV log; `unit` is what a row is counted in."""

    unit = "line"

    def __init__(self, path: Path) -> None:
        self.path = path
        with open_text(path) as file:
            self._delimiter, self.names = _header(path, file)

    def chunks(
        self, columns: dict[str, str], problems: Problems, progress: Progress | None
    ) -> Iterator[Chunk]:
        """Yield the rows that have as many cells as the header."""
        places = {role: self.names.index(name) for role, name in columns.items()}
        with open_text(self.path, progress) as file:
            table = csv.reader(file.lines, delimiter=self._delimiter, strict=True)
            next(table)
            rows, ended = _Rows(table, len(self.names), problems), False
            while not ended:
                lines, cells, ended = rows.take(CHUNK_ROWS)
                file.tell()
                yield Chunk(lines, _columns(cells, places))


def _columns(rows: list[Sequence[str]], places: dict[str, int]) -> dict[str, Sequence[str]]:
    return {role: list(map(itemgetter(place), rows)) for role, place in places.items()}


def _header(path: Path, file: TextFile) -> tuple[str, tuple[str, ...]]:
    """Return the delimiter that makes most cells of the first line, and those cells."""
    first = file.lines.readline(1 << 20)
    if not first.strip():
        raise LogRefused(path, EMPTY)
    try:
        read = {each: next(csv.reader([first], delimiter=each, strict=True)) for each in DELIMITERS}
    except csv.Error as error:
        raise LogRefused(path, f"the header is not CSV ({error}); quote names that hold commas") from error
    delimiter = max(DELIMITERS, key=lambda each: len(read[each]))
    return delimiter, tuple(name.strip() for name in read[delimiter])


class _Rows:
    """Takes rows off a CSV reader and notes those that are none."""

    def __init__(self, table: Any, width: int, problems: Problems) -> None:
        self._table, self._width, self._problems = table, width, problems

    def take(self, most: int) -> tuple[list[int], list[Sequence[str]], bool]:
        """Return up to `most` rows with the lines on which they begin, and whether the file ended."""
        lines: list[int] = []
        rows: list[Sequence[str]] = []
        table, width = self._table, self._width
        while len(rows) < most:
            line = table.line_num + 1
            try:
                row = next(table)
            except StopIteration:
                return lines, rows, True
            except csv.Error:
                self._problems.add(NOT_CSV, [line])
                continue
            if len(row) == width:
                lines.append(line)
                rows.append(row)
            elif row:
                self._problems.add(OTHER_WIDTH, [line])
        return lines, rows, False
