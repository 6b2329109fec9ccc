"""Tests of `model_store.reports.proposal`."""

from pathlib import Path

import numpy as np
import pytest

from model_store.data.rows import Rows
from model_store.model import Model
from model_store.reports.proposal import (
    ClassesDiffer,
    Evidence,
    _in_order,
    _told,
    compare,
    explored_labels_needed,
)
from model_store.store import ModelStore
from tests.support.bundles import NAMED, tiny_model


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """Return an empty store."""
    return ModelStore(tmp_path)


def evidence(old: Model, *, n: int = 20) -> Evidence:
    """Return explored rows: n of each class that says its name, one of no class, one that says another's."""
    texts = [name for name in NAMED for _ in range(n)] + ["nothing here is known", "billing"]
    labels = [k for k in range(len(NAMED)) for _ in range(n)] + [-1, 1]
    assert old.classes == NAMED
    return Evidence(
        "exploration", Rows(texts=tuple(texts)), np.array(labels), None, len(texts), (n, n + 1, n)
    )


def test_both_versions_answer_the_same_rows(store: ModelStore) -> None:
    """A version compared with itself gains and loses nothing."""
    model = tiny_model(store)
    found = compare(model, model, [evidence(model)])
    (kind,) = found["evidence"]
    assert (kind["rows"], kind["of_no_class"], kind["weighted"]) == (62, 1, False)
    for each in kind["classes"]:
        assert each["old"] == each["new"]
        assert each["found"] == {"gained": 0, "lost": 0, "verdict": "not told apart"}
    delivery = next(each for each in kind["classes"] if each["class"] == "delivery")
    assert delivery["new"]["recall"]["estimate"] == pytest.approx(20 / 21)
    assert delivery["new"]["recall"]["lower"] < 20 / 21 < delivery["new"]["recall"]["upper"]


def test_a_version_that_flags_less_is_worse_at_finding(store: ModelStore) -> None:
    """And its false alarms are fewer; the sign test says which of the two is chance."""
    old, new = tiny_model(store, threshold=0.2), tiny_model(store, threshold=0.9999999)
    (kind,) = compare(old, new, [evidence(old)])["evidence"]
    billing = next(each for each in kind["classes"] if each["class"] == "billing")
    assert billing["found"] == {"gained": 0, "lost": 20, "verdict": "worse"}
    assert billing["false_alarms"]["fewer"] >= 1
    assert kind["review_share"]["new"] == 1.0


def test_versions_of_other_classes_are_not_compared(store: ModelStore) -> None:
    """The error says how a class is added."""
    with pytest.raises(ClassesDiffer, match=r"new: topic3; missing: none.*to add a class"):
        compare(tiny_model(store), tiny_model(store, k=4), [])


@pytest.mark.parametrize(
    ("better", "worse", "rows", "said"),
    [
        (6, 0, 30, "better"),
        (5, 0, 30, "not told apart"),
        (0, 6, 30, "worse"),
        (20, 12, 90, "not told apart"),
        (0, 0, 30, "not told apart"),
        (0, 0, 0, "no rows"),
    ],
)
def test_few_items_are_chance(better: int, worse: int, rows: int, said: str) -> None:
    """The two-sided sign test at 5 % takes six of six."""
    assert _told(better, worse, rows) == said


def test_labels_are_numbered_as_each_version_numbers_them() -> None:
    """None of them stays none."""
    assert _in_order(np.array([0, 2, -1]), ("a", "b", "c"), ("c", "a", "b")).tolist() == [1, 0, -1]
    sets = np.array([[True, False, False], [False, True, True]])
    assert _in_order(sets, ("a", "b", "c"), ("c", "a", "b")).tolist() == [
        [False, True, False],
        [True, False, True],
    ]


def test_one_draw_serves_the_classes_that_somebody_asked_for() -> None:
    """The largest of their needs; those of defaults count only where nothing was asked."""

    def claim(declared: bool, labels: int | None) -> dict[str, object]:
        return {"declared": declared, "needs": {"labels": labels}}

    done = {"declared": True, "needs": None}
    assert explored_labels_needed({"claims": [claim(True, 80), claim(True, 200), claim(False, 900)]}) == 200
    assert explored_labels_needed({"claims": [claim(False, 900), claim(False, None)]}) == 900
    assert explored_labels_needed({"claims": [done, claim(False, 900)]}) is None
    assert explored_labels_needed({"claims": [done]}) is None
