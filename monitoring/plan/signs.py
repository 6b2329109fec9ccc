"""What speaks for each rare class in a text: how many rules match it, or what a model makes of it?"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.data.csvfile import Progress
from model_store.graphs.inputs import Features
from model_store.model import Model
from model_store.policy import Decisions
from monitoring.waves.facts import ModelFacts

Scores: TypeAlias = npt.NDArray[np.float64]  # (n_texts, n_rare), 0 for no sign of the class

_AT_ONCE: Final = 1_000  # texts a model answers between two reports


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a model said of the texts, and what a wave needs to know of it."""

    facts: ModelFacts
    decisions: Decisions


@dataclass(frozen=True, slots=True, eq=False)
class Signs:
    """Scores per text and rare class, texts per rule that match it, and the answers of a model, if any."""

    scores: Scores
    matches: Mapping[str, int] = field(default_factory=dict)
    answers: Answers | None = None


Scorer: TypeAlias = Callable[[Sequence[str], Progress], Signs]


def silent(_stage: str, _done: int, _total: int) -> None:
    """Report nothing."""


def scorer_of(model: Model, facts: ModelFacts, rare: Sequence[str]) -> Scorer:
    """Return what scores texts by calibrated probabilities of rare classes; `facts` are of the model."""
    columns = [model.classes.index(name) for name in rare]
    read = str if model.input_kind == "text" else partial(_features, [each.name for each in model.columns])

    def score(texts: Sequence[str], progress: Progress) -> Signs:
        parts = []
        for at in range(0, len(texts), _AT_ONCE):
            parts.append(model.decide([read(text) for text in texts[at : at + _AT_ONCE]]))
            progress("model", min(at + _AT_ONCE, len(texts)), len(texts))
        names = ("probabilities", "flags", "label", "decision", "top")
        found = Decisions(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
        scores = np.asarray(found.probabilities[:, columns], np.float64)
        return Signs(scores, answers=Answers(facts, found))

    return score


def _features(names: Sequence[str], content: str) -> Features:
    """Return the row of a table that `content_of` wrote, its missing values too."""
    present: Features = json.loads(content)
    return {name: present.get(name) for name in names}
