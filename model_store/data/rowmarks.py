"""Which values does a row of a table have, as coarsely as tells it from others? Bins and categories.

What `model_store.data.wordmarks` does for texts, for tables: numbers are told by the bin they fall into,
everything else by its value, and pairs of columns by both, more coarsely: a row may be new though no column
of it is, since two of its values hardly ever go together. All are hashed, but of few values a hash hides
none: what marks say of a row is the bins of its numbers and its categories, where those are known.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.data.cells import number, truth
from model_store.data.contents import Values
from model_store.data.wordmarks import COLUMNS, NO_MARK, PER_TEXT, Marks, some
from model_store.graphs.values import Column, ColumnKind

Cuts: TypeAlias = npt.NDArray[np.float64]  # (n_columns of numbers, N_CUTS), rows ascending
Codes: TypeAlias = npt.NDArray[np.uint32]  # (n_rows, n_columns)

# The ends tell what lies outside of nearly all that was labelled.
SHARES: Final = (0.01, *(tenth / 10 for tenth in range(1, 10)), 0.99)
N_CUTS: Final = len(SHARES)
# Of pairs: by bin, three thirds between the two ends; the last one is that of a missing value.
_THIRD_OF: Final = np.append(np.searchsorted([1, 4, 8, N_CUTS], np.arange(N_CUTS + 1), side="right"), -1)
_N_THIRDS: Final = 5
_NUMBERS: Final = ("float", "integer")
_FARTHEST: Final = float(np.finfo(np.float64).max) / 4  # quantiles between two such numbers are finite
_FIRST, _SECOND = np.uint32(0x9E3779B1), np.uint32(0x85EBCA77)
_SHIFT: Final = np.uint32(32 - COLUMNS.bit_length() + 1)


@dataclass(frozen=True, slots=True, eq=False)
class Binning:
    """How the rows of a table are marked: its columns in order, and where its numbers are cut.

    Parameters
    ----------
    columns : tuple of Column
        Of a row of more than 64 columns the first 64 are marked.
    cuts : float64 array of shape (n_columns of numbers, 11)
        Quantiles `SHARES` of each, ascending; they may repeat.
    """

    columns: tuple[Column, ...]
    cuts: Cuts
    _pairs: tuple[tuple[int, int], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse cuts that are not those of the columns."""
        expected = (sum(column.kind in _NUMBERS for column in self.columns), N_CUTS)
        if self.cuts.shape != expected:
            raise ValueError(f"cuts of shape {self.cuts.shape}, expected {expected}")
        if not np.isfinite(self.cuts).all() or not (np.diff(self.cuts, axis=1) >= 0).all():
            raise ValueError("cuts: expected ascending finite numbers")
        object.__setattr__(self, "_pairs", _pairs([column.name for column in self.columns]))

    @classmethod
    def of(cls, columns: Sequence[Column], rows: Sequence[Values]) -> Self:
        """Return the binning by the quantiles of some rows; a column without a number in them is cut at 0."""
        found = []
        for column in columns:
            if column.kind in _NUMBERS:
                values = _numbers(column.name, rows)
                present = np.clip(values[np.isfinite(values)], -_FARTHEST, _FARTHEST)
                found.append(np.quantile(present if len(present) else [0.0], SHARES))
        return cls(tuple(columns), np.array(found, np.float64).reshape(-1, N_CUTS))

    def marks(self, rows: Sequence[Values]) -> Marks:
        """Return the distinct marks of each row, uint16 of shape (n_rows, 64).

        A missing value is a value of its own.

        Examples
        --------
        >>> ages = [{"age": float(age)} for age in range(100)]
        >>> binning = Binning.of([Column("age", "float")], ages)
        >>> a, b, c = binning.marks([{"age": 42.0}, {"age": "43"}, {"age": 1000.0}])
        >>> bool((a == b).all()), bool((a == c).all())
        (True, False)
        """
        fine, coarse = self._read(rows)
        found = np.full((len(rows), PER_TEXT), NO_MARK, dtype=np.uint16)
        singles = (fine * _FIRST) >> _SHIFT
        found[:, : singles.shape[1]] = singles
        for place, (left, right) in enumerate(self._pairs, singles.shape[1]):
            found[:, place] = (coarse[:, left] * _FIRST + coarse[:, right] * _SECOND) >> _SHIFT
        found.sort(axis=1)
        found[:, 1:][found[:, 1:] == found[:, :-1]] = NO_MARK
        return found

    def kept(self, rows: Sequence[Values]) -> Marks:
        """Return marks of at most `MOST_KEPT` of the rows, evenly from first to last."""
        return self.marks(some(rows))

    def _read(self, rows: Sequence[Values]) -> tuple[Codes, Codes]:
        """Return codes of the marked columns, and coarser ones."""
        marked = self.columns[:PER_TEXT]
        shape = len(rows), len(marked)
        fine, coarse = np.empty(shape, np.uint32), np.empty(shape, np.uint32)
        cuts = iter(self.cuts)
        for place, column in enumerate(marked):
            name = column.name
            if column.kind not in _NUMBERS:
                said = [_said(column.kind, row.get(name)) for row in rows]
                fine[:, place] = coarse[:, place] = [_code(name, each) for each in said]
                continue
            values = _numbers(name, rows)
            found = np.where(np.isfinite(values), np.searchsorted(next(cuts), values, side="right"), -1)
            fine[:, place] = _codes(name, N_CUTS + 1)[found]
            coarse[:, place] = _codes(f"{name}\0third", _N_THIRDS)[_THIRD_OF[found]]
        return fine, coarse


def values_of(content: str) -> Values:
    """Return the row that `contents.content_of` wrote; nothing of a content that is none."""
    try:
        row: Any = json.loads(content)
    except ValueError:
        return {}
    return row if isinstance(row, Mapping) else {}


def _pairs(names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Return which pairs of columns are marked: as many as fit, of all columns alike."""
    several = combinations(range(min(len(names), PER_TEXT)), 2)
    order = sorted(several, key=lambda pair: _code(names[pair[0]], names[pair[1]]))
    return tuple(order[: max(PER_TEXT - len(names), 0)])


def _codes(name: str, n: int) -> Codes:
    """Return the codes of a column's bins; the last one is that of a missing value."""
    return np.array([_code(name, str(each)) for each in range(n)] + [_code(name, "")], np.uint32)


def _code(name: str, value: str) -> int:
    return zlib.crc32(f"{name}\0{value}".encode(errors="surrogatepass"))


def _said(kind: ColumnKind, value: object) -> str:
    if kind == "boolean" and isinstance(value, str):
        value = truth(value)
    said = "" if value is None else str(value)
    return said if said.strip() else ""  # as a cell of a file that holds nothing


def _numbers(name: str, rows: Sequence[Values]) -> npt.NDArray[np.float64]:
    return np.array([_number(row.get(name)) for row in rows], np.float64)


def _number(value: float | int | str | bool | None) -> float:
    if value is None or isinstance(value, str):
        return number(value or "")
    try:
        return float(value)
    except OverflowError:  # a whole number that no float holds
        return float("inf")
