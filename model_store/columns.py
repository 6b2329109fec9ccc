"""Is an item made of the columns that a graph takes, and as which tensors does the graph take them?"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias, cast, get_args

import numpy as np
import numpy.typing as npt

from model_store.errors import FeatureInvalid
from model_store.fields import Fields
from model_store.inputs import (
    ONNX_TYPES,
    Features,
    Feeds,
    InputKind,
    OnnxType,
    Probe,
    Rows,
    Signature,
    strings,
)

ColumnKind: TypeAlias = Literal["float", "integer", "text", "boolean"]
Value: TypeAlias = float | int | str | bool | None

MAX_COLUMNS: Final = 4_096
_SHOWN_NAMES: Final = 20
# 256 rows of 30 columns through a forest of 100 trees: as fast an item as 1,024 at once.
_ROWS_AT_ONCE: Final = 256

_NUMBERS: Final = ("tensor(float)", "tensor(double)")
_FED_AS: Final[dict[ColumnKind, tuple[str, ...]]] = {
    "float": _NUMBERS,
    "integer": (*_NUMBERS, "tensor(int64)"),
    "text": ("tensor(string)",),
    "boolean": (*_NUMBERS, "tensor(int64)", "tensor(bool)"),
}
_DTYPE: Final[dict[str, Any]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}
# Integers and booleans have no value that says there is none.
_CAN_MISS: Final = (*_NUMBERS, "tensor(string)")
_EXPECTED: Final[dict[ColumnKind, str]] = {
    "float": "a number",
    "integer": "a whole number",
    "text": "a string",
    "boolean": "true or false",
}
_USUAL: Final[dict[ColumnKind, Value]] = {"float": 0.0, "integer": 0, "text": "a", "boolean": False}
_OTHERS: Final[dict[ColumnKind, tuple[Value, ...]]] = {
    "float": (1.0, -3.5, 1e6),
    "integer": (1, -3, 1_000_000),
    "text": ("b", "", "a text of several words"),
    "boolean": (True, False, True),
}
_TYPES: Final[dict[ColumnKind, frozenset[type]]] = {
    "float": frozenset({float, int}),
    "integer": frozenset({int}),  # a float may be whole, which its type does not say
    "text": frozenset({str}),
    "boolean": frozenset({bool}),
}
_ABSENT: Final = type(None)
_LARGEST: Final[dict[str, float | int]] = {
    "tensor(float)": float(np.finfo(np.float32).max),
    "tensor(double)": float(np.finfo(np.float64).max),
    "tensor(int64)": int(np.iinfo(np.int64).max),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table that a model takes.

    Parameters
    ----------
    missing : bool
        Whether an item may leave it out or say null. The graph then gets NaN, or "" in a column of texts.
    typical : float, int, str or bool, optional
        A value as usual traffic has it, for the first run of a graph that refuses what it has not seen.
    """

    name: str
    kind: ColumnKind
    missing: bool = False
    typical: Value = None

    def to_json(self) -> dict[str, Any]:
        """Return what the manifest says."""
        said: dict[str, Any] = {"name": self.name, "kind": self.kind, "missing": self.missing}
        return said if self.typical is None else said | {"typical": self.typical}

    @classmethod
    def from_fields(cls, fields: Fields) -> "Column":
        """Read what `to_json` wrote."""
        column = cls(
            fields.label("name"), fields.one_of("kind", get_args(ColumnKind)), fields.boolean("missing")
        )
        typical = fields.optional("typical")
        fields.finish()
        if typical is not None and (
            fault := _fault(replace(column, missing=False), "tensor(double)", typical)
        ):
            raise fields.invalid("typical", fault)
        return replace(column, typical=typical)


@dataclass(frozen=True, slots=True)
class GraphInput:
    """One input of the graph, of shape (n, number of columns): its name, its columns in order, its type."""

    input: str
    columns: tuple[str, ...]
    type: OnnxType

    def to_json(self) -> dict[str, Any]:
        """Return what the manifest says."""
        return {"input": self.input, "columns": list(self.columns), "type": self.type}

    @classmethod
    def from_fields(cls, fields: Fields) -> "GraphInput":
        """Read what `to_json` wrote."""
        made = cls(
            fields.label("input"),
            fields.labels("columns", low=1, high=MAX_COLUMNS),
            fields.one_of("type", ONNX_TYPES),
        )
        fields.finish()
        return made


@dataclass(frozen=True, slots=True)
class ColumnInputs:
    """The graph takes tensors of columns: one of all columns, one for each, or anything between.

    Every column goes into exactly one input. Numbers go into a tensor of floats as they are, booleans as 0
    and 1; a value that is missing as NaN. A tensor of strings has "" for it. Tensors of integers and of
    booleans cannot say that a value is missing, so columns in them may not be.

    Parameters
    ----------
    columns : tuple of Column
    inputs : tuple of GraphInput
    """

    columns: tuple[Column, ...]
    inputs: tuple[GraphInput, ...]
    _names: frozenset[str] = field(init=False, repr=False, compare=False)
    _blocks: "tuple[_Block, ...]" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse columns and inputs that do not belong together."""
        if problem := next(_problems(self.columns, self.inputs), None):
            raise ValueError(": ".join(problem))
        object.__setattr__(self, "_names", frozenset(column.name for column in self.columns))
        object.__setattr__(self, "_blocks", _blocks(self.columns, self.inputs))

    @property
    def input_kind(self) -> InputKind:
        """What an item is."""
        return "features"

    def signature(self) -> Signature:
        """Return the inputs that the graph must have, and no others."""
        return {each.input: (each.type, (None, len(each.columns))) for each in self.inputs}

    def feeds(self, inputs: Sequence[Features]) -> Feeds:
        """Return the tensors of all items.

        A float without a fraction is taken for an integer; a boolean is not a number. Whatever a column
        kind does not take is refused before anything runs.

        Raises
        ------
        FeatureInvalid
            For an item that lacks a column or has another one, a value of another type, a number that is
            not finite or does not fit, and null where the column may not be missing.
        """
        items = self._complete(inputs)
        feeds: Feeds = {}
        for block in self._blocks:
            array = block.array(items)
            feeds.update({name: array[:, span] for name, span in block.spans})
        return feeds

    def batches(self, inputs: Sequence[Features], cells: int) -> Iterator[tuple[Rows, Feeds]]:
        """Yield the items in order; all of them are checked before the first group."""
        feeds = self.feeds(inputs)
        size = min(_ROWS_AT_ONCE, max(1, cells // len(self.columns)))
        for start in range(0, len(inputs), size):
            rows = slice(start, start + size)
            yield rows, {name: array[rows] for name, array in feeds.items()}

    def typical(self) -> Features:
        """Return an item of the columns' typical values: 0, "a" and false where they say none."""
        return {c.name: _USUAL[c.kind] if c.typical is None else c.typical for c in self.columns}

    def probes(self) -> list[Probe]:
        """Return the typical item, one without each column that may be missing, and some that are far off."""
        usual = self.typical()
        needed = [Probe(usual, "an item of typical values")]
        needed += [
            Probe({**usual, c.name: None}, f"an item without {c.name!r}, which may be missing")
            for c in self.columns
            if c.missing
        ]
        # Neighbours differ: what adds the same to every class would hide that a graph mixes its rows.
        far = [
            {c.name: _OTHERS[c.kind][(row + place) % 3] for place, c in enumerate(self.columns)}
            for row in range(3)
        ]
        return needed + [Probe(item, "an item of unusual values", needed=False) for item in far]

    def to_json(self) -> dict[str, Any]:
        """Return what the manifest says under ``front_end``."""
        return {
            "kind": "columns",
            "columns": [column.to_json() for column in self.columns],
            "inputs": [each.to_json() for each in self.inputs],
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> "ColumnInputs":
        """Read what `to_json` wrote, apart from the kind; a `BundleInvalid` names the key."""
        columns = tuple(map(Column.from_fields, fields.objects("columns", low=1, high=MAX_COLUMNS)))
        inputs = tuple(map(GraphInput.from_fields, fields.objects("inputs", low=1, high=MAX_COLUMNS)))
        if problem := next(_problems(columns, inputs), None):
            raise fields.invalid(*problem)
        return cls(columns, inputs)

    def _complete(self, inputs: Sequence[Features]) -> Sequence[Features]:
        """Return the items with null for what they leave out, if they may."""
        names = self._names
        for item in inputs:
            if type(item) is not dict or item.keys() != names:
                return [self._with_missing(index, item) for index, item in enumerate(inputs)]
        return inputs

    def _with_missing(self, index: int, item: Features) -> Features:
        if not isinstance(item, Mapping):
            raise FeatureInvalid(index, None, f"{_said(item)}, expected an object of {_listed(self.columns)}")
        if unknown := len(item.keys() - self._names):
            raise FeatureInvalid(
                index,
                None,
                f"{unknown} unknown column{'s' * (unknown > 1)}, allowed: {_listed(self.columns)}",
            )
        for column in self.columns:
            if column.name not in item and not column.missing:
                raise FeatureInvalid(index, column.name, f"missing, expected {_EXPECTED[column.kind]}")
        return {name: item.get(name) for name in self._names}


@dataclass(frozen=True, slots=True)
class _Block:
    """The columns of all inputs of one type: they become one array, and each input is a view of it."""

    onnx_type: str
    columns: tuple[Column, ...]
    spans: tuple[tuple[str, slice], ...]
    names: tuple[str, ...]
    allowed: tuple[frozenset[type], ...]

    def array(self, items: Sequence[Features]) -> npt.NDArray[Any]:
        names = self.names
        rows = [[item[name] for name in names] for item in items]
        if self._usual(rows):
            array = self._converted(rows)
            if array is not None:
                return array
        settled = [self._settled(index, row) for index, row in enumerate(rows)]
        return cast("npt.NDArray[Any]", self._converted(settled, checked=True))

    def _usual(self, rows: list[list[Value]]) -> bool:
        """Tell whether every value has a type that says it is allowed; most tables have few rows of types."""
        for types in {tuple(map(type, row)) for row in rows}:
            for found, allowed in zip(types, self.allowed, strict=True):
                if found not in allowed:
                    return False
        return True

    def _converted(self, rows: list[list[Value]], *, checked: bool = False) -> npt.NDArray[Any] | None:
        """Return the array of the rows, None if a number in them may be one that is not allowed."""
        shape = len(rows), len(self.columns)
        if self.onnx_type == "tensor(string)":
            texts = ["" if value is None else cast("str", value) for row in rows for value in row]
            return strings(texts).reshape(shape)
        try:
            with np.errstate(over="ignore"):
                array = np.array(rows, dtype=_DTYPE[self.onnx_type]).reshape(shape)
        except OverflowError:
            return None
        if checked or self.onnx_type not in _NUMBERS:
            return array
        # None becomes NaN: as many numbers that are not finite as there are None, so no other is.
        odd = array.size - np.count_nonzero(np.isfinite(array))
        return array if odd == 0 or odd == sum(row.count(None) for row in rows) else None

    def _settled(self, index: int, row: list[Value]) -> list[Value]:
        """Return the row as numpy takes it; FeatureInvalid for the first value that is not allowed."""
        settled: list[Value] = []
        for column, value in zip(self.columns, row, strict=True):
            if fault := _fault(column, self.onnx_type, value):
                raise FeatureInvalid(index, column.name, fault)
            whole = column.kind == "integer" and isinstance(value, float)
            settled.append(int(cast("float", value)) if whole else value)
        return settled


def _blocks(columns: tuple[Column, ...], inputs: tuple[GraphInput, ...]) -> tuple[_Block, ...]:
    named = {column.name: column for column in columns}
    blocks = []
    for onnx_type in dict.fromkeys(each.type for each in inputs):
        own: list[Column] = []
        spans = []
        for each in inputs:
            if each.type == onnx_type:
                spans.append((each.input, slice(len(own), len(own) + len(each.columns))))
                own += [named[name] for name in each.columns]
        allowed = tuple(_TYPES[c.kind] | {_ABSENT} if c.missing else _TYPES[c.kind] for c in own)
        blocks.append(_Block(onnx_type, tuple(own), tuple(spans), tuple(c.name for c in own), allowed))
    return tuple(blocks)


def _problems(columns: tuple[Column, ...], inputs: tuple[GraphInput, ...]) -> Iterator[tuple[str, str]]:
    """Yield the key and what is wrong about it."""
    named = {column.name: column for column in columns}
    times = Counter(name for each in inputs for name in each.columns)
    if len(named) < len(columns):
        yield "columns", "holds the same name twice"
    if len({each.input for each in inputs}) < len(inputs):
        yield "inputs", "holds the same input twice"
    for name in named:
        if times[name] != 1:
            yield "columns", f"{name!r} goes into {times[name]} inputs, expected one"
    for each in inputs:
        for name in each.columns:
            if name not in named:
                yield "inputs", f"{each.input!r} takes column {name!r}, which is not among 'columns'"
            else:
                yield from _misfits(named[name], each)


def _misfits(column: Column, fed: GraphInput) -> Iterator[tuple[str, str]]:
    allowed = _FED_AS[column.kind]
    what = f"{fed.input!r} takes column {column.name!r}"
    if fed.type not in allowed:
        yield "inputs", f"{what} of kind {column.kind} as {fed.type}, allowed: {', '.join(allowed)}"
    elif column.missing and fed.type not in _CAN_MISS:
        yield (
            "inputs",
            f"{what} as {fed.type}, which cannot say that a value is missing; use tensor(float)",
        )


def _fault(column: Column, onnx_type: str, value: Any) -> str | None:
    """Return what is wrong with a value, None if nothing is; the value itself is not told."""
    expected = _EXPECTED[column.kind] + (" or null" if column.missing else "")
    if value is None:
        return None if column.missing else f"null, expected {expected}; this column may not be missing"
    if column.kind in ("text", "boolean"):
        right = isinstance(value, str if column.kind == "text" else bool)
    else:
        right = isinstance(value, int | float) and not isinstance(value, bool)
    if not right:
        return f"{_said(value)}, expected {expected}"
    if column.kind in ("float", "integer"):
        return _fault_of_number(column, onnx_type, value, expected)
    return None


def _fault_of_number(column: Column, onnx_type: str, value: float, expected: str) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return f"a number that is not finite, expected {expected}"
    if column.kind == "integer" and isinstance(value, float) and not value.is_integer():
        return f"a number with a fraction, expected {expected}"
    largest = _LARGEST[onnx_type]
    if not -largest <= value <= largest:
        return f"a number too large for {onnx_type}, expected {expected} of at most {largest:.4g}"
    return None


def _said(value: object) -> str:
    """Return what JSON calls the type of a value."""
    for kinds, name in (
        ((bool,), "a boolean"),
        ((int, float), "a number"),
        ((str,), "a string"),
        ((_ABSENT,), "null"),
        ((list, tuple), "a list"),
    ):
        if isinstance(value, kinds):
            return name
    return "an object"


def _listed(columns: tuple[Column, ...]) -> str:
    shown = ", ".join(column.name for column in columns[:_SHOWN_NAMES])
    rest = len(columns) - _SHOWN_NAMES
    return shown if rest <= 0 else f"{shown} and {rest} more"
