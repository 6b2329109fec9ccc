"""Batches whose items were drawn at random from a known population, with labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from monitoring.waves.batches import Batch, BatchItem, ItemState, Label

CLASSES = ("billing", "fraud")
MODEL = "tickets@1"
EPOCH = 600.0


@dataclass(frozen=True, slots=True)
class One:
    """A drawn item: its label, what was answered, and the probability of fraud behind that."""

    label: Label | None
    fraud: float = 0.1
    at: float = 0.0
    key: str | None = None
    dup_count: int = 1
    state: ItemState = "labelled"


def batch(
    name: str,
    ones: Sequence[One],
    *,
    occurrences: int,
    first: int = 0,
    last: int = 0,
    drawn_before: int = 0,
    counted: Mapping[int, int] | None = None,
    model: str = MODEL,
    classes: tuple[str, ...] = CLASSES,
    mode: str = "mixed",
    certain: Sequence[One] = (),
) -> Batch:
    """Return a batch of the epochs from `first` to `last`, all of one source.

    The draws are a simple random sample of the occurrences that were not drawn before; `certain` items were
    chosen by score. Occurrences are `counted` by epoch, by default evenly.
    """
    draws = sum(one.dup_count for one in ones)
    chance = draws / (occurrences - drawn_before)
    items = [
        BatchItem(
            rank=rank,
            key=one.key or f"{name}-{rank}",
            item_id=None,
            source="email",
            text=None,
            slice="explore" if rank <= len(ones) else "watched",
            stratum="exploration" if rank <= len(ones) else "certainty",
            inclusion_probability=chance if rank <= len(ones) else 1.0,
            dup_count=one.dup_count,
            probabilities=(round(1 - one.fraud, 6), round(one.fraud, 6)),
            predicted="fraud" if one.fraud >= 0.5 else "billing",
            at=one.at + first * EPOCH,
            state=one.state,
            label=one.label if one.state == "labelled" else None,
        )
        for rank, one in enumerate([*ones, *certain], 1)
    ]
    n = last - first + 1
    counts = counted or {first + i: occurrences * (i + 1) // n - occurrences * i // n for i in range(n)}
    manifest = {
        "classes": list(classes),
        "task": "multiclass",
        "mode": mode,
        "epochs": {
            "seconds": EPOCH,
            "first": first,
            "last": last,
            "left_out": [],
            "items": {"email": {str(epoch): count for epoch, count in counts.items()}},
        },
        "sources": {"email": {"occurrences": occurrences, "draws": draws, "drawn_before": drawn_before}},
        "left_out": {"draws_already_taken": 0, "draws_without_text_or_id": 0},
    }
    return Batch(name, None, model, float(last + 1) * EPOCH, "closed", manifest, tuple(items))


def ones(n_fraud: int, n_billing: int, *, rng: np.random.Generator | None = None) -> list[One]:
    """Return so many drawn items of each class, answered rightly; in random order with a generator."""
    found = [One("fraud", fraud=0.9)] * n_fraud + [One("billing")] * n_billing
    return found if rng is None else [found[i] for i in rng.permutation(len(found))]
