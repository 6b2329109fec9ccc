"""A stored batch of five awkward items, how a file is sent to it, and what became of them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from monitoring.store import Load, NewBatch, Store
from monitoring.waves.batches import Batch, BatchItem, Label
from monitoring.waves.labels import LabelReceipt
from monitoring.waves.returns import parse_labels
from tests.support.labelers import Answers

CLASSES: Final = ("billing", '<fraud> & "theft"', "=odd")
KEYS: Final = ("k1", "=2+5", "Grüße 🙂", "k4", "k5")
ONE: Final[Answers] = {"k1": "billing", "=2+5": "=odd", "Grüße 🙂": "none_of_these", "k4": None}
SEVERAL: Final[Answers] = {"k1": ("billing", "=odd"), "=2+5": ("=odd",), "Grüße 🙂": (), "k4": None}
KINDS: Final[Mapping[str, tuple[dict[str, str], Answers]]] = {
    "one label": ({"task": "multiclass", "input_kind": "text"}, ONE),
    "several labels": ({"task": "multilabel", "input_kind": "text"}, SEVERAL),
    "rows of a table": ({"task": "multiclass", "input_kind": "features"}, ONE),
}


def emitted(store: Store, **manifest: Any) -> Batch:
    """Store a batch of five items, and read it back."""
    features = manifest.get("input_kind") == "features"
    items = tuple(
        BatchItem(
            rank=rank,
            key=key,
            item_id=key,
            source="email",
            text='{"amount": -1.5, "note": "=1"}' if features else 'Grüße,\n"two" lines; 🙂',
            slice="watched",
            stratum="certainty" if rank % 2 else "exploration",
            inclusion_probability=1.0 if rank % 2 else 0.01,
            dup_count=1,
            probabilities=(0.25, 0.7, 0.05),
            predicted=("billing", "=odd") if manifest.get("task") == "multilabel" else "billing",
            at=1_769_853_600.0,
        )
        for rank, key in enumerate(KEYS, start=1)
    )
    batch = NewBatch(
        id="b1",
        alarm_id=None,
        model_key="mail@1",
        reason="by_hand",
        created_at=1_769_853_600.0,
        manifest={"classes": list(CLASSES), "schema": 2, "complete_sample": True, **manifest},
        items=items,
        signatures=None,
    )
    store.closing.add_by_hand(batch, load=Load(open_batches=0, items_today=0), who="kim")
    return store.batches.get("b1")


def state_of(store: Store) -> Mapping[str, tuple[str, Label | None]]:
    """Return what became of each item."""
    return {item.key: (item.state, item.label) for item in store.batches.get("b1").items}


def send_to(store: Store) -> Callable[[bytes], LabelReceipt]:
    """Return how a file is sent to the batch."""

    def send(body: bytes) -> LabelReceipt:
        parsed = parse_labels(body, batch="b1", annotator="kim")
        return parsed.complete(store.labels.accept("b1", parsed.rows, at=1_769_860_000.0))

    return send


def expected(answers: Answers, *, skips: bool) -> Mapping[str, tuple[str, Label | None]]:
    """Return what becomes of the items by these answers; without `skips` a skipped one stays open."""
    several = any(isinstance(answer, tuple) for answer in answers.values())
    found: dict[str, tuple[str, Label | None]] = dict.fromkeys(KEYS, ("open", None))
    for key, answer in answers.items():
        if answer is None:
            found[key] = ("skipped", None) if skips else ("open", None)
        elif several:
            found[key] = ("labelled", tuple(sorted(answer)))
        else:
            found[key] = ("labelled", answer)
    return found
