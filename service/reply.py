"""What does a client read of what was decided?

With one label an item the reply names it. Where an item may have any number of labels the reply lists them,
and none is an answer like another, unless the bundle wants at least one.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import msgspec
import numpy as np

from model_store.policy import DECISIONS, NO_CLASS, Decisions
from service.schema import Flag, Item, LabelsPrediction, LabelsReply, Prediction, PredictReply, Review, Top
from service.swap import Current

_REVIEWS: Final[Mapping[str, Review | None]] = {
    "accepted": None,
    "ambiguous": "ambiguous",
    "no_class_passes": "no_class_passes",
    "abstained": "abstained",
}
_REVIEW_OF: Final = tuple(_REVIEWS[name] for name in DECISIONS)
_NONE_IS_AN_ANSWER: Final = tuple(None if name == NO_CLASS else _REVIEWS[name] for name in DECISIONS)

_P = TypeVar("_P", Prediction, LabelsPrediction)


def reply(
    current: Current, items: Sequence[Item], decisions: Decisions, *, with_probabilities: bool
) -> PredictReply | LabelsReply:
    """Return what the client reads; probabilities are rounded to six decimals."""
    classes, claims = current.classes, current.claims
    # One element of an array at a time: for the few that are needed, indexing with arrays costs more.
    probability = decisions.probabilities.item
    flags: list[list[Flag]] = [[] for _ in items]
    rows, columns = decisions.flags.nonzero()
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        flags[row].append(Flag(classes[column], round(probability(row, column), 6), claims[column]))
    labels, tops, kinds = decisions.label.tolist(), decisions.top.tolist(), decisions.decision.tolist()
    if current.multilabel:
        reviews = _REVIEW_OF if current.require_one else _NONE_IS_AN_ANSWER
        several = [
            LabelsPrediction(
                item.id,
                [flag.class_name for flag in flags[row]],
                Top(classes[tops[row]], round(probability(row, tops[row]), 6)),
                flags[row],
                reviews[kinds[row]],
            )
            for row, item in enumerate(items)
        ]
        return LabelsReply(
            current.name, _with_vectors(several, classes, decisions) if with_probabilities else several
        )
    predictions = [
        Prediction(
            item.id,
            classes[labels[row]] if labels[row] >= 0 else None,
            Top(classes[tops[row]], round(probability(row, tops[row]), 6)),
            flags[row],
            _REVIEW_OF[kinds[row]],
        )
        for row, item in enumerate(items)
    ]
    if with_probabilities:
        predictions = _with_vectors(predictions, classes, decisions)
    return PredictReply(current.name, predictions)


def _with_vectors(predictions: Sequence[_P], classes: Sequence[str], decisions: Decisions) -> list[_P]:
    vectors = np.round(decisions.probabilities.astype(np.float64), 6).tolist()
    return [
        msgspec.structs.replace(each, probabilities=dict(zip(classes, vector, strict=True)))
        for each, vector in zip(predictions, vectors, strict=True)
    ]
