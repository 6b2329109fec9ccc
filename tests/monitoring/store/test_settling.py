"""Closing a batch: what was said counts, the rest is skipped, nobody holds anything."""

from monitoring.store import Store
from tests.support.labeling import NOON, put_batch, word


def test_an_item_with_half_its_words_keeps_them_when_the_batch_is_given_up(store: Store) -> None:
    """One of the two labels asked for is a label; only an item nobody spoke of is skipped."""
    put_batch(store, "b1", ["a", "b", "c"], overlap=2)
    store.labels.accept("b1", [word("a", "ham", "ann"), word("b", None, "ann")], at=NOON)
    store.item_leases.lease("b1", lease_id="l", who="bo", size=3, seconds=60)
    store.batches.close("b1", at=NOON, who="ops")
    found = store.batches.get("b1")
    assert [(item.state, item.label) for item in found.items] == [
        ("labelled", "ham"),
        ("skipped", None),
        ("skipped", None),
    ]
    assert store.batches.leased("b1") == 0


def test_a_day_s_budget_counts_labels_and_not_items(store: Store) -> None:
    """Two people at each of three items are six labels asked for."""
    put_batch(store, "b1", ["a", "b", "c"], overlap=2)
    assert store.batches.load(now=NOON).items_today == 6
