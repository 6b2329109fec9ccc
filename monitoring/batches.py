"""What a labeling batch holds: its items, how each was chosen, and how far its labeling has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.graphs.inputs import InputKind
from monitoring.candidate import Candidate

BatchReason: TypeAlias = Literal["alarm", "by_hand"]
BatchState: TypeAlias = Literal["open", "closed"]
ItemState: TypeAlias = Literal["open", "labelled", "skipped"]
Slice: TypeAlias = Literal["watched", "uncertain", "explore"]
Stratum: TypeAlias = Literal["certainty", "exploration"]
# A class; where an item may have several, the names of all it has, possibly none.
Label: TypeAlias = str | tuple[str, ...]

SLICES: Final[tuple[Slice, ...]] = ("watched", "uncertain", "explore")


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """A candidate that goes into a batch, how it was chosen, and its signature of shape (64,)."""

    candidate: Candidate
    signature: npt.NDArray[np.uint32]
    slice: Slice
    stratum: Stratum
    inclusion_probability: float
    dup_count: int


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One item to label, with the chance it had of being chosen.

    `rank` is its place in the shuffled queue, from 1. `probabilities` are the calibrated ones in class order,
    rounded to six decimals. `predicted` is what the policy answered, None when no class passed.
    `inclusion_probability` is 1 in the certainty stratum. `dup_count` is the number of draws that this item
    stands for in the exploration stratum, of near-duplicate candidates (itself included) in the other.
    """

    rank: int
    key: str
    item_id: str | None
    source: str
    text: str | None
    slice: Slice
    stratum: Stratum
    inclusion_probability: float
    dup_count: int
    probabilities: tuple[float, ...]
    predicted: Label | None
    at: float
    state: ItemState = "open"
    label: Label | None = None

    @property
    def weight(self) -> float:
        """Return how many occurrences this item stands for, without resends: `weights` adds them."""
        return 1.0 if self.stratum == "certainty" else self.dup_count / self.inclusion_probability


@dataclass(frozen=True, slots=True)
class Batch:
    """Items chosen together for the labelers, and the manifest that says how."""

    id: str
    alarm_id: str | None
    model_key: str
    created_at: float
    state: BatchState
    manifest: Mapping[str, object]
    items: tuple[BatchItem, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the classes of the model that chose the items, in the order of their probabilities."""
        classes = self.manifest["classes"]
        if not isinstance(classes, list | tuple):
            raise TypeError(
                f"batch {self.id}: manifest 'classes' is {classes!r}; expected a list of class names"
            )
        return tuple(str(name) for name in classes)

    @property
    def multilabel(self) -> bool:
        """Tell whether an item may have several labels, or none."""
        return self.manifest.get("task") == "multilabel"

    @property
    def input_kind(self) -> InputKind:
        """Return what the items are: texts, or rows of a table as JSON."""
        return "features" if self.manifest.get("input_kind") == "features" else "text"


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """A batch in a list: identity and progress, no items."""

    id: str
    alarm_id: str | None
    model_key: str
    created_at: float
    state: BatchState
    reason: BatchReason
    n_open: int
    n_labelled: int
    n_skipped: int


def weights(items: Sequence[BatchItem], manifest: Mapping[str, Any]) -> Mapping[int, float]:
    """Return by rank how many occurrences each item stands for in a Horvitz-Thompson sum.

    An item chosen by score stands for its own occurrence, and through the draws that resembled it (`resent`
    in the manifest) for the other times it was sent: each of those had the chance of its source to be drawn.
    """
    found = {item.rank: item.weight for item in items}
    for each in manifest["resent"]:
        found[each["rank"]] += each["weight"]
    return found
