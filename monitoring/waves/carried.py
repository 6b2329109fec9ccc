"""Which draws of a batch are items of another one, and what is known of them by now?

A draw that meets an item labelled before, or waiting in another batch, is not asked about again: the
manifest names that item by its place (`draws_taken`), and its label is looked up there, so it is the settled
one at any time, and there is one of it. Where both are the same word for word the item is `carried`: the draw
is as good as a row of its own. Else it only estimates.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from monitoring.waves.batches import Batch, BatchItem, Place

# The batch and the item at a place; None where there is none any more.
Find: TypeAlias = Callable[[Place], tuple[Batch, BatchItem] | None]


@dataclass(frozen=True, slots=True)
class Carried:
    """A draw of a batch as a row of it, with the state and label of the item at `place`, which has `key`."""

    place: Place
    key: str
    item: BatchItem


def draws_taken(batch: Batch) -> Sequence[Mapping[str, Any]]:
    """Return what the manifest says of draws that items of other batches stand for."""
    found = batch.manifest.get("draws_taken")
    return found if isinstance(found, list | tuple) else ()


def carried_of(batch: Batch, find: Find) -> tuple[Carried, ...]:
    """Return the draws that are items of other batches word for word.

    One whose item is gone, or was asked about with other classes, counts as skipped: it will get no label.
    """
    found = []
    for draw in draws_taken(batch):
        if not draw.get("carried"):
            continue
        place = (draw["batch"], draw["rank"])
        known = find(place)
        if known is None:
            found.append(Carried(place, "", replace(unknown(draw), state="skipped")))
            continue
        other, item = known
        fits = (other.classes, other.multilabel) == (batch.classes, batch.multilabel)
        mine = standing_for(item, draw)
        found.append(Carried(place, item.key, mine if fits else replace(mine, state="skipped", label=None)))
    return tuple(found)


def standing_for(item: BatchItem, draw: Mapping[str, Any]) -> BatchItem:
    """Return an item as the draw that it stands for."""
    return replace(
        item,
        source=draw["source"],
        at=draw["at"],
        slice="explore",
        stratum="exploration",
        inclusion_probability=draw["chance"],
        dup_count=1,
    )


def unknown(draw: Mapping[str, Any]) -> BatchItem:
    """Return a draw as an item without a label, or with one that says nothing about the model in question."""
    return BatchItem(
        rank=draw["rank"],
        key=f"{draw['batch']}/{draw['rank']}",
        item_id=None,
        source=draw["source"],
        text=None,
        slice="explore",
        stratum="exploration",
        inclusion_probability=draw["chance"],
        dup_count=1,
        probabilities=(),
        predicted=None,
        at=draw["at"],
    )
