"""What can be read off an item itself, before any model: its length, its unknown words, its numbers?

The names of readings are those of the meters that count them: `length` and `unknown` of a text,
`feature:<column>` of a column of numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.graphs.columns import ColumnInputs
from model_store.graphs.inputs import FrontEnd
from model_store.graphs.text import TextFrontEnd

Floats: TypeAlias = npt.NDArray[np.float64]
Read: TypeAlias = Callable[[Sequence[Any]], list[float]]

MAX_FEATURES: Final = 16  # a budget of false alarms spread thinner than that finds nothing
INPUT_BINS: Final = 10
MISSING: Final = -inf
_NUMBERS: Final = ("float", "integer")


@dataclass(frozen=True, slots=True)
class Reading:
    """One number of every item.

    Parameters
    ----------
    stream : str
        What the changes of it are reported under.
    what : str
        What a person calls it.
    missing : bool
        An item may lack it; it then reads as `MISSING`, which is below every number.
    read : callable
        From the items of a request to a number each.
    """

    name: str
    stream: str
    what: str
    missing: bool
    read: Read


def readings_of(front_end: FrontEnd) -> tuple[Reading, ...]:
    """Return what can be read off the items that a front end takes."""
    if isinstance(front_end, ColumnInputs):
        return tuple(
            Reading(
                name=f"feature:{column.name}",
                stream=f"inputs:{column.name}",
                what=column.name,
                missing=column.missing,
                read=partial(_numbers, column.name),
            )
            for column in front_end.columns
            if column.kind in _NUMBERS
        )
    length = Reading("length", "inputs:length", "characters", missing=False, read=_lengths)
    if not isinstance(front_end, TextFrontEnd) or not front_end.knows_words:
        return (length,)
    unknown = Reading(
        "unknown", "inputs:unknown", "share of unknown words", missing=False, read=front_end.unknown_shares
    )
    return length, unknown


def input_cuts(front_end: FrontEnd, inputs: Sequence[Any]) -> dict[str, tuple[float, ...]]:
    """Return, by name of the reading, the cuts between the tenths of what `inputs` read.

    Cuts are ascending values that occur, fewer than nine where many items read alike. Of more than
    `MAX_FEATURES` columns of numbers those with the most different values are kept, of equal ones the first.
    """
    if not len(inputs):
        return {}
    read = {each.name: np.array(each.read(inputs), np.float64) for each in readings_of(front_end)}
    different = {name: len(np.unique(values)) for name, values in read.items()}
    kept = sorted(read, key=lambda name: -different[name])[:MAX_FEATURES]
    return {name: _tenths(values) for name, values in read.items() if name in kept}


def _tenths(values: Floats) -> tuple[float, ...]:
    present = values[np.isfinite(values)]
    if not len(present):
        return ()
    shares = np.arange(1, INPUT_BINS) / INPUT_BINS
    return tuple(np.unique(np.quantile(present, shares, method="inverted_cdf")).tolist())


def _lengths(texts: Sequence[str]) -> list[float]:
    return list(map(len, texts))


def _numbers(column: str, items: Sequence[Mapping[str, Any]]) -> list[float]:
    return [MISSING if (value := item.get(column)) is None else value for item in items]
