"""What do labelled rows hold: which classes and sources, and which rows belong together?"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from model_store.errors import RowsError, TrainingError
from model_store.manifest import MAX_SOURCES, RESERVED_CLASS
from model_store.rows import Progress, Rows
from model_store.signatures import Signatures, groups, merged, minhash
from model_store.train import OneClass

RESERVED_LABELS: Final = (RESERVED_CLASS, "none_of_these")
_BLOCK: Final = 1_000


class LabelsMissing(RowsError):
    """The rows were read without their label column."""

    def __str__(self) -> str:
        return "the rows have no labels; name the label column"


class LabelReserved(TrainingError):
    """A class would be confused with what the service says when there is none."""

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.label = label

    def __str__(self) -> str:
        return f"class {self.label!r} has a reserved name ({', '.join(RESERVED_LABELS)}); rename it"


class TooManySources(TrainingError):
    """More sources than the service keeps series for."""

    def __init__(self, found: int) -> None:
        super().__init__(found)
        self.found = found

    def __str__(self) -> str:
        return f"{self.found} sources, at most {MAX_SOURCES}; group them, or leave the source column out"


def classes_of(rows: Rows) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Return the classes in alphabetical order, and of each row the index of its class.

    Raises
    ------
    LabelsMissing, OneClass, LabelReserved
    """
    if rows.labels is None:
        raise LabelsMissing
    found, labels = np.unique(np.array(rows.labels, dtype=object), return_inverse=True)
    classes = tuple(str(c) for c in found)
    if len(classes) < 2:
        raise OneClass(classes)
    for reserved in RESERVED_LABELS:
        if reserved in classes:
            raise LabelReserved(reserved)
    return classes, labels.astype(np.int64)


def sources_of(rows: Rows) -> tuple[str, ...]:
    """Return the sources that rows name, sorted; TooManySources beyond what a service keeps series for."""
    found = sorted({source for source in rows.sources or () if source})
    if len(found) > MAX_SOURCES:
        raise TooManySources(len(found))
    return tuple(found)


def signatures_of(texts: Sequence[str], report: Progress) -> Signatures:
    """Return a near-duplicate signature per text, reporting progress."""
    parts = []
    for start in range(0, len(texts), _BLOCK):
        report("signatures", start, len(texts))
        parts.append(minhash(texts[start : start + _BLOCK]))
    report("signatures", len(texts), len(texts))
    return np.concatenate(parts)


def groups_of(rows: Rows, signatures: Signatures) -> npt.NDArray[np.int32]:
    """Return a group id per row: near-duplicates are together, and so are rows of one named group."""
    near = groups(signatures)
    if rows.groups is None:
        return near
    # An empty cell says the row belongs to no group, not that all such rows belong together.
    named = np.array([group or f"\0{i}" for i, group in enumerate(rows.groups)], dtype=object)
    return merged(near, np.unique(named, return_inverse=True)[1])
