"""Is an item made of the columns that a graph takes, and as which tensors does the graph take them?"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from model_store.bundles.fields import Fields
from model_store.errors import FeatureInvalid
from model_store.graphs.inputs import ONNX_TYPES, Features, Feeds, InputKind, OnnxType, Probe, Rows, Signature
from model_store.graphs.tensors import Block
from model_store.graphs.values import CAN_MISS, EXPECTED, FED_AS, UNUSUAL, USUAL, Value, said
from model_store.graphs.values import Column as Column  # noqa: PLC0414 - what a table of inputs is made of
from model_store.graphs.values import ColumnKind as ColumnKind  # noqa: PLC0414

MAX_COLUMNS: Final = 1_024  # what one item of a request may hold
_SHOWN_NAMES: Final = 20
_GAPS: Final = 64  # a graph that copes with one gap in many hundred columns copes with several
# A forest of 100 trees on 30 columns: 6.2 us a row in groups of 256 or of 4,096, 8.1 us in groups of 32.
_ROWS_AT_ONCE: Final = 256


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
    _blocks: tuple[Block, ...] = field(init=False, repr=False, compare=False)

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

    def typical(self) -> dict[str, Value]:
        """Return an item of the columns' typical values: 0, "a" and false where they say none."""
        return {c.name: USUAL[c.kind] if c.typical is None else c.typical for c in self.columns}

    def probes(self) -> list[Probe]:
        """Return the typical item, some without columns that may be missing, and some that are far off."""
        usual = self.typical()
        may = [c.name for c in self.columns if c.missing]
        gaps = [may[i::_GAPS] for i in range(min(len(may), _GAPS))]
        needed = [Probe(usual, "an item of typical values")]
        needed += [Probe(usual | dict.fromkeys(gap), f"an item without {_and_more(gap)}") for gap in gaps]
        # Neighbours differ: what adds the same to every class would hide that a graph mixes its rows.
        far = [
            {c.name: UNUSUAL[c.kind][(row + place) % 3] for place, c in enumerate(self.columns)}
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
            raise FeatureInvalid(index, None, f"{said(item)}, expected an object of {_listed(self.columns)}")
        if unknown := len(item.keys() - self._names):
            raise FeatureInvalid(
                index,
                None,
                f"{unknown} unknown column{'s' * (unknown > 1)}, allowed: {_listed(self.columns)}",
            )
        for column in self.columns:
            if column.name not in item and not column.missing:
                raise FeatureInvalid(index, column.name, f"missing, expected {EXPECTED[column.kind]}")
        return {name: item.get(name) for name in self._names}


def _blocks(columns: tuple[Column, ...], inputs: tuple[GraphInput, ...]) -> tuple[Block, ...]:
    named = {column.name: column for column in columns}
    blocks = []
    for onnx_type in dict.fromkeys(each.type for each in inputs):
        own: list[Column] = []
        spans = []
        for each in inputs:
            if each.type == onnx_type:
                spans.append((each.input, slice(len(own), len(own) + len(each.columns))))
                own += [named[name] for name in each.columns]
        blocks.append(Block(onnx_type, tuple(own), tuple(spans)))
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
    allowed = FED_AS[column.kind]
    what = f"{fed.input!r} takes column {column.name!r}"
    if fed.type not in allowed:
        yield "inputs", f"{what} of kind {column.kind} as {fed.type}, allowed: {', '.join(allowed)}"
    elif column.missing and fed.type not in CAN_MISS:
        yield (
            "inputs",
            f"{what} as {fed.type}, which cannot say that a value is missing; use tensor(float)",
        )


def _and_more(names: Sequence[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]!r}{more}, which may be missing"


def _listed(columns: tuple[Column, ...]) -> str:
    shown = ", ".join(column.name for column in columns[:_SHOWN_NAMES])
    rest = len(columns) - _SHOWN_NAMES
    return shown if rest <= 0 else f"{shown} and {rest} more"
