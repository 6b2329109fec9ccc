"""Tests of `model_store.reference`."""

import json
from typing import Any

import numpy as np
import pytest

from model_store.canonical import canonical_json
from model_store.policy import ACCEPTED, AMBIGUOUS, NO_CLASS_PASSES, Decisions
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
        ({"more": 1}, "more"),
    ],
)
def test_a_malformed_file_is_refused_by_name(change: dict[str, Any], said: str):
    """The error says which key does not fit."""
    with pytest.raises(ValueError, match=said):
        Reference.from_json({**_reference().to_json(), **change})
