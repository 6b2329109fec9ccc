"""What is labelled or in a batch is not asked again."""

from collections.abc import Callable

from monitoring.store import Load, NewBatch, Store
from monitoring.waves.labels import LabelRow

IDLE = Load(open_batches=0, items_today=0)


def test_what_is_taken_is_open_or_labelled(store: Store, batch: Callable[..., NewBatch]) -> None:
    """Skipped items may come again; the others are known by key and by signature."""
    made = batch("b1", ["x", "y", "z"])
    store.closing.add_by_hand(made, load=IDLE, who="ops")
    store.labels.accept("b1", [LabelRow("x", "ham", "a1"), LabelRow("y", None, "a2", skipped=True)], at=1.0)
    taken = store.batches.taken()
    assert taken.keys == {"x", "z"}
    assert made.signatures is not None
    assert taken.signatures.tolist() == made.signatures[[0, 2]].tolist()
