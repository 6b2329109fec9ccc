"""Batches and the labels that come back."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from monitoring.errors import UnknownAlarm, UnknownBatch
from monitoring.store import Fenced, Load, NewBatch, Store
from monitoring.waves.labels import NONE_OF_THESE, LabelRow

IDLE = Load(open_batches=0, items_today=0)
BUSY = Load(open_batches=99, items_today=9_999)


def label(key: str, name: str | None, *, annotation: str = "a1", annotator: str = "ann") -> LabelRow:
    """One annotation; None skips the item."""
    return LabelRow(key, name, annotation, annotator, skipped=name is None)


@pytest.mark.parametrize(
    ("resent", "chosen", "missing", "weights", "complete"),
    [
        ([], 0, 0, {1: 0, 2: 4, 3: 4}, True),
        ([], 0, 1, {1: 0, 2: 4, 3: 4}, False),
        ([], 1, 0, {1: 1, 2: 4, 3: 4}, False),
        ([{"rank": 1, "draws": 2, "weight": 8.0}], 2, 0, {1: 9, 2: 4, 3: 4}, False),
    ],
    ids=["plain", "draws left out", "a draw was chosen by score", "resends"],
)
def test_a_batch_of_the_first_schema_weighs_what_it_did(
    store: Store,
    batch: Callable[..., NewBatch],
    resent: list[dict[str, float]],
    chosen: int,
    missing: int,
    weights: dict[int, float],
    complete: bool,
) -> None:
    """Items chosen by score stand for themselves where one of them was drawn: which, it does not say."""
    new = batch("b1", ["k1", "k2", "k3"])
    first, *drawn = new.items
    left_out = {
        "draws_already_chosen": chosen,
        "draws_already_taken": missing,
        "draws_without_text_or_id": 0,
    }
    old = replace(
        new,
        items=(
            replace(first, slice="uncertain", stratum="certainty", inclusion_probability=1.0),
            *(replace(item, dup_count=1) for item in drawn),
        ),
        manifest={**new.manifest, "schema": 1, "left_out": left_out, "resent": resent},
    )
    store.closing.add_by_hand(old, load=IDLE, who="ops")
    found = store.batches.get("b1")
    assert {item.rank: item.weight for item in found.items} == pytest.approx(weights)
    assert found.complete_sample is complete


def test_a_batch_comes_back_as_it_was_stored(store: Store, batch: Callable[..., NewBatch]) -> None:
    """Items, their order and the manifest are equal."""
    made = batch("b1", ["x", "y"])
    store.closing.add_by_hand(made, load=IDLE, who="ops")
    found = store.batches.get("b1")
    assert (found.items, found.manifest, found.state) == (made.items, made.manifest, "open")
    (summary,) = store.batches.list()
    assert (summary.n_open, summary.n_labelled, summary.n_skipped, summary.reason) == (2, 0, 0, "by_hand")


def test_an_item_is_in_at_most_one_open_batch(store: Store, batch: Callable[..., NewBatch]) -> None:
    """Invariant 4: the database refuses a second open batch with the item, and stores nothing of it."""
    store.closing.add_by_hand(batch("b1", ["x", "y"]), load=IDLE, who="ops")
    with pytest.raises(Fenced, match="batches"):
        store.closing.add_by_hand(batch("b2", ["z", "y"]), load=BUSY, who="ops")
    assert not store.batches.exists("b2")
    store.labels.accept("b1", [label("x", "ham"), label("y", "spam")], at=1.0)
    store.closing.add_by_hand(batch("b2", ["z", "y"]), load=BUSY, who="ops")
    assert [item.state for item in store.batches.get("b2").items] == ["open", "open"]


def test_a_batch_computed_under_a_load_that_grew_is_refused(
    store: Store, batch: Callable[..., NewBatch]
) -> None:
    """Two requests at once cannot both fit under a budget that has room for one."""
    store.closing.add_by_hand(batch("b1", ["x"]), load=IDLE, who="ops")
    with pytest.raises(Fenced, match="batches"):
        store.closing.add_by_hand(batch("b2", ["y"]), load=IDLE, who="ops")


def test_labels_posted_twice_count_once(store: Store, batch: Callable[..., NewBatch]) -> None:
    """The second posting changes nothing and says so; also within one posting."""
    store.closing.add_by_hand(batch("b1", ["x", "y"]), load=IDLE, who="ops")
    rows = [label("x", "ham"), label("x", "ham"), label("y", NONE_OF_THESE)]
    first = store.labels.accept("b1", rows, at=1.0)
    second = store.labels.accept("b1", rows, at=2.0)
    assert (first.accepted, first.repeated) == (2, 1)
    assert (second.accepted, second.repeated) == (0, 3)
    assert store.labels.count() == 2


def test_a_bad_row_does_not_keep_the_others_out(store: Store, batch: Callable[..., NewBatch]) -> None:
    """Unknown items and labels are rejected row by row, with the position and the reason."""
    store.closing.add_by_hand(batch("b1", ["x", "y"]), load=IDLE, who="ops")
    receipt = store.labels.accept(
        "b1", [label("stranger", "ham"), label("x", "eggs"), label("y", "ham")], at=1.0
    )
    assert receipt.accepted == 1
    assert [row for row, _ in receipt.rejected] == [0, 1]
    assert "unknown label 'eggs'" in receipt.rejected[1].reason
    assert [item.state for item in store.batches.get("b1").items] == ["open", "labelled"]


def test_a_batch_closes_when_every_item_is_labelled_or_skipped(
    store: Store, batch: Callable[..., NewBatch]
) -> None:
    """Until then it is open; afterwards it no longer counts against the limit."""
    store.closing.add_by_hand(batch("b1", ["x", "y"]), load=IDLE, who="ops")
    store.labels.accept("b1", [label("x", "ham")], at=1.0)
    assert store.batches.get("b1").state == "open"
    store.labels.accept("b1", [label("y", None)], at=2.0)
    found = store.batches.get("b1")
    assert found.state == "closed"
    assert [(item.state, item.label) for item in found.items] == [("labelled", "ham"), ("skipped", None)]
    assert store.batches.oldest_open_at() is None
    assert store.batches.items_by_state() == {"labelled": 1, "skipped": 1}


def test_the_majority_decides_and_all_annotations_are_kept(
    store: Store, batch: Callable[..., NewBatch]
) -> None:
    """Three annotators in three postings, the first one outvoted."""
    store.closing.add_by_hand(batch("b1", ["x"]), load=IDLE, who="ops")
    for annotator, name in (("ann", "ham"), ("bob", "spam"), ("cyd", "spam")):
        store.labels.accept("b1", [label("x", name, annotation=annotator, annotator=annotator)], at=1.0)
    assert store.batches.get("b1").items[0].label == "spam"
    assert [row.label for row in store.labels.of("b1")["x"]] == ["ham", "spam", "spam"]


def test_a_batch_given_up_frees_its_items(store: Store, batch: Callable[..., NewBatch]) -> None:
    """What has no label is skipped; closing twice is closing once, and audited once."""
    store.closing.add_by_hand(batch("b1", ["x", "y"]), load=IDLE, who="ops")
    store.labels.accept("b1", [label("x", "ham")], at=1.0)
    store.batches.close("b1", at=2.0, who="lead")
    store.batches.close("b1", at=3.0, who="lead")
    assert [item.state for item in store.batches.get("b1").items] == ["labelled", "skipped"]
    assert [(entry.who, entry.action) for entry in store.audit.list()] == [
        ("lead", "close_batch"),
        ("ops", "batch"),
    ]


def test_unknown_batches_and_alarms_are_named(store: Store) -> None:
    """The error holds the id."""
    for call in (
        lambda: store.batches.get("nope"),
        lambda: store.labels.of("nope"),
        lambda: store.labels.accept("nope", [], at=0.0),
        lambda: store.batches.close("nope", at=0.0, who="ops"),
    ):
        with pytest.raises(UnknownBatch, match="batch 'nope' does not exist"):
            call()
    with pytest.raises(UnknownAlarm, match="alarm 'nope' does not exist"):
        store.alarms.get("nope")


def test_an_empty_store_has_nothing(store: Store) -> None:
    """Every list and count works before anything happened."""
    assert store.batches.list() == ()
    assert store.batches.taken().signatures.shape == (0, 64)
    assert store.batches.items_by_state() == {}
    assert store.alarms.list() == ()
    assert store.counts.models() == ()
    assert store.lease.status() is None


def test_items_with_several_labels_come_back_as_they_were_stored(
    store: Store, batch: Callable[..., NewBatch]
) -> None:
    """Names predicted and given, an empty set apart from no label, repeats as ever."""
    made = batch("b1", ["x", "y", "z"])
    items = tuple(
        replace(one, predicted=names)
        for one, names in zip(made.items, [("ham", "spam"), (), None], strict=True)
    )
    made = replace(made, items=items, manifest={**made.manifest, "task": "multilabel"})
    store.closing.add_by_hand(made, load=IDLE, who="ops")
    assert store.batches.get("b1").items == items
    posted = [
        LabelRow("x", "spam|ham", "a1", "ann"),
        LabelRow("x", ("ham",), "a2", "bob"),
        LabelRow("x", ("ham",), "a3", "cyd"),
        LabelRow("y", NONE_OF_THESE, "a1"),
        LabelRow("z", None, "a1", skipped=True),
        LabelRow("z", "ham|eggs", "a2"),
    ]
    receipt = store.labels.accept("b1", posted, at=1.0)
    assert (receipt.accepted, [row for row, _ in receipt.rejected]) == (5, [5])
    assert store.labels.accept("b1", posted, at=2.0).repeated == 5
    assert [row.label for row in store.labels.of("b1")["x"]] == [("ham", "spam"), ("ham",), ("ham",)]
    found = store.batches.get("b1")
    assert [(item.state, item.label) for item in found.items] == [
        ("labelled", ("ham",)),
        ("labelled", ()),
        ("skipped", None),
    ]
    assert found.state == "closed"
