"""Which families of counts does a detector watch, and how do they lie side by side in one row?

A stream is one family: a *mix* of exclusive categories, *flags* of which any number may be set, or the *cuts*
of a measured quantity. Rows hold what was counted, as integers, so that workers and buckets add up exactly;
what is tested (columns) is derived from them: of a quantity the items at or below each cut, since a shift
moves all cuts on its way and single bins hardly (twice as fast on Beta scores).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.bundles.manifest import Task
from monitoring.scanning.budget import STREAM_SHARES, stream_shares
from monitoring.scanning.spans import Kind, Span
from monitoring.scanning.windows import Counts, as_counts, drift_categories

Given: TypeAlias = Mapping[str, npt.ArrayLike] | npt.ArrayLike  # stream name -> raw row; or the only stream's

CLASSES: Final = "classes"
SCORES: Final = "scores"
INPUTS: Final = "inputs:"
DEFAULT_SHARES: Final = STREAM_SHARES


@dataclass(frozen=True, slots=True)
class Stream:
    """One family of watched counts.

    Attributes
    ----------
    name : str
        `classes`, `scores`, or `inputs:` and what is measured.
    kind : "mix", "flags" or "cuts"
        Says what a raw row is. mix: items per category. flags: items per label, then all items. cuts: items
        per bin, one bin more than there are cuts.
    columns : tuple of str
        What is tested: categories, labels, or `quantity <= cut` in rising order.
    share : float
        Of the false-alarm budget; taken in proportion to the other streams'.
    """

    name: str
    kind: Kind
    columns: tuple[str, ...]
    share: float = 1.0

    def __post_init__(self) -> None:
        least = 2 if self.kind == "mix" else 1
        if len(self.columns) < least or len(set(self.columns)) != len(self.columns):
            raise ValueError(
                f"stream {self.name} of {self.columns}: expected at least {least}, all different"
            )
        if not self.share > 0.0:
            raise ValueError(f"stream {self.name} with share {self.share}: expected a number above 0")

    @property
    def width(self) -> int:
        """Length of a raw row."""
        return len(self.columns) + (self.kind != "mix")

    @property
    def is_class_stream(self) -> bool:
        """Whether the columns are the model's own answers."""
        return self.name == CLASSES

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_json` restores it exactly."""
        return {"name": self.name, "kind": self.kind, "columns": list(self.columns), "share": self.share}

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned."""
        return cls(**{**snapshot, "columns": tuple(snapshot["columns"])})


def class_stream(categories: Sequence[str], *, kind: Kind = "mix", share: float = 1.0) -> Stream:
    """Return the stream of a model's answers; `windows.drift_categories` makes the categories."""
    return Stream(CLASSES, kind, tuple(categories), share)


def streams_of(
    classes: Sequence[str],
    *,
    task: Task = "multiclass",
    measures: Mapping[str, Mapping[str, Any]] | None = None,
    shares: Mapping[str, float] | None = None,
) -> tuple[Stream, ...]:
    """Return all there is to watch of a model, the classes first.

    Parameters
    ----------
    measures : mapping of str to mapping
        What the store says of the model's meters: each one's `stream`, `kind` and `columns`.
    shares : mapping of str to float
        Of the false-alarm budget, for `classes`, `scores` and `inputs`; 0 leaves a kind out.
    """
    declared = DEFAULT_SHARES if shares is None else shares
    categories = drift_categories(tuple(classes))
    found: dict[str, tuple[Kind, tuple[str, ...]]] = {
        CLASSES: ("flags" if task == "multilabel" else "mix", categories)
    }
    for meter in (measures or {}).values():
        if meter["kind"] == "cuts" and meter["columns"] and _share(meter["stream"], declared) > 0.0:
            found[meter["stream"]] = ("cuts", tuple(meter["columns"]))
    names = sorted(found, key=lambda name: (name != CLASSES, name != SCORES, name))
    budget = stream_shares(names, declared)
    return tuple(Stream(name, *found[name], share) for name, share in zip(names, budget, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """What is tested, per row.

    Attributes
    ----------
    counts, items : int64 arrays of shape (n_rows, n_columns)
        Items that count for the column, of how many.
    """

    counts: Counts
    items: Counts


@dataclass(frozen=True)
class Layout:
    """The streams side by side: which part of a raw row, and which columns, are whose."""

    streams: tuple[Stream, ...]
    width: int = field(init=False)
    n_columns: int = field(init=False)

    def __post_init__(self) -> None:
        names = [stream.name for stream in self.streams]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"streams {names}: expected at least one, all of different names")
        object.__setattr__(self, "width", sum(stream.width for stream in self.streams))
        object.__setattr__(self, "n_columns", sum(len(stream.columns) for stream in self.streams))

    @cached_property
    def raw(self) -> Mapping[str, slice]:
        """Each stream's part of a raw row."""
        return _slices({stream.name: stream.width for stream in self.streams})

    @cached_property
    def columns(self) -> Mapping[str, slice]:
        """Each stream's columns."""
        return _slices({stream.name: len(stream.columns) for stream in self.streams})

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """The columns of each stream, as the estimates of variance take them."""
        return tuple(
            Span(stream.kind, self.columns[stream.name].start, self.columns[stream.name].stop)
            for stream in self.streams
        )

    @cached_property
    def stream_of(self) -> npt.NDArray[np.intp]:
        """Index of each column's stream, shape (n_columns,)."""
        return np.repeat(np.arange(len(self.streams)), [len(stream.columns) for stream in self.streams])

    @cached_property
    def names(self) -> tuple[tuple[str, str], ...]:
        """Stream and name of every column."""
        return tuple((stream.name, column) for stream in self.streams for column in stream.columns)

    def flatten(self, given: Given) -> Counts:
        """Return one raw row of all streams; a stream that is not given counts nothing.

        Raises
        ------
        ValueError
            An unknown stream, another shape, not integers, or a negative count.
        """
        if not isinstance(given, Mapping):
            given = {self.streams[0].name: given}
        unknown = set(given) - set(self.raw)
        if unknown:
            raise ValueError(f"counts of streams {sorted(unknown)}: expected some of {list(self.raw)}")
        row = np.zeros(self.width, dtype=np.int64)
        for stream in self.streams:
            if stream.name in given:
                row[self.raw[stream.name]] = as_counts(given[stream.name], stream.width)
        return row

    def tested(self, rows: Counts) -> Columns:
        """Return the columns of raw rows, shape (n_rows, width)."""
        counts = np.empty((len(rows), self.n_columns), dtype=np.int64)
        items = np.empty_like(counts)
        for stream in self.streams:
            raw, columns = rows[:, self.raw[stream.name]], self.columns[stream.name]
            counted, of = _tested(stream, raw)
            counts[:, columns], items[:, columns] = counted, of[:, None]
        return Columns(counts, items)

    def items(self, rows: Counts) -> Counts:
        """Return the items of raw rows, per row those of the first stream."""
        first = self.streams[0]
        return _items(first, rows[..., self.raw[first.name]])

    def items_by_stream(self, rows: Counts) -> Counts:
        """Return the items of raw rows in each stream, shape (..., n_streams)."""
        parts = [_items(stream, rows[..., self.raw[stream.name]]) for stream in self.streams]
        return np.stack(parts, axis=-1)

    def without(self, rows: Counts, categories: Collection[str]) -> Counts:
        """Return raw rows without the items of some categories of the classes, if those exclude each other.

        A mix without some of its categories is a mix again.
        """
        if not categories:
            return rows
        first = self.streams[0]
        out = [k for k, name in enumerate(first.columns) if name in categories]
        if not out or first.kind != "mix":
            return rows
        left = rows.copy()
        left[..., out] = 0
        return left


def _share(stream: str, declared: Mapping[str, float]) -> float:
    return declared.get(stream.partition(":")[0], 0.0)


def _tested(stream: Stream, raw: Counts) -> tuple[Counts, Counts]:
    """Return the counts of a stream's columns, per row, and of how many items."""
    if stream.kind == "mix":
        return raw, raw.sum(axis=1)
    upto = np.cumsum(raw, axis=1) if stream.kind == "cuts" else raw
    return upto[:, :-1], upto[:, -1]


def _items(stream: Stream, raw: Counts) -> Counts:
    items: Counts = raw[..., -1] if stream.kind == "flags" else raw.sum(axis=-1)
    return items


def _slices(widths: Mapping[str, int]) -> Mapping[str, slice]:
    ends = np.cumsum(list(widths.values())).tolist()
    return {name: slice(end - width, end) for (name, width), end in zip(widths.items(), ends, strict=True)}
