"""Tests of `model_store.promises.claims`."""

import json
from dataclasses import replace

import numpy as np
import pytest

from model_store.costs import Costs
from model_store.errors import TargetError
from model_store.promises.claims import Claims
from model_store.promises.thresholds import Target

CLASSES = ("ham", "spam", "urgent")
COSTS = Costs(CLASSES, np.ones((3, 3)) - np.eye(3), review=0.2)
EVERYTHING = Claims(
    targets=(Target("spam", recall=0.8, precision=0.6, confidence=0.95, priority="abstain", certify=True),),
    delta=0.05,
    joint=True,
    priority=("urgent", "spam"),
)


@pytest.mark.parametrize(
    "claims",
    [Claims(), EVERYTHING, Claims(require_one=True), replace(Claims(), costs=COSTS)],
    ids=["nothing", "much", "multi-label", "costs"],
)
def test_what_was_asked_can_be_asked_again(claims: Claims):
    """Written into a manifest and read back it asks the same."""
    again = Claims.from_json(json.loads(json.dumps(claims.to_json())), CLASSES)
    assert again.to_json() == claims.to_json()
    assert again.targets == claims.targets
    assert again.rule == claims.rule


def test_the_rule_follows_from_what_is_asked():
    """Costs decide by cost, a priority by order, and otherwise the ratio to the threshold does."""
    assert Claims().rule == "ratio"
    assert Claims(costs=COSTS).rule == "costs"
    assert Claims(priority=("spam",)).rule == "priority"


@pytest.mark.parametrize(
    ("claims", "task", "message"),
    [
        (Claims((Target("eggs", recall=0.8),)), "multiclass", "unknown class 'eggs'"),
        (Claims(delta=0.7), "multiclass", "delta 0.7"),
        (Claims(priority=("eggs",)), "multiclass", "priority names unknown class 'eggs'"),
        (Claims(priority=("ham", "ham")), "multiclass", "priority names a class twice"),
        (Claims(priority=("ham",), costs=COSTS), "multiclass", "give one of them"),
        (Claims(priority=("ham",)), "multilabel", "this model gives several"),
        (Claims(costs=COSTS), "multilabel", "this model gives several"),
        (Claims(require_one=True), "multiclass", "require-one is for multi-label"),
    ],
)
def test_what_cannot_be_asked_is_named(claims: Claims, task: str, message: str):
    """Each contradiction is one line, before anything is trained."""
    with pytest.raises(TargetError, match=message):
        claims.check(CLASSES, task=task)  # type: ignore[arg-type]


def test_what_is_asked_anew_is_told():
    """Class by class and for all, with what was asked before; the same says nothing."""
    assert EVERYTHING.differences(EVERYTHING) == ()
    asked = replace(EVERYTHING, targets=(Target("ham", recall=0.9),), joint=False, priority=())
    assert asked.differences(EVERYTHING) == (
        "ham:recall=0.9 (before: nothing)",
        f"nothing of spam (before: {EVERYTHING.targets[0]})",
        "joint False (before: True)",
        "priority none",
    )
    assert replace(Claims(), costs=COSTS).differences(Claims()) == ("costs",)
