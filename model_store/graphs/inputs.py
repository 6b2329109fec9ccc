"""What may an item be, and what does a front end owe the graph behind it?

Two front ends need no table: this module's `TextInput`, for a graph that reads the text itself, and
`model_store.graphs.columns.ColumnInputs`. `model_store.graphs.text.TextFrontEnd` turns a text into numbers
first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from model_store.bundles.fields import Fields

Features: TypeAlias = Mapping[str, float | int | str | bool | None]
Input: TypeAlias = str | Features
InputKind: TypeAlias = Literal["text", "features"]

OnnxType: TypeAlias = Literal[
    "tensor(float)", "tensor(double)", "tensor(int64)", "tensor(string)", "tensor(bool)"
]
ONNX_TYPES: Final[tuple[str, ...]] = get_args(OnnxType)
Feeds: TypeAlias = dict[str, npt.NDArray[Any]]
Rows: TypeAlias = slice | list[int]
# Graph input -> its type and its sizes; None stands for any size, and such a size must be free.
Signature: TypeAlias = Mapping[str, tuple[str, tuple[int | None, ...]]]

# What a graph of somebody else needs for a row is not known: a TF-IDF inside may make 50,000 floats of it.
# 1,024 texts through scikit-learn's export: 8.9 us a text in groups of 32 or as one group, 16 us one by one.
ROWS_AT_ONCE: Final = 32

_TYPICAL_TEXT: Final = (
    "Hello, since this morning the page only says that something went wrong, could you please have a look?"
)


class Probe(NamedTuple):
    """An allowed item, and what an error calls it; a graph may refuse one that is not `needed`."""

    item: Input
    about: str
    needed: bool = True


class FrontEnd(Protocol):
    """Turns items into what the graph takes."""

    @property
    def input_kind(self) -> InputKind:
        """What an item is."""

    def signature(self) -> Signature:
        """Return the inputs that the graph must have, and no others."""

    def feeds(self, inputs: Sequence[Any]) -> Feeds:
        """Return the graph's inputs for all items at once; the first axis is the items, in order."""

    def batches(self, inputs: Sequence[Any], cells: int) -> Iterator[tuple[Rows, Feeds]]:
        """Yield every item once, in groups that one run of the graph can take.

        `cells` is how many values of one group the caller wants to see at most, padding included; a single
        item may exceed it.
        """

    def typical(self) -> Input:
        """Return an item as usual traffic has it, as well as one can know."""

    def probes(self) -> list[Probe]:
        """Return items that differ from each other, the typical one first."""


@dataclass(frozen=True, slots=True)
class TextInput:
    """The graph takes the text: one string tensor of shape (n,) or (n, 1).

    Parameters
    ----------
    input : str
        Name of the graph's input.
    rank : 1 or 2
        How many axes it has.
    """

    input: str
    rank: Literal[1, 2] = 2

    @property
    def input_kind(self) -> InputKind:
        """What an item is."""
        return "text"

    def signature(self) -> Signature:
        """Return the one input that the graph must have."""
        return {self.input: ("tensor(string)", (None,) if self.rank == 1 else (None, 1))}

    def feeds(self, inputs: Sequence[str]) -> Feeds:
        """Return the texts; half of a surrogate pair, which UTF-8 cannot say, becomes a question mark."""
        return {self.input: strings(inputs).reshape((-1,) if self.rank == 1 else (-1, 1))}

    def batches(self, inputs: Sequence[str], cells: int) -> Iterator[tuple[Rows, Feeds]]:  # noqa: ARG002
        """Yield the texts in order, `ROWS_AT_ONCE` at a time."""
        for start in range(0, len(inputs), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            yield rows, self.feeds(inputs[rows])

    def typical(self) -> str:
        """Return a text of about 100 characters."""
        return _TYPICAL_TEXT

    def probes(self) -> list[Probe]:
        """Return an ordinary text, one word, a long text and an empty one."""
        return [
            Probe(_TYPICAL_TEXT, "an ordinary text"),
            Probe("word", "a text of one word", needed=False),
            Probe(f"{_TYPICAL_TEXT} " * 20, "a long text", needed=False),
            Probe("", "an empty text", needed=False),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return what the manifest says under ``front_end``."""
        return {"kind": "text", "input": self.input, "rank": self.rank}

    @classmethod
    def from_fields(cls, fields: Fields) -> "TextInput":
        """Read what `to_json` wrote, apart from the kind."""
        rank = fields.integer("rank", low=1)
        if rank not in (1, 2):
            raise fields.invalid("rank", f"{rank}, allowed: 1, 2")
        return cls(fields.label("input"), rank)  # type: ignore[arg-type]  # 1 or 2


def strings(texts: Sequence[str]) -> npt.NDArray[np.object_]:
    """Return an object array of shape (n,) that ONNX Runtime can encode."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        texts = [text.encode("utf-8", "replace").decode() for text in texts]
    array = np.empty(len(texts), dtype=np.object_)
    array[:] = texts
    return array
