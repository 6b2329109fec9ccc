"""Which rows a batch takes, and what the annotations of an item come to."""

import json
import re

import pytest

from monitoring.waves.labels import LabelReceipt, LabelRow, Rejection, RowError, of_batch, settle
from monitoring.waves.returns import parse_labels

CLASSES = ("billing", "fraud")


def body(*rows: object) -> bytes:
    """Return the JSON form."""
    return json.dumps({"labels": rows}).encode()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (LabelRow("a", "fraud", "1"), None),
        (LabelRow("a", "none_of_these", "1"), None),
        (LabelRow("a", None, "1", skipped=True), None),
        (LabelRow("z", "fraud", "1"), "unknown item 'z': this batch has no such key"),
        (LabelRow("a", "spam", "1"), "unknown label 'spam': allowed are billing, fraud, none_of_these"),
    ],
    ids=["class", "novel", "skipped", "item", "label"],
)
def test_which_rows_a_batch_takes(row: LabelRow, reason: str | None):
    """Classes of the model, none_of_these, skips of its own items; else the reason lists what is allowed."""
    if reason is None:
        assert of_batch(row, keys={"a"}, classes=CLASSES) == row
    else:
        with pytest.raises(RowError, match=f"^{re.escape(reason)}$"):
            of_batch(row, keys={"a"}, classes=CLASSES)


def test_a_long_list_of_classes_is_not_recited():
    """With 150 intents the reason names twenty and says how many more there are."""
    classes = [f"intent {i}" for i in range(150)]
    with pytest.raises(RowError, match=r"none_of_these and 130 more$") as refused:
        of_batch(LabelRow("a", "x" * 500, "1"), keys={"a"}, classes=classes)
    assert len(str(refused.value)) < 400


def test_the_receipt_speaks_of_positions_in_the_posting():
    """The store counts readable rows; the caller wants to know which line of the file."""
    parsed = parse_labels(
        body({"label": "fraud"}, {"key": "a", "label": "fraud"}, {"key": "z", "label": "fraud"})
    )
    whole = parsed.complete(LabelReceipt(accepted=1, repeated=0, rejected=(Rejection(1, "unknown item"),)))
    assert whole.accepted == 1
    assert [row for row, _ in whole.rejected] == [0, 2]


def row(label: str | None, annotator: str | None) -> LabelRow:
    """Return an annotation of one item."""
    return LabelRow("a", label, f"{label}-{annotator}", annotator, skipped=label is None)


@pytest.mark.parametrize(
    ("given_rows", "label"),
    [
        ([row("fraud", "ann")], "fraud"),
        ([row("fraud", "ann"), row("billing", "bob"), row("fraud", "cy")], "fraud"),
        ([row("fraud", "ann"), row("billing", "bob")], "billing"),
        ([row("fraud", "ann"), row("billing", "ann")], "billing"),
        ([row("fraud", None), row("billing", None)], "billing"),
        ([row("fraud", "ann"), row(None, "bob"), row(None, "cy")], "fraud"),
        ([row("fraud", "ann"), row(None, "ann")], None),
    ],
    ids=["one", "majority", "tie", "corrected", "unnamed", "skips", "withdrawn"],
)
def test_what_several_annotations_come_to(given_rows: list[LabelRow], label: str | None):
    """Last word of each annotator, majority of those, the latest among equals; skipped only when all skip."""
    settled = settle(given_rows)
    assert settled is not None
    assert settled.label == label
    assert settled.skipped == (label is None)


def test_nothing_settles_nothing():
    """An item without annotations stays open."""
    assert settle([]) is None


@pytest.mark.parametrize(
    ("posted", "names"),
    [
        ("fraud|billing", ("billing", "fraud")),
        (" fraud | billing ", ("billing", "fraud")),
        ("fraud", ("fraud",)),
        ('["fraud", "billing"]', ("billing", "fraud")),
        ("[]", ()),
        ("none_of_these", ()),
        ([], ()),
        (["none_of_these"], ()),
        (["fraud", "fraud"], ("fraud",)),
        ({"choices": ["fraud", "billing"]}, ("billing", "fraud")),
    ],
)
def test_any_number_of_labels_in_each_way_to_write_them(posted: object, names: tuple[str, ...]) -> None:
    """Lists, cells, Label Studio's choices: the same set of names, and none of them is an answer."""
    (row,) = parse_labels(body({"key": "a", "label": posted})).rows
    assert of_batch(row, keys={"a"}, classes=CLASSES, multilabel=True).label == names


@pytest.mark.parametrize(
    ("posted", "multilabel", "reason"),
    [
        ("fraud|spam", True, "unknown label 'spam': allowed are billing, fraud, none_of_these"),
        ("fraud|", True, "unknown label ''"),
        (["fraud", "none_of_these"], True, "none_of_these beside another label: send one of the two"),
        (["fraud", "billing"], False, "2 labels: an item of this batch has exactly one"),
        ([], False, "0 labels: an item of this batch has exactly one"),
        ("fraud|billing", False, "unknown label 'fraud|billing'"),
    ],
)
def test_sets_of_labels_that_no_batch_takes(posted: object, multilabel: bool, reason: str) -> None:
    """The reason says what is wrong with the set."""
    (row,) = parse_labels(body({"key": "a", "label": posted})).rows
    with pytest.raises(RowError, match=re.escape(reason)):
        of_batch(row, keys={"a"}, classes=CLASSES, multilabel=multilabel)


def test_a_class_with_a_bar_in_its_name_is_that_class() -> None:
    """A whole cell that is a class is not taken apart; beside another one the list tells them apart."""
    classes = ("late|lost", "late")
    for posted, names in (("late|lost", ("late|lost",)), ('["late|lost", "late"]', ("late", "late|lost"))):
        row = of_batch(LabelRow("a", posted, "1"), keys={"a"}, classes=classes, multilabel=True)
        assert row.label == names


@pytest.mark.parametrize(
    ("sets", "settled"),
    [
        ([("fraud",)], ("fraud",)),
        ([("billing", "fraud"), ("fraud",), ("fraud", "odd")], ("fraud",)),
        ([("billing",), ("fraud",)], ("fraud",)),
        ([("fraud",), ()], ()),
        ([(), ("fraud",), ("fraud",)], ("fraud",)),
    ],
)
def test_each_label_is_settled_on_its_own(sets: list[tuple[str, ...]], settled: tuple[str, ...]) -> None:
    """More than half of the annotators give a label, or half with the last one to speak among them."""
    rows = [LabelRow("a", names, str(i), f"person {i}") for i, names in enumerate(sets)]
    decided = settle(rows)
    assert decided is not None
    assert decided.label == settled
