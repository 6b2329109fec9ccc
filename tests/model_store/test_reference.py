"""Tests of `model_store.reference`."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from model_store.bundles.canonical import canonical_json
from model_store.policy import ABSTAINED, ACCEPTED, AMBIGUOUS, NO_CLASS_PASSES, Decisions
from model_store.reference import SCORE_BINS, Reference, build_reference


def _decisions(labels: list[int], decisions: list[int], *, top: list[int] | None = None) -> Decisions:
    n = len(labels)
    p = np.linspace(0.5, 1, n, dtype=np.float32)
    return Decisions(
        probabilities=np.stack([p, 1 - p], axis=1),
        flags=np.zeros((n, 2), dtype=np.bool_),
        label=np.array(labels, dtype=np.int32),
        decision=np.array(decisions, dtype=np.int8),
        top=np.zeros(n, dtype=np.int32) if top is None else np.array(top, dtype=np.int32),
    )


def _reference() -> Reference:
    decided = _decisions([0, 1, 0, -1], [ACCEPTED, AMBIGUOUS, ACCEPTED, NO_CLASS_PASSES], top=[0, 0, 1, 1])
    return build_reference(decided, np.array([0, 1, 0, 0]), ("a", "b"))


def test_counts_and_confusion_of_four_items():
    """Items count with their most probable class, not their label; the last column is no class."""
    reference = _reference()
    assert reference.categories == ("a", "b", "no_class_passes")
    assert reference.classes == ("a", "b")
    assert reference.counts.tolist() == [2, 1, 1]
    assert reference.confusion.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert reference.priors.tolist() == [0.75, 0.25]


def test_what_is_usual_of_a_class_is_never_nothing():
    """Half an item is added to each class: one that had none may still come."""
    decided = _decisions([0, 0, 0], [ACCEPTED] * 3, top=[0, 0, 0])
    assert build_reference(decided, np.array([0, 0, 0]), ("a", "b")).usual.tolist() == [0.875, 0.125]


def test_an_item_the_policy_abstained_from_counts_for_its_most_probable_class():
    """It is traffic of that class, whoever decides it; only what no class passes is a category of its own."""
    decided = _decisions([0, -1, -1], [ABSTAINED, ABSTAINED, NO_CLASS_PASSES], top=[0, 1, 1])
    assert build_reference(decided, np.array([0, 1, 1]), ("a", "b")).counts.tolist() == [1, 1, 1]


def test_an_item_of_several_classes_counts_once_and_in_the_row_of_each():
    """One of none counts among the items and in no row; priors are shares of items."""
    decided = _decisions([0, 1, -1, 0], [ACCEPTED, ACCEPTED, NO_CLASS_PASSES, ABSTAINED], top=[0, 1, 1, 0])
    matrix = np.array([[True, True], [False, True], [False, False], [True, False]])
    reference = build_reference(decided, matrix, ("a", "b"))
    assert reference.multilabel
    assert reference.counts.tolist() == [2, 1, 1]
    assert reference.confusion.tolist() == [[2, 0, 0], [1, 1, 0]]
    assert reference.priors.tolist() == [0.5, 0.5]
    content = canonical_json(reference.to_json())
    assert canonical_json(Reference.from_json(json.loads(content)).to_json()) == content


def test_one_label_that_an_item_has_or_not_is_enough():
    """Its priors are one share, and its categories two."""
    p = np.array([[0.9], [0.2]], dtype=np.float32)
    none = np.zeros(2, dtype=np.int32)
    decided = Decisions(p, p > 0.5, none, np.array([ACCEPTED, NO_CLASS_PASSES], dtype=np.int8), none)
    reference = build_reference(decided, np.array([[True], [True]]), ("a",))
    assert (reference.counts.tolist(), reference.confusion.tolist()) == ([1, 1], [[1, 1]])
    assert reference.priors.tolist() == [1.0]


@pytest.mark.parametrize("lacking", [("multilabel", "inputs"), ("inputs",)], ids=["format 1", "format 2"])
def test_a_file_of_an_earlier_format_is_read_as_it_was_meant(lacking: tuple[str, ...]):
    """In format 1 every item had one label; until format 3 nothing was said of inputs."""
    old = {key: value for key, value in _reference().to_json().items() if key not in lacking}
    read = Reference.from_json(old)
    assert (read.multilabel, read.inputs) == (False, {})


def test_cuts_of_inputs_come_back_as_they_were():
    """Equal bits on both sides of the file, so that cells do not move."""
    inputs = {"length": (3.0, 40.0), "feature:amount": (-0.1, 1 / 3), "feature:age": ()}
    written = dataclasses.replace(_reference(), inputs=inputs)
    assert Reference.from_json(json.loads(canonical_json(written.to_json()))).inputs == inputs


@pytest.mark.parametrize("cuts", [(1.0, 1.0), (2.0, 1.0), (float("nan"),), (1.0, float("inf"))], ids=repr)
def test_cuts_that_are_not_ascending_numbers_are_refused(cuts: tuple[float, ...]):
    """Cells between them would not be cells."""
    with pytest.raises(ValueError, match="reference inputs 'length': expected ascending numbers"):
        dataclasses.replace(_reference(), inputs={"length": cuts})


def test_score_cuts_are_equal_mass():
    """The cuts leave one item in twenty of the top probability in each bin."""
    n = 2_000
    p = np.random.default_rng(0).uniform(0.5, 1, n).astype(np.float32)
    decided = Decisions(
        probabilities=np.stack([p, 1 - p], axis=1),
        flags=np.zeros((n, 2), dtype=np.bool_),
        label=np.zeros(n, dtype=np.int32),
        decision=np.zeros(n, dtype=np.int8),
        top=np.zeros(n, dtype=np.int32),
    )
    reference = build_reference(decided, np.zeros(n, dtype=np.int64), ("a", "b"))
    assert len(reference.score_cuts) == SCORE_BINS - 1
    in_bin = np.bincount(np.digitize(p, reference.score_cuts), minlength=SCORE_BINS)
    assert abs(in_bin - n / SCORE_BINS).max() <= 1


def test_json_round_trip():
    """Reading reference.json gives the same arrays and the same bytes."""
    content = canonical_json(_reference().to_json())
    again = Reference.from_json(json.loads(content))
    assert canonical_json(again.to_json()) == content
    assert again.counts.dtype == again.confusion.dtype == np.int64
    assert again.score_cuts.dtype == np.float32


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"categories": ["a", "b", "other"]}, "categories"),
        ({"counts": [2, 1]}, "counts"),
        ({"counts": [2, 1, 2]}, "sum"),
        ({"counts": [2.5, 1, 1]}, "whole numbers"),
        ({"confusion": [[1, 0], [1, 1]]}, "confusion"),
        ({"priors": [0.5, 0.6]}, "priors"),
        ({"score_cuts": [0.9, 0.1]}, "score_cuts"),
        ({"multilabel": "yes"}, "multilabel"),
        ({"multilabel": True, "confusion": [[3, 1, 1], [1, 0, 0]]}, "confusion"),
        ({"multilabel": True, "priors": [0.5, 1.6]}, "priors"),
        ({"confusion": [[3, 1, 1], [-1, 0, 0]]}, "negative"),
        ({"more": 1}, "more"),
    ],
)
def test_a_malformed_file_is_refused_by_name(change: dict[str, Any], said: str):
    """The error says which key does not fit."""
    with pytest.raises(ValueError, match=said):
        Reference.from_json({**_reference().to_json(), **change})
