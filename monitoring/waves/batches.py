"""What a labeling batch holds: its items, how each was chosen, and how far its labeling has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.graphs.inputs import InputKind
from monitoring.recording.candidate import Candidate

BatchReason: TypeAlias = Literal["alarm", "by_hand"]
BatchState: TypeAlias = Literal["open", "closed"]
ItemState: TypeAlias = Literal["open", "labelled", "skipped"]
Slice: TypeAlias = Literal["watched", "novel", "uncertain", "explore"]
Stratum: TypeAlias = Literal["certainty", "exploration"]
# A class; where an item may have several, the names of all it has, possibly none.
Label: TypeAlias = str | tuple[str, ...]
Place: TypeAlias = tuple[str, int]  # of an item: id of its batch, and its rank there

MANIFEST_SCHEMA: Final = 3
# What the exploration stratum is called where its items are not the draws one by one: they estimate shares
# of the traffic, and are no sample of it that could prove anything.
PARTIAL: Final = "exploration-partial"
SLICES: Final[tuple[Slice, ...]] = ("watched", "novel", "uncertain", "explore")


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
    stands for in the exploration stratum, of near-duplicate candidates (itself included) in the other. An
    item of any slice is in the exploration stratum when it was drawn, or a draw resembles it.
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
        """Return how many occurrences of the traffic this item stands for, through its draws; 0 without one.

        Every occurrence of a source has the same chance to be drawn, so the sum of the weights of the items
        with a label is an unbiased estimate of the occurrences with it (Horvitz and Thompson 1952).
        """
        return 0.0 if self.stratum == "certainty" else self.dup_count / self.inclusion_probability


@dataclass(frozen=True, slots=True)
class Batch:
    """Items chosen together for the labelers, and the manifest that says how.

    Each item is asked of `overlap` people, and open until so many spoke. `closed_at` in UTC epoch seconds.
    """

    id: str
    alarm_id: str | None
    model_key: str
    created_at: float
    state: BatchState
    manifest: Mapping[str, object]
    items: tuple[BatchItem, ...]
    overlap: int = 1
    closed_at: float | None = None

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
    def complete_sample(self) -> bool:
        """Tell whether the exploration stratum is the draws, none missing or stood for by another content.

        Items of other batches that the manifest names in `draws_taken` belong to it.
        """
        return self.manifest.get("complete_sample") is True

    @property
    def input_kind(self) -> InputKind:
        """Return what the items are: texts, or rows of a table as JSON."""
        return "features" if self.manifest.get("input_kind") == "features" else "text"


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """A batch in a list: identity and progress, no items; `closed_by` where a person closed it."""

    id: str
    alarm_id: str | None
    model_key: str
    created_at: float
    state: BatchState
    reason: BatchReason
    n_open: int
    n_labelled: int
    n_skipped: int
    n_leased: int = 0
    overlap: int = 1
    closed_at: float | None = None
    closed_by: str | None = None


def of_schema_1(
    items: Sequence[BatchItem], manifest: Mapping[str, Any]
) -> tuple[tuple[BatchItem, ...], Mapping[str, Any]]:
    """Return the items and the manifest of a batch of schema 1 with the meaning they have in schema 2.

    It does not say which items chosen by score were drawn. Where some were, each stands for its own
    occurrence, which is as unbiased, and for the resends of it that were drawn.
    """
    left_out = manifest["left_out"]
    missing = left_out["draws_already_taken"] + left_out["draws_without_text_or_id"]
    if left_out["draws_already_chosen"]:
        resent = {each["rank"]: (each["draws"], each["weight"]) for each in manifest["resent"]}
        items = [_with_itself(item, *resent.get(item.rank, (0, 0.0))) for item in items]
    drawn = [item.dup_count for item in items if item.stratum == "exploration"]
    complete = not missing and not left_out["draws_already_chosen"] and all(n == 1 for n in drawn)
    return tuple(items), {**manifest, "complete_sample": complete}


def _with_itself(item: BatchItem, draws: int, weight: float) -> BatchItem:
    if item.stratum == "exploration":
        return item
    n = draws + 1
    return replace(item, stratum="exploration", inclusion_probability=n / (weight + 1), dup_count=n)
