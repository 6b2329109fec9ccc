"""Settled labels for whoever learns from them, and how many of the drawn have none."""

import pytest

from monitoring.store import Store
from tests.support.labeling import NOON, decision, put_batch, word


@pytest.fixture
def two_batches(store: Store) -> Store:
    """An older batch of another model, and one with an item chosen by score."""
    put_batch(store, "b2", ["x", "y"], at=NOON, complete_sample=True)
    put_batch(
        store, "b1", ["a", "b", "c"], at=NOON + 1, overlap=2, strata={"a": "certainty"}, model_key="mail@2"
    )
    store.labels.accept("b2", [word("x", "ham", "ann"), word("y", None, "ann")], at=NOON)
    rows = [word("a", "ham", "ann"), word("a", "spam", "bo"), word("b", "ham", "ann"), word("b", "ham", "bo")]
    store.labels.accept("b1", [*rows, word("c", "ham", "ann")], at=NOON)
    return store


def test_only_what_is_settled_is_labelled(two_batches: Store) -> None:
    """By age of the batch and rank; a skip, and an item that waits for a second word, are not there."""
    found = two_batches.labelled.read()
    assert [(each.batch_id, each.item.key, each.item.label) for each in found] == [
        ("b2", "x", "ham"),
        ("b2", "x", "ham"),
        ("b1", "a", "spam"),
        ("b1", "b", "ham"),
    ]
    assert [(each.annotators, each.agreed) for each in found][1:] == [(1, True), (2, False), (2, True)]
    assert [each.stratum for each in found][1:] == ["exploration", "certainty", "exploration-partial"]
    # The first was drawn twice, and its sample is whole: each draw is a row.
    assert [each.item.weight for each in found] == [4.0, 4.0, 0.0, 8.0]


def test_what_is_asked_for_narrows_it(two_batches: Store) -> None:
    """By model and by batch, and an unknown one has none."""
    read = two_batches.labelled.read
    assert {each.batch_id for each in read(model_keys=["mail@2"])} == {"b1"}
    assert {each.batch_id for each in read(batch_ids={"b2"})} == {"b2"}
    assert read(model_keys=["mail@2"], batch_ids=["b2"]) == read(batch_ids=[]) == ()


def test_an_adjudication_is_no_annotator(two_batches: Store) -> None:
    """It settles the label; that the labelers did not agree stays true."""
    two_batches.labels.accept("b1", [decision("a", "ham", "cy")], at=NOON)
    found = two_batches.labelled.read(batch_ids=["b1"])[0]
    assert (found.item.label, found.annotators, found.agreed) == ("ham", 2, False)


def test_how_many_of_the_drawn_have_a_label(two_batches: Store) -> None:
    """By batch and source, with the traffic they stand for; what was chosen by score is not among them."""
    found = two_batches.labelled.drawn()
    assert [
        (each.batch_id, each.source, each.items, each.labelled, each.skipped, each.open) for each in found
    ] == [
        ("b2", "chat", 1, 0, 1, 0),
        ("b2", "email", 1, 1, 0, 0),
        ("b1", "chat", 1, 1, 0, 0),
        ("b1", "email", 1, 0, 0, 1),
    ]
    assert [(each.weight, each.labelled_weight) for each in found] == [(8, 0), (8, 8), (8, 8), (8, 0)]
    assert [each.mode for each in found] == ["mixed"] * 4


@pytest.fixture
def carried(store: Store) -> Store:
    """A batch with an item chosen by score, and one of whose draws that item is, sent again."""
    put_batch(store, "b1", ["a", "b"], at=NOON, strata={"a": "certainty", "b": "certainty"})
    draw = {"batch": "b1", "rank": 1, "source": "chat", "at": NOON + 9, "chance": 0.5, "priority": 0.1}
    taken = [draw | {"carried": True}, draw | {"rank": 2, "carried": False, "priority": 0.2}]
    put_batch(store, "b2", ["c"], at=NOON + 1, complete_sample=True, draws_taken=taken)
    store.labels.accept("b2", [word("c", "ham", "ann")], at=NOON)
    return store


def test_a_carried_draw_waits_for_the_label_of_its_item(carried: Store) -> None:
    """It is one of the drawn, open until that is labelled, and skipped when that is."""
    drawn = {each.source: each for each in carried.labelled.drawn(batch_ids=["b2"])}
    assert (drawn["chat"].items, drawn["chat"].open, drawn["chat"].weight) == (1, 1, 2.0)
    carried.labels.accept("b1", [word("a", "spam", "ann"), word("a", "ham", "bo", again=1)], at=NOON)
    (chat,) = [each for each in carried.labelled.drawn(batch_ids=["b2"]) if each.source == "chat"]
    assert (chat.labelled, chat.open) == (1, 0)


def test_a_carried_label_is_evidence_once_and_does_not_train(carried: Store) -> None:
    """The row of the item that was chosen by score is gone: what proves must not have trained."""
    rows = [word("a", "spam", "ann"), word("b", "spam", "ann"), decision("a", "ham", "cy")]
    carried.labels.accept("b1", rows, at=NOON)
    found = carried.labelled.read()
    assert [(each.batch_id, each.item.key, each.item.label, each.stratum) for each in found] == [
        ("b1", "b", "spam", "certainty"),
        ("b2", "c", "ham", "exploration"),
        ("b2", "c", "ham", "exploration"),
        ("b2", "a", "ham", "exploration"),
    ]
    assert (found[3].annotators, found[3].agreed) == (1, True)
    assert (found[3].item.weight, found[3].item.at) == (2.0, NOON + 9)
    # Asked for alone, the first batch has its label.
    assert [each.item.key for each in carried.labelled.read(batch_ids=["b1"])] == ["a", "b"]


def test_what_was_drawn_or_carried_is_passed_over_but_for_audits(carried: Store) -> None:
    """An audit draws by what the model says, so passing over its draws would spoil the next sample."""
    put_batch(carried, "b3", ["d"], at=NOON + 2, mode="audit", draws_taken=[{"priority": 0.3}])
    taken = carried.batches.taken()
    assert taken.drawn == {("c", NOON + 1)}
    assert taken.carried == {0.1, 0.2}
    assert taken.contents["d"] == "text of d"
