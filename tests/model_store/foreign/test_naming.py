"""Tests of `model_store.foreign.naming`: what the columns of the scores are called."""

from typing import Any

import pytest

from model_store.data.labelled import LabelReserved, LabelsMissing
from model_store.data.rows import Rows
from model_store.foreign.graph import Port
from model_store.foreign.naming import name_classes
from model_store.foreign.recognise import Given, Unrecognised


def _given(classes: tuple[str, ...] = (), named_by: str = "") -> Given:
    return Given(Port("scores", "tensor(float)", (None, 3)), None, classes, named_by, None)


def _rows(*labels: str, **more: Any) -> Rows:
    return Rows(texts=("",) * len(labels), labels=labels or None, **more)


@pytest.mark.parametrize(
    ("given", "labels", "classes", "basis"),
    [
        pytest.param(
            _given(("c", "b", "a"), "graph"), "ab", ("c", "b", "a"), "as the graph names them", id="graph"
        ),
        pytest.param(
            _given(("c", "b", "a"), "declared"), "ab", ("c", "b", "a"), "as declared", id="declared"
        ),
        pytest.param(
            _given(("0", "1", "2"), "graph"), "201", ("0", "1", "2"), "as the graph names", id="numbers"
        ),
        pytest.param(
            _given(("0", "1", "2"), "graph"), "cab", ("a", "b", "c"), "assumed: the labels", id="positions"
        ),
        pytest.param(
            _given(), "cab", ("a", "b", "c"), "assumed: the labels of the file in alphabetical", id="nobody"
        ),
        pytest.param(
            _given(("c", "b", "x"), "graph"), "ab", ("c", "b", "x"), "as the graph", id="unknown label"
        ),
    ],
)
def test_the_names_come_from_who_knows_best(given: Given, labels: str, classes: tuple[str, ...], basis: str):
    """From the user, else the graph unless it only numbers them, else the file; and where from is said."""
    naming = name_classes(_rows(*labels), given, columns=3, multilabel=False)
    assert naming.classes == classes
    assert naming.basis.startswith(basis)
    assert naming.assumed == naming.basis.startswith("assumed")


def test_numbered_classes_need_names_when_the_file_lacks_some():
    """Which of the three positions has no rows cannot be guessed."""
    with pytest.raises(
        Unrecognised, match=r"its 3 classes, and the file has 2 different labels; .*--classes"
    ):
        name_classes(_rows("a", "b"), _given(("0", "1", "2"), "graph"), columns=3, multilabel=False)


def test_as_many_names_as_columns_are_needed():
    """The error says how many there are of each."""
    with pytest.raises(Unrecognised, match=r"scores of 3 classes, 2 are named .as declared.: a, b"):
        name_classes(_rows("a", "b"), _given(("a", "b"), "declared"), columns=3, multilabel=False)


def test_label_columns_keep_the_order_in_which_they_were_named():
    """As the indicator matrix of training has one; cells like a|b have only the alphabet."""
    sets = (frozenset("a"), frozenset("bc"), frozenset())
    columns = _rows(label_sets=sets, label_columns=("c", "a", "b"))
    cells = _rows(label_sets=sets)
    assert name_classes(columns, _given(), columns=3, multilabel=True).classes == ("c", "a", "b")
    assert name_classes(cells, _given(), columns=3, multilabel=True).classes == ("a", "b", "c")


def test_names_that_the_service_says_itself_are_refused():
    """A class called like no class would be misread."""
    with pytest.raises(LabelReserved, match="no_class_passes"):
        name_classes(_rows("a"), _given(("a", "no_class_passes"), "declared"), columns=2, multilabel=False)


def test_rows_without_labels_are_refused():
    """Nothing can be checked on them."""
    with pytest.raises(LabelsMissing):
        name_classes(Rows(texts=("a",)), _given(), columns=2, multilabel=False)
