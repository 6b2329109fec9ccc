"""How are meters of several stretches of traffic added, and kept as JSON?

A meter is a vector of counts; `model_store.meters` says of what. Stretches that older releases stored have
none, and add nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Counts: TypeAlias = npt.NDArray[np.int64]


def added(*parts: Mapping[str, Counts]) -> dict[str, Counts]:
    """Return the sum of each meter over the parts that have it; the parts stay as they are.

    Of a meter that changed its length in between, which only another release can do, the later ones count.
    """
    total: dict[str, Counts] = {}
    for part in parts:
        for name, counts in part.items():
            known = total.get(name)
            if known is None or known.shape != counts.shape:
                total[name] = counts.copy()
            else:
                known += counts
    return total


def to_json(meters: Mapping[str, Counts]) -> dict[str, Any] | None:
    """Return what a column holds, None for no meter at all.

    A vector is a list of its numbers, or where most are zero its length, the places of the others and these.
    """
    return {name: _packed(counts) for name, counts in meters.items()} or None


def from_json(stored: Mapping[str, Any] | None) -> dict[str, Counts]:
    """Return the meters that `to_json` was given; none for a row of an older release."""
    return {name: _unpacked(packed) for name, packed in (stored or {}).items()}


def summed(stored: Iterable[Mapping[str, Any] | None]) -> dict[str, Counts]:
    """Return the sum of what columns hold."""
    total: dict[str, Counts] = {}
    for each in stored:
        total = added(total, from_json(each))
    return total


def _packed(counts: Counts) -> Any:
    at = np.flatnonzero(counts)
    if 2 * len(at) >= len(counts):
        return counts.tolist()
    return {"length": len(counts), "at": at.tolist(), "n": counts[at].tolist()}


def _unpacked(packed: Any) -> Counts:
    if isinstance(packed, list):
        return np.array(packed, np.int64)
    counts = np.zeros(packed["length"], np.int64)
    counts[packed["at"]] = packed["n"]
    return counts
