"""Rows: what do the columns of a labelled file say about each of its rows?

Row numbers count data rows from 1, the header not included. No content of a row appears in an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from model_store.data import cells
from model_store.data.contents import content_of
from model_store.data.csvfile import (
    MAX_CELL_BYTES,
    Cells,
    ColumnMissing,
    Progress,
    RowsInvalid,
    RowsUnreadable,
    read_cells,
    refuse,
    where,
)
from model_store.errors import RowsError

__all__ = [
    "MAX_CELL_BYTES",
    "ColumnMissing",
    "ColumnsUnclear",
    "Progress",
    "Rows",
    "RowsInvalid",
    "RowsUnreadable",
    "read_rows",
]

_FILL_IN: Final = "fill it in, or leave the row out"


@dataclass(frozen=True, slots=True)
class Rows:
    """The columns of a file that were asked for, one entry per row; None for columns that were not.

    A row is a text or, where `features` is not None, the cells of a table; then `texts` is empty.

    Parameters
    ----------
    labels : tuple of str
        The one label of each row; None where rows carry sets of labels.
    features : mapping of str to tuple of str
        Cells by column, as they are written; `labelled.features_of` gives them their types.
    label_sets : tuple of frozenset of str
        Multi-label: all labels of each row, possibly none.
    label_columns : tuple of str
        Multi-label: names of the indicator columns, in order; None if the labels stand in one column.
    weights : tuple of float
        How many items of the traffic each row stands for; only the ratios count.
    inclusion : bool
        The weights come from inclusion probabilities, which are 1 for a row that was chosen for certain.
    times : tuple of float
        Seconds since the epoch.
    strata : tuple of str
        Which stratum of a sample a row belongs to.
    """

    texts: tuple[str, ...] = ()
    labels: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    path: Path | None = None
    features: Mapping[str, tuple[str, ...]] | None = None
    label_sets: tuple[frozenset[str], ...] | None = None
    label_columns: tuple[str, ...] | None = None
    weights: tuple[float, ...] | None = None
    inclusion: bool = False
    times: tuple[float, ...] | None = None
    strata: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.texts) if not self.features else len(next(iter(self.features.values())))

    def contents(self) -> tuple[str, ...]:
        """Return what near-duplicate signatures are made of: the texts, or the filled cells as JSON."""
        if not self.features:
            return self.texts
        names = tuple(self.features)
        return tuple(
            content_of({name: cell for name, cell in zip(names, row, strict=True) if cell.strip()})
            for row in zip(*self.features.values(), strict=True)
        )


class ColumnsUnclear(RowsError):
    """The columns that were named contradict each other."""


def read_rows(
    path: Path,
    *,
    text: str | None = None,
    features: Sequence[str] = (),
    label: str | Sequence[str] | None = None,
    multilabel: bool = False,
    source: str | None = None,
    group: str | None = None,
    id: str | None = None,
    weight: str | None = None,
    inclusion: str | None = None,
    copies: str | None = None,
    stratum: str | None = None,
    time: str | None = None,
    progress: Progress | None = None,
) -> Rows:
    """Read a UTF-8 CSV file, plain or gzipped, with a header line.

    Parameters
    ----------
    text : str
        Column with the text of each row; or
    features : sequence of str
        the columns of a table. An empty cell is a missing value.
    label : str or sequence of str
        Column with the label. Labels stay strings, also when they are numbers. Several columns are
        indicators: a row carries each label whose column says 1 or true, and not those with 0 or false.
    multilabel : bool
        The cells of the one label column hold any number of labels, as in `a|b`; an empty one holds none.
    source, group, id : str
        Columns with where a row comes from, what it must not be separated from, and what names it.
    weight : str
        Column with how many items of the traffic each row stands for, see `cells.weights`; or
    inclusion : str
        a column with the probability with which each row was drawn; the weight is 1 divided by it.
    copies : str
        Column with the number of draws a row stands for, with `inclusion`: a batch holds near-duplicate
        draws once and says here how many there were. The weight is multiplied by it.
    stratum : str
        Column with the stratum each row was drawn from.
    time : str
        Column with a date or a date and time in ISO 8601; without a zone it is UTC.
    progress : callable, optional
        Called with ("read", bytes read, bytes in the file).

    Raises
    ------
    ColumnsUnclear
        For columns that contradict each other, before the file is opened.
    RowsUnreadable, ColumnMissing, RowsInvalid
        In one line each, with row numbers.
    """
    label_columns = (label,) if isinstance(label, str) else tuple(label or ())
    feature_columns = tuple(features)
    _check_roles(text, feature_columns, label_columns, multilabel=multilabel)
    _check_weights(weight, inclusion, copies)
    single = (text, source, group, id, weight, inclusion, copies, stratum, time)
    columns = (*(c for c in single if c is not None), *feature_columns, *label_columns)
    table = read_cells(path, tuple(dict.fromkeys(columns)), progress=progress)
    for column in (text, id, stratum):
        if column is not None:
            _refuse_empty(path, column, table[column])
    if id is not None:
        problem = f"repeat a value of {id!r} that an earlier row has"
        remedy = "keep one row per id, or name no id column"
        refuse(path, problem, cells.repeated(table[id]), remedy=remedy)
    labels, label_sets = _labels(path, table, label_columns, multilabel=multilabel)
    return Rows(
        texts=() if text is None else tuple(table[text]),
        labels=labels,
        sources=_column(table, source),
        groups=_column(table, group),
        ids=_column(table, id),
        path=path,
        features={name: tuple(table[name]) for name in feature_columns} or None,
        label_sets=label_sets,
        label_columns=label_columns if len(label_columns) > 1 else None,
        weights=_weights(path, table, weight, inclusion, copies),
        inclusion=inclusion is not None,
        times=None if time is None else cells.times(path, time, table[time]),
        strata=_column(table, stratum),
    )


def _check_roles(
    text: str | None, features: tuple[str, ...], labels: tuple[str, ...], *, multilabel: bool
) -> None:
    if (text is None) == (not features):
        found = "neither is" if text is None else "both are"
        raise ColumnsUnclear(f"a row is a text or a table's columns, {found} named; name one of them")
    for kind, named in (("feature", features), ("label", labels)):
        if again := sorted({column for column in named if named.count(column) > 1}):
            raise ColumnsUnclear(f"{kind} column {again[0]!r} is named twice; name it once")
    inputs = features if text is None else (text,)
    if answers := sorted(set(inputs) & set(labels)):
        raise ColumnsUnclear(
            f"column {answers[0]!r} is both input and label: a model would copy it; name it as one of them"
        )
    if multilabel and len(labels) != 1:
        raise ColumnsUnclear(
            f"cells like a|b stand in one label column, {len(labels)} are named; "
            "name one, or several 0/1 columns without asking for such cells"
        )


def _check_weights(weight: str | None, inclusion: str | None, copies: str | None) -> None:
    if weight is not None and inclusion is not None:
        raise ColumnsUnclear(
            f"a weight {weight!r} and an inclusion probability {inclusion!r} are named; name one of them"
        )
    if copies is not None and inclusion is None:
        raise ColumnsUnclear(
            f"the draws in {copies!r} count with an inclusion probability only; name its column"
        )


def _labels(
    path: Path, table: Cells, columns: tuple[str, ...], *, multilabel: bool
) -> tuple[tuple[str, ...] | None, tuple[frozenset[str], ...] | None]:
    """Return the one label of each row, or else the set of its labels."""
    if not columns:
        return None, None
    if len(columns) > 1:
        return None, cells.indicator_sets(path, {column: table[column] for column in columns})
    if multilabel:
        return None, cells.label_sets(path, columns[0], table[columns[0]])
    _refuse_empty(path, columns[0], table[columns[0]])
    return tuple(table[columns[0]]), None


def _weights(
    path: Path, table: Cells, weight: str | None, inclusion: str | None, copies: str | None
) -> tuple[float, ...] | None:
    if weight is not None:
        return cells.weights(path, weight, table[weight])
    if inclusion is None:
        return None
    chances = cells.inclusion_probabilities(path, inclusion, table[inclusion])
    if copies is None:
        return tuple(1.0 / p for p in chances)
    draws = cells.draws(path, copies, table[copies])
    return tuple(n / p for n, p in zip(draws, chances, strict=True))


def _column(table: Cells, column: str | None) -> tuple[str, ...] | None:
    return None if column is None else tuple(table[column])


def _refuse_empty(path: Path, column: str, values: Sequence[str]) -> None:
    empty = where(values, lambda cell: not cell.strip())
    refuse(path, f"have an empty {column!r}", empty, remedy=_FILL_IN)
