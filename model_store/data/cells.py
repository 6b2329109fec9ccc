"""Cells: which labels, weight or moment does a cell of a labelled file say, and which rows say none?"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from model_store.data.csvfile import refuse, where

SEPARATOR: Final = "|"
# The second and third are what labelers answer, so that no label differs from not labelled yet.
NO_LABELS: Final = frozenset({"", "[]", "none_of_these"})
# Far beyond any design; squares and sums of a million such weights are still exact to nine digits.
WEIGHT_LIMIT: Final = 1e9
# How tools write a missing number: pandas, R, SQL dumps and Python. An empty cell is missing everywhere.
MISSING: Final = frozenset({"", "nan", "na", "n/a", "null", "none"})
_TRUTH: Final[Mapping[str, bool]] = {"1": True, "true": True, "0": False, "false": False}


def label_sets(path: Path, column: str, cells: Sequence[str]) -> tuple[frozenset[str], ...]:
    """Return the labels of each cell, which `|` separates; an empty cell, `[]` and `none_of_these` hold none.

    White space around a label is not part of it.

    Raises
    ------
    RowsInvalid
        For an empty label, as in `a||b`, and for a label that is twice in a cell.
    """
    parted = [_labels(cell) for cell in cells]
    empty = [number for number, labels in enumerate(parted, 1) if "" in labels]
    refuse(
        path,
        f"have an empty label beside a {SEPARATOR!r} in {column!r}",
        empty,
        remedy="write `a|b`, and nothing for no label",
    )
    twice = [number for number, labels in enumerate(parted, 1) if len(set(labels)) != len(labels)]
    refuse(path, f"have a label twice in {column!r}", twice, remedy="keep one of them")
    return tuple(map(frozenset, parted))


def indicator_sets(path: Path, columns: Mapping[str, Sequence[str]]) -> tuple[frozenset[str], ...]:
    """Return the labels of each row: the names of the columns whose cell says 1 or true.

    Raises
    ------
    RowsInvalid
        For a cell that is not 0, 1, true or false in any case.
    """
    for column, cells in columns.items():
        problem = f"have neither 0, 1, true nor false in the label column {column!r}"
        refuse(
            path, problem, where(cells, _no_indicator), remedy="correct them, or name one label column only"
        )
    rows = zip(*columns.values(), strict=True)
    return tuple(
        frozenset(name for name, cell in zip(columns, row, strict=True) if truth(cell)) for row in rows
    )


def weights(path: Path, column: str, cells: Sequence[str]) -> tuple[float, ...]:
    """Return how many items of the traffic each row stands for.

    Only their ratios count, so a weight may be under 1: inverse inclusion probabilities, and the same
    divided by their mean, give the same estimates. A row of weight 0 stands for no traffic but itself: it was
    chosen, not drawn.

    Raises
    ------
    RowsInvalid
        For a cell that is neither 0 nor a number from 1e-9 to 1e9.
    """
    problem = f"have no weight of 0 or from {1 / WEIGHT_LIMIT:g} to {WEIGHT_LIMIT:g} in {column!r}"
    remedy = "write how many items each row stands for, or leave the row out"
    return _numbers(
        path, problem, cells, lambda w: w == 0 or 1 / WEIGHT_LIMIT <= w <= WEIGHT_LIMIT, remedy=remedy
    )


def inclusion_probabilities(path: Path, column: str, cells: Sequence[str]) -> tuple[float, ...]:
    """Return with which probability each row came into the sample.

    Raises
    ------
    RowsInvalid
        For a cell that is not a number over 0, from 1e-9, to 1.
    """
    problem = f"have no probability over 0 and up to 1 in {column!r}"
    remedy = "write the probability with which each row was drawn"
    return _numbers(path, problem, cells, lambda p: 1 / WEIGHT_LIMIT <= p <= 1.0, remedy=remedy)


def draws(path: Path, column: str, cells: Sequence[str]) -> tuple[float, ...]:
    """Return how many draws each row stands for.

    Raises
    ------
    RowsInvalid
        For a cell that is not a whole number of at least 1.
    """
    problem = f"have no whole number of draws from 1 in {column!r}"
    remedy = "write 1 for a row that was drawn once"
    return _numbers(path, problem, cells, lambda n: 1 <= n <= WEIGHT_LIMIT and n.is_integer(), remedy=remedy)


def times(path: Path, column: str, cells: Sequence[str]) -> tuple[float, ...]:
    """Return the moment of each cell in seconds since the epoch; a time without a zone is UTC.

    Raises
    ------
    RowsInvalid
        For a cell that is not a date or a date and time in ISO 8601.
    """
    found = [_moment(cell.strip()) for cell in cells]
    bad = [number for number, moment in enumerate(found, 1) if moment is None]
    refuse(
        path,
        f"have no ISO 8601 time in {column!r}",
        bad,
        remedy="write it like 2026-01-31T10:00:00Z; without a zone it is taken as UTC",
    )
    return tuple(moment for moment in found if moment is not None)


def number(cell: str) -> float:
    """Return the number a cell says, NaN if it says none; digit grouping by `_` is no number here.

    Examples
    --------
    >>> number(" 1e3 "), number("1_000"), number("much")
    (1000.0, nan, nan)
    """
    try:
        return math.nan if "_" in cell else float(cell)
    except ValueError:
        return math.nan


def repeated(values: Sequence[str]) -> list[int]:
    """Return the row numbers of the values that an earlier row has."""
    seen: Counter[str] = Counter()
    again = []
    for row, value in enumerate(values, 1):
        if seen[value]:
            again.append(row)
        seen[value] += 1
    return again


def truth(cell: str) -> bool | None:
    """Return what 1, 0, true or false say, in any case; None for another cell."""
    return _TRUTH.get(cell.strip().lower())


def _labels(cell: str) -> list[str]:
    return [] if cell.strip() in NO_LABELS else [label.strip() for label in cell.split(SEPARATOR)]


def _numbers(
    path: Path, problem: str, cells: Sequence[str], allowed: Callable[[float], bool], *, remedy: str
) -> tuple[float, ...]:
    values = tuple(map(number, cells))
    refuse(path, problem, [i for i, value in enumerate(values, 1) if not allowed(value)], remedy=remedy)
    return values


def _no_indicator(cell: str) -> bool:
    return truth(cell) is None


def _moment(cell: str) -> float | None:
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
