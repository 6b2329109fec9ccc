"""Tests of `model_store.data.labelled`."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_store.data.labelled import (
    LabelColumnsMissing,
    LabelConstant,
    LabelReserved,
    LabelsMissing,
    LabelsUnknown,
    OneClass,
    classes_of,
    groups_of,
    labelled_of,
    signatures_of,
)
from model_store.data.rows import Rows, RowsInvalid
from model_store.errors import ModelStoreError
from tests.support.synthetic import synthetic_multilabel, synthetic_table


def _sets(*labels: str, columns: tuple[str, ...] | None = None) -> Rows:
    sets = tuple(frozenset(each.split()) for each in labels)
    return Rows(("x",) * len(sets), label_sets=sets, label_columns=columns)


def _silent(_stage: str, _done: int, _total: int) -> None:
    return None


def test_classes_are_those_of_the_rows_in_alphabetical_order():
    """Two make a binary task, more a multiclass one."""
    two = labelled_of(Rows(("x",) * 3, ("spam", "ham", "spam")))
    assert (two.classes, two.task, two.labels.tolist()) == (("ham", "spam"), "binary", [1, 0, 1])
    three = labelled_of(Rows(("x",) * 3, ("c", "a", "b")))
    assert (three.task, three.labels.tolist(), three.labels.dtype) == ("multiclass", [2, 0, 1], np.int64)
    assert three.positives().tolist() == [1, 1, 1]
    assert classes_of(Rows(("x",) * 2, ("b", "a")))[0] == ("a", "b")


def test_classes_of_a_model_keep_its_order():
    """Also when the rows do not have them all."""
    labelled = labelled_of(Rows(("x",) * 3, ("b", "a", "b")), ("c", "b", "a"))
    assert (labelled.classes, labelled.task, labelled.labels.tolist()) == (
        ("c", "b", "a"),
        "multiclass",
        [1, 2, 1],
    )
    assert labelled.positives().tolist() == [0, 2, 1]
    assert len(labelled) == 3


def test_labels_outside_the_classes_are_counted_and_named_by_row():
    """The labels themselves are not told: in a wrong column they are content."""
    rows = Rows(("x",) * 9, ("a", "secret", "b", "other", *["secret"] * 5))
    with pytest.raises(LabelsUnknown) as caught:
        labelled_of(rows, ("a", "b"))
    assert str(caught.value) == (
        "7 rows carry labels outside the classes (2 different): rows 2, 4, 5, 6, 7, ...; "
        "the classes are 'a', 'b': correct the labels; write none_of_these for a row that is of no class"
    )
    assert (caught.value.rows, caught.value.labels, caught.value.numbers) == (7, 2, (2, 4, 5, 6, 7))
    with pytest.raises(
        LabelsUnknown, match=r"^1 row carries a label outside the classes: row 3; the classes"
    ):
        labelled_of(Rows(("x",) * 3, ("a", "b", "secret")), ("a", "b"))


def test_of_many_classes_twenty_are_named():
    """An error stays one line of a terminal, or two."""
    with pytest.raises(LabelsUnknown, match="'c19' and 131 more: correct the labels"):
        labelled_of(Rows(("x",) * 2, ("c0", "y")), [f"c{i}" for i in range(151)])


def test_sets_of_labels_become_a_matrix():
    """A row for each item, a column for each class; none is an answer."""
    labelled = labelled_of(_sets("b a", "", "b", "c"))
    assert (labelled.classes, labelled.task) == (("a", "b", "c"), "multilabel")
    assert labelled.labels.astype(int).tolist() == [[1, 1, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert labelled.positives().tolist() == [1, 2, 1]
    fixed = labelled_of(_sets("b a", ""), ("d", "b", "a"))
    assert fixed.labels.astype(int).tolist() == [[0, 1, 1], [0, 0, 0]]
    with pytest.raises(
        LabelsUnknown, match=r"2 rows carry labels outside the classes \(3 different\): rows 1, 3"
    ):
        labelled_of(_sets("b x y", "a", "z"), ("b", "a"))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (_sets("a", "a", columns=("a", "b")), "label 'a' is on all of the 2 rows; a model cannot learn it"),
        (_sets("a", "", columns=("a", "b")), "label 'b' is on none of the 2 rows; a model cannot learn it"),
        (_sets("a b", "a"), "label 'a' is on all of the 2 rows"),
    ],
)
def test_a_label_that_is_the_same_on_all_rows_cannot_be_learnt(rows: Rows, said: str):
    """In an indicator column or in cells; with the classes of a model it is only a small file."""
    with pytest.raises(LabelConstant) as caught:
        labelled_of(rows)
    assert str(caught.value).startswith(said)
    assert labelled_of(rows, ("a", "b")).positives()[0] >= 1


@pytest.mark.parametrize(
    ("rows", "classes", "kind", "said"),
    [
        (Rows(("x",)), None, LabelsMissing, "the rows have no labels; name the label column"),
        (Rows(("x",)), ("a", "b"), LabelsMissing, "the rows have no labels; name the label column"),
        (Rows(("x", "y"), ("a", "a")), None, OneClass, "only 'a'; check the label column"),
        (Rows(("x", "y"), ("a", "a")), ("a", "b"), OneClass, "only 'a'; check the label column"),
        (_sets("", ""), None, OneClass, "the labels hold none"),
        (_sets("", ""), ("a", "b"), OneClass, "the labels hold none"),
        (Rows(("x", "y"), ("a", "none_of_these")), None, LabelReserved, "has a reserved name"),
        (_sets("a none_of_these", "a", ""), None, LabelReserved, "has a reserved name"),
    ],
    ids=str,
)
def test_labels_that_nothing_can_be_made_of(
    rows: Rows, classes: tuple[str, ...] | None, kind: type[ModelStoreError], said: str
):
    """None, one only, or a name the service uses for something else."""
    with pytest.raises(kind, match=said):
        labelled_of(rows, classes)


def test_the_task_of_a_model_reads_rows_of_the_other_form():
    """One label each is a set of one; one-hot columns are one label each."""
    single = labelled_of(Rows(("x",) * 2, ("a", "b")), ("a", "b"), task="multilabel")
    assert (single.task, single.labels.astype(int).tolist()) == ("multilabel", [[1, 0], [0, 1]])
    one_hot = labelled_of(_sets("a", "b", "a"), ("a", "b"), task="binary")
    assert (one_hot.task, one_hot.labels.tolist()) == ("binary", [0, 1, 0])
    with pytest.raises(RowsInvalid, match="2 rows do not carry exactly one label: 1, 3; the model gives one"):
        labelled_of(_sets("a b", "b", ""), ("a", "b"), task="binary")
    for task in ("binary", "multilabel"):
        with pytest.raises(LabelsMissing):
            labelled_of(Rows(("x",)), ("a", "b"), task=task)


def test_rows_of_one_named_group_and_near_duplicates_are_together():
    """An empty cell names no group."""
    rows = Rows(
        ("reset my password please", "Reset my  password please", "where is it", "the van is late", "hello"),
        groups=("", "", "t1", "t1", ""),
    )
    assert groups_of(rows, signatures_of(rows.contents(), _silent)).tolist() == [0, 0, 1, 1, 2]


def test_rows_of_a_table_are_together_when_they_are_equal():
    """Near numbers are other rows."""
    rows = Rows(path=Path("x"), features={"a": ("1", "1.0", "1.1"), "b": ("web", "WEB", "web")})
    calls: list[tuple[str, int, int]] = []
    signatures = signatures_of(rows.contents(), lambda *call: calls.append(call), exact=True)
    assert groups_of(rows, signatures).tolist() == [0, 0, 1]
    assert calls[-1] == ("signatures", 3, 3)
    assert signatures_of((), _silent).shape == (0, 64)


@pytest.mark.parametrize("seed", [1, 2])
def test_synthetic_rows_have_what_tests_need(seed: int):
    """Every label on some rows and not on others, rows without any; tables with gaps."""
    labelled = labelled_of(synthetic_multilabel(400, seed=seed))
    matrix: Any = labelled.labels
    assert labelled.classes == ("billing", "delivery", "login")
    assert (labelled.positives() > 20).all()
    assert 0 < (~matrix.any(axis=1)).sum() < 300
    assert (matrix.sum(axis=1) > 1).any()
    table = synthetic_table({"billing": 80, "login": 20}, seed=seed)
    assert labelled_of(table).positives().tolist() == [80, 20]
    assert 0 < sum(cell == "" for cell in (table.features or {})["age"]) < 30


def test_indicator_columns_name_every_label_of_a_model():
    """A label that no column speaks of would count as absent from all rows."""
    rows = Rows(texts=("a", "b"), label_sets=(frozenset({"late"}), frozenset()), label_columns=("late",))
    with pytest.raises(LabelColumnsMissing, match="which rows carry 'broken'; the label columns are late"):
        labelled_of(rows, ("late", "broken"), task="multilabel")
    cells = Rows(texts=("a", "b"), label_sets=(frozenset({"late"}), frozenset()))
    assert labelled_of(cells, ("late", "broken"), task="multilabel").labels.tolist() == [
        [True, False],
        [False, False],
    ]
