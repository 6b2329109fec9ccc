"""Features: which types do the columns of a table have, and what do its cells say in those types?"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from model_store.data.cells import MISSING, number, truth
from model_store.data.csvfile import refuse, where
from model_store.data.rows import Rows
from model_store.errors import RowsError
from model_store.graphs.columns import Column, ColumnKind
from model_store.graphs.inputs import Features, Input

Value: TypeAlias = float | int | str | bool | None

# A column in which so many cells are numbers is one of numbers with mistakes, not one of texts.
_MOSTLY: Final = 0.9
# Postal codes, article numbers: a number would lose the zero.
_CODE: Final = re.compile(r"[+-]?0\d")
_WHOLE: Final = re.compile(r"[+-]?\d{1,18}")
# A value of fewer rows may be somebody's; of more it is a category that the graph holds anyway.
_TYPICAL_ROWS: Final = 20
_TYPICAL_CHARACTERS: Final = 64
_SAID: Final[Mapping[ColumnKind, str]] = {
    "float": "a finite number",
    "integer": "a whole number",
    "boolean": "true or false",
    "text": "a text",
}


class TableUnfit(RowsError):
    """The columns of a table cannot be used, or are not those that the model takes."""


def feature_columns(rows: Rows, kinds: Mapping[str, ColumnKind] | None = None) -> tuple[Column, ...]:
    """Return the columns of a table with the types their cells suggest, in the order of the file's reading.

    All cells true or false: boolean. All of them numbers: float; what pandas, R or SQL write for a missing
    number is one. Otherwise text, also where a number begins with a zero, as codes do. A column takes missing
    values if it has some. What most rows carry becomes the typical value, unless it could be one person's.

    Parameters
    ----------
    kinds : mapping of str to {"float", "integer", "text", "boolean"}, optional
        Of columns where the cells mislead, for instance numbers that name categories.

    Raises
    ------
    TableUnfit
        For rows that are texts, for a column without any value, and for a kind of an unknown column.
    RowsInvalid
        For cells that are no number in a column where at least nine of ten are.
    """
    table = _table(rows)
    declared = kinds or {}
    if unknown := sorted(declared.keys() - table.keys()):
        raise TableUnfit(f"a kind is declared for {unknown[0]!r}; the feature columns are {', '.join(table)}")
    return tuple(_column(rows.path, name, cells, declared.get(name)) for name, cells in table.items())


def features_of(rows: Rows, columns: Sequence[Column]) -> list[Features]:
    """Return each row of a table as the columns of a model take it.

    Raises
    ------
    TableUnfit
        For rows that are texts, and for a column the model lacks or the rows lack.
    RowsInvalid
        With row numbers: a cell of another type, or a missing value in a column that takes none.
    """
    table = _table(rows)
    names = [column.name for column in columns]
    if absent := [name for name in names if name not in table]:
        raise TableUnfit(f"the model takes the column {absent[0]!r}, which the rows lack; name it too")
    if unseen := [name for name in table if name not in names]:
        raise TableUnfit(f"the model takes no column {unseen[0]!r}; it takes {', '.join(names)}")
    values = [_values(rows.path, column, table[column.name]) for column in columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def inputs_of(rows: Rows, columns: Sequence[Column] = ()) -> Sequence[Input]:
    """Return what a model takes for each row: its text or, of a table, its features."""
    if rows.features is None and columns:
        raise TableUnfit("the model takes the columns of a table, the rows are texts; name those columns")
    return rows.texts if rows.features is None else features_of(rows, columns)


def _table(rows: Rows) -> Mapping[str, tuple[str, ...]]:
    if rows.features is None:
        raise TableUnfit("the rows are texts, not a table; name the feature columns")
    return rows.features


def _column(path: Path | None, name: str, cells: Sequence[str], kind: ColumnKind | None) -> Column:
    if all(_missing("float", cell) for cell in cells):
        raise TableUnfit(f"column {name!r} holds no value in any of the {len(cells)} rows; leave it out")
    kind = kind or _kind(path, name, cells)
    missing = any(_missing(kind, cell) for cell in cells)
    column = Column(name, kind, missing)
    return Column(name, kind, missing, _typical(kind, _values(path, column, cells)))


def _kind(path: Path | None, name: str, cells: Sequence[str]) -> ColumnKind:
    present = [cell.strip() for cell in cells if not _missing("float", cell)]
    if all(cell.lower() in ("true", "false") for cell in present):
        return "boolean"
    if any(map(_CODE.match, present)) and not any(map(_decimal, present)):
        return "text"
    numeric = sum(not math.isnan(number(cell)) for cell in present)
    if numeric < _MOSTLY * len(present):
        return "text"
    odd = where(cells, lambda cell: not _missing("float", cell) and math.isnan(number(cell)))
    refuse(
        path,
        f"have no number in {name!r}, where {numeric} rows do",
        odd,
        remedy="correct them, leave the cell empty, or declare the column as text",
    )
    return "float"


def _decimal(cell: str) -> bool:
    return "." in cell and not math.isnan(number(cell))


def _missing(kind: ColumnKind, cell: str) -> bool:
    plain = cell.strip().lower()
    return plain == "" if kind == "text" else plain in MISSING


def _values(path: Path | None, column: Column, cells: Sequence[str]) -> list[Value]:
    if not column.missing:
        refuse(
            path,
            f"lack a value in {column.name!r}, which may not be missing",
            where(cells, partial(_missing, column.kind)),
            remedy="fill it in, or leave the row out",
        )
    parse = _PARSERS[column.kind]
    values = [None if _missing(column.kind, cell) else parse(cell) for cell in cells]
    odd = [
        row
        for row, (cell, value) in enumerate(zip(cells, values, strict=True), 1)
        if value is None and not _missing(column.kind, cell)
    ]
    refuse(
        path,
        f"do not hold {_SAID[column.kind]} in {column.name!r}",
        odd,
        remedy="correct the cell, or leave the row out",
    )
    return values


def _float(cell: str) -> float | None:
    value = number(cell)
    return value if math.isfinite(value) else None


def _integer(cell: str) -> int | None:
    if _WHOLE.fullmatch(plain := cell.strip()):  # exact, also where a float is not
        return int(plain)
    value = _float(cell)
    return int(value) if value is not None and value.is_integer() else None


_PARSERS: Final[Mapping[ColumnKind, Callable[[str], Value]]] = {
    "float": _float,
    "integer": _integer,
    "text": str,
    "boolean": truth,
}


def _typical(kind: ColumnKind, values: Sequence[Value]) -> Value:
    """Return the median of numbers, or else the commonest value if enough rows share it."""
    present = [value for value in values if value is not None]
    if kind in ("float", "integer"):
        middle = float(np.median(np.array(present, dtype=np.float64)))
        return round(middle) if kind == "integer" else middle
    value, rows = Counter(present).most_common(1)[0]
    if rows < _TYPICAL_ROWS or len(str(value)) > _TYPICAL_CHARACTERS:
        return None
    return value
