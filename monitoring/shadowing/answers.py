"""Which classes did a version answer an item with? Of the live one it is known, the proposed one is asked."""

import json
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from model_store.model import Model
from model_store.policy import NO_CLASS_PASSES, Decisions
from monitoring.store.shadows import Drawn
from monitoring.waves.facts import ModelFacts

# Names in the order of the alphabet; none where no class passes.
Answer: TypeAlias = tuple[str, ...]


def live_answer(drawn: Drawn, facts: ModelFacts) -> Answer:
    """Return what the live version answered to an item that was drawn."""
    if facts.task == "multilabel":
        passed = drawn.probabilities >= np.array(facts.thresholds, np.float32)
        return _names(facts.classes, np.flatnonzero(passed).tolist())
    if drawn.decision == NO_CLASS_PASSES or drawn.label < 0:
        return ()
    return (facts.classes[drawn.label],)


def answers_of(model: Model, contents: Sequence[str]) -> list[Answer]:
    """Return what a version answers to items, given as `model_store.data.contents.content_of` makes them.

    Raises
    ------
    FeatureInvalid
        It takes other columns than the live version.
    """
    items = contents if model.input_kind == "text" else [json.loads(each) for each in contents]
    decided = model.decide(items)
    if model.bundle.policy.task == "multilabel":
        return [_names(model.classes, np.flatnonzero(row).tolist()) for row in decided.flags]
    return [_single(decided, row, model.classes) for row in range(len(decided))]


def _single(decided: Decisions, row: int, classes: tuple[str, ...]) -> Answer:
    label = int(decided.label[row])
    return () if decided.decision[row] == NO_CLASS_PASSES or label < 0 else (classes[label],)


def _names(classes: Sequence[str], columns: Sequence[int]) -> Answer:
    return tuple(sorted(classes[k] for k in columns))
