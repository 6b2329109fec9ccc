"""Labels under leases, of several people and of an adjudicator: none is lost, each counts as it should."""

from dataclasses import replace

import pytest

from monitoring.clock import ManualClock
from monitoring.store import Store
from monitoring.waves.labels import LabelRow, Note
from tests.support.labeling import NOON, decision, put_batch, word


def lease(store: Store, who: str, *, size: int = 2, name: str | None = None) -> str:
    """Lease items for ten minutes and return the lease's id."""
    got = store.item_leases.lease("b1", lease_id=name or f"of {who}", who=who, size=size, seconds=600)
    assert got is not None
    return got.id


def states(store: Store, batch: str = "b1") -> list[tuple[str, object]]:
    """Return the items' states and labels by rank."""
    return [(item.state, item.label) for item in store.batches.get(batch).items]


def test_a_label_under_a_lease_is_from_its_holder(store: Store) -> None:
    """Unless the row names somebody; two holders who say the same are two people."""
    put_batch(store, "b1", ["a", "b"], overlap=2)
    ann, bo = lease(store, "ann"), lease(store, "bo")
    rows = [
        word("a", "ham", None, lease=ann),
        word("a", "ham", None, lease=bo),
        word("b", "ham", "cy", lease=bo),
    ]
    receipt = store.labels.accept("b1", rows, at=NOON)
    assert (receipt.accepted, receipt.notes) == (3, ())
    assert [row.annotator for row in store.labels.of("b1")["a"]] == ["ann", "bo"]
    assert states(store) == [("labelled", "ham"), ("open", None)]
    # Ann still has b; what Bo gave back by labelling it under another name is free.
    assert store.batches.leased("b1") == 1


def test_a_label_after_the_lease_is_over_counts_and_says_so(store: Store, clock: ManualClock) -> None:
    """Nobody took the item meanwhile: it is the item's label."""
    put_batch(store, "b1", ["a", "b"])
    name = lease(store, "ann")
    clock.advance(601)
    receipt = store.labels.accept("b1", [word("b", "ham", None, lease=name)], at=clock.now())
    assert (receipt.accepted, receipt.notes) == (1, (Note(0, "lease_over"),))
    assert states(store) == [("open", None), ("labelled", "ham")]


def test_a_label_for_an_item_that_another_has_taken_is_a_further_one(
    store: Store, clock: ManualClock
) -> None:
    """Both are kept, the later one decides between two; the first to come makes the item a labelled one."""
    put_batch(store, "b1", ["a", "b"])
    late = lease(store, "ann", size=1)
    clock.advance(601)
    new = lease(store, "bo", size=1)
    receipt = store.labels.accept("b1", [word("a", "ham", None, lease=late)], at=clock.now())
    assert receipt.notes == (Note(0, "taken_by_another"),)
    receipt = store.labels.accept("b1", [word("a", "spam", None, lease=new)], at=clock.now())
    assert receipt.notes == ()
    assert [row.label for row in store.labels.of("b1")["a"]] == ["ham", "spam"]
    assert states(store)[0] == ("labelled", "spam")


def test_late_means_too_late_also_when_the_other_has_labelled(store: Store, clock: ManualClock) -> None:
    """The note tells it apart from an item that only waited; a repeat needs no note."""
    put_batch(store, "b1", ["a", "b"])
    late = lease(store, "ann")
    store.item_leases.release("b1", late)
    store.labels.accept("b1", [word("a", "spam", "bo")], at=NOON)
    rows = [word("b", "ham", None, lease=late), word("a", "spam", None, lease=late)]
    assert store.labels.accept("b1", rows, at=NOON).notes == (
        Note(0, "lease_over"),
        Note(1, "taken_by_another"),
    )
    again = store.labels.accept("b1", rows, at=NOON)
    assert (again.accepted, again.repeated, again.notes) == (0, 2, ())


def test_an_old_word_sent_again_is_noted_where_it_is_not_the_last(store: Store) -> None:
    """It changes nothing, and who sends a file again to take a correction back is told so."""
    put_batch(store, "b1", ["a", "b"])
    first = [word("a", "ham", "ann"), word("b", "ham", "ann")]
    store.labels.accept("b1", first, at=NOON)
    assert store.labels.accept("b1", first, at=NOON).notes == ()
    store.labels.accept("b1", [word("a", "spam", "ann", again=1), word("b", "spam", "bo")], at=NOON)
    receipt = store.labels.accept("b1", first, at=NOON)
    assert (receipt.accepted, receipt.repeated, receipt.notes) == (0, 2, (Note(0, "other_since"),))
    assert states(store)[0] == ("labelled", "spam")


def test_two_words_of_one_person_in_a_posting_are_noted(store: Store) -> None:
    """The last row holds, whatever times they tell; the same posting again says the same of each row."""
    put_batch(store, "b1", ["a", "b", "c"])
    rows = [
        replace(word("a", "spam", "ann"), annotation_id="1@2026-03-01T10:05:00Z"),
        replace(word("a", "ham", "ann"), annotation_id="1@2026-03-01T10:00:00Z"),
        word("b", "ham", "ann"),
        word("b", "spam", "bo"),
        word("c", "ham", "ann"),
        word("c", "ham", "ann", again=1),
    ]
    for accepted in (6, 0):
        receipt = store.labels.accept("b1", rows, at=NOON)
        assert (receipt.accepted, receipt.notes) == (accepted, (Note(0, "other_since"),))
    assert states(store)[0] == ("labelled", "ham")


def test_a_correction_sent_with_what_it_corrects_is_noted(store: Store) -> None:
    """Known or not before: a tool that exports the history of an item shows which word holds."""
    put_batch(store, "b1", ["a"])
    first, second = word("a", "ham", "ann"), word("a", "spam", "ann", again=1)
    store.labels.accept("b1", [first], at=NOON)
    for _ in range(2):
        assert store.labels.accept("b1", [first, second], at=NOON).notes == (Note(0, "other_since"),)
    assert states(store) == [("labelled", "spam")]


def test_people_who_number_alike_are_both_heard(store: Store) -> None:
    """An id is one person's; the same rows in any order, together or alone, change nothing later."""
    put_batch(store, "b1", ["a", "b"], overlap=3)
    rows = [
        LabelRow("a", "ham", "77", "ann"),
        LabelRow("a", "ham", "77", "bo"),
        LabelRow("a", "spam", "77", "cy"),
        LabelRow("a", "spam", "77@9", "ann"),
        LabelRow("a", "spam", "77@9", "bo"),
    ]
    assert store.labels.accept("b1", rows, at=NOON).accepted == 5
    for again in (rows, rows[::-1], rows[1:3]):
        receipt = store.labels.accept("b1", again, at=NOON)
        assert (receipt.accepted, receipt.repeated) == (0, len(again))
    assert [(row.annotator, row.label) for row in store.labels.of("b1")["a"]] == [
        ("ann", "ham"),
        ("bo", "ham"),
        ("cy", "spam"),
        ("ann", "spam"),
        ("bo", "spam"),
    ]


@pytest.mark.parametrize(
    ("number", "first", "then"),
    [("41@10:00", "1", "ann@example.com"), ("41", None, "ann"), ("41", "ann", None)],
    ids=["a number, then an address", "nobody, then a name", "a name, then nobody"],
)
def test_one_annotation_under_two_names_is_one_word(
    store: Store, number: str, first: str | None, then: str | None
) -> None:
    """A tool names people in one export by number and by address in another, a file is signed or not."""
    put_batch(store, "b1", ["a"], overlap=2)
    dated = "@" in number
    assert store.labels.accept("b1", [LabelRow("a", "ham", number, first)], at=NOON).accepted == 1
    receipt = store.labels.accept("b1", [LabelRow("a", "ham", number, then, is_dated=dated)], at=NOON)
    assert (receipt.accepted, receipt.repeated) == (0, 1)
    assert states(store) == [("open", None)]


def test_another_answer_under_the_same_id_is_a_later_word(store: Store) -> None:
    """A skip and a decision for all are others too; an old file sent again is told that they came after."""
    put_batch(store, "b1", ["a", "b"])
    first = LabelRow("a", "ham", "77", "ann")
    changed = replace(first, label="spam")
    assert store.labels.accept("b1", [first], at=NOON).accepted == 1
    assert store.labels.accept("b1", [changed], at=NOON).accepted == 1
    assert states(store)[0] == ("labelled", "spam")
    receipt = store.labels.accept("b1", [first, changed], at=NOON)
    assert (receipt.accepted, receipt.repeated, receipt.notes) == (0, 2, (Note(0, "other_since"),))
    skipped = replace(first, label=None, skipped=True)
    for accepted in (2, 0):
        rows = [skipped, replace(first, adjudicated=True)]
        assert store.labels.accept("b1", rows, at=NOON).accepted == accepted
    assert states(store)[0] == ("labelled", "ham")


def test_an_adjudicator_takes_nothing_back(store: Store) -> None:
    """What somebody decides for all is no word of their own."""
    put_batch(store, "b1", ["a"])
    rows = [word("a", "ham", "ann"), decision("a", "spam", "ann")]
    assert store.labels.accept("b1", rows, at=NOON).notes == ()


def test_a_lease_that_was_never_given_is_a_bad_row(store: Store) -> None:
    """Whose label it is cannot be known; a lease of another batch is none of this one."""
    put_batch(store, "b1", ["a"])
    put_batch(store, "b2", ["b"])
    store.item_leases.lease("b2", lease_id="elsewhere", who="ann", size=1, seconds=60)
    rows = [word("a", "ham", None, lease="made up"), word("a", "ham", None, lease="elsewhere")]
    receipt = store.labels.accept("b1", rows, at=NOON)
    assert [row for row, _ in receipt.rejected] == [0, 1]
    assert "unknown lease" in receipt.rejected[0].reason
    assert states(store) == [("open", None)]


def test_an_item_is_open_until_as_many_spoke_as_are_asked(store: Store) -> None:
    """One person twice is one; a skip is a word; the batch closes with the last word."""
    put_batch(store, "b1", ["a", "b"], overlap=2)
    store.labels.accept("b1", [word("a", "ham", "ann"), word("a", "spam", "ann", again=1)], at=NOON)
    assert states(store) == [("open", None)] * 2
    store.labels.accept("b1", [word("a", None, "bo"), word("b", "ham", "ann")], at=NOON)
    assert states(store) == [("labelled", "spam"), ("open", None)]
    assert store.batches.get("b1").state == "open"
    store.labels.accept("b1", [word("b", "ham", "bo")], at=NOON)
    assert store.batches.get("b1").state == "closed"


@pytest.mark.parametrize(("decided", "state"), [("ham", "labelled"), (None, "skipped")])
def test_an_adjudicator_decides_alone(store: Store, decided: str | None, state: str) -> None:
    """Against a majority, before it and after it; the last of two adjudications holds."""
    put_batch(store, "b1", ["a", "b"], overlap=2)
    store.labels.accept("b1", [decision("a", "spam", "cy"), decision("a", decided, "di")], at=NOON)
    assert states(store)[0] == (state, decided)
    store.labels.accept("b1", [word("a", "spam", "ann"), word("a", "spam", "bo")], at=NOON)
    assert states(store)[0] == (state, decided)
    assert [row.adjudicated for row in store.labels.of("b1")["a"]] == [True, True, False, False]


def test_late_labels_of_a_closed_batch_still_count(store: Store) -> None:
    """A skipped item gets its label, however many were asked for; a labelled one another vote."""
    put_batch(store, "b1", ["a", "b"], overlap=2)
    store.batches.close("b1", at=NOON, who="ops")
    assert states(store) == [("skipped", None)] * 2
    store.labels.accept("b1", [word("a", "ham", "ann")], at=NOON)
    assert states(store) == [("labelled", "ham"), ("skipped", None)]
    store.labels.accept("b1", [word("a", "spam", "bo"), word("a", "spam", "cy")], at=NOON)
    assert states(store)[0] == ("labelled", "spam")
    assert store.batches.get("b1").state == "closed"


def test_a_label_without_a_lease_frees_the_item_of_who_had_it(store: Store) -> None:
    """A tool that knows nothing of leases sends annotators' names, and that will do."""
    put_batch(store, "b1", ["a", "b"], overlap=2)
    lease(store, "ann")
    store.labels.accept("b1", [LabelRow("a", "ham", "7", "ann"), LabelRow("b", "ham", "8", "bo")], at=NOON)
    assert store.batches.leased("b1") == 1
