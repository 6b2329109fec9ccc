"""Scoring: what does a graph say about many rows, in pieces that memory holds and progress can follow?"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from model_store.calibrating.calibration import LogProbabilities
from model_store.data import features
from model_store.data.rows import Progress, Rows
from model_store.graphs.classifier import Classifier
from model_store.graphs.inputs import Input

_BLOCK: Final = 1_024


def inputs_of(classifier: Classifier, rows: Rows) -> Sequence[Input]:
    """Return what `classifier` takes for each row: its text or its features.

    Raises
    ------
    RowsError
        For rows that are not items of the model, by row number.
    """
    return features.inputs_of(rows, getattr(classifier.front_end, "columns", ()))


def score(classifier: Classifier, inputs: Sequence[Any], report: Progress) -> LogProbabilities:
    """Return log-probabilities before calibration, float32 (n_items, n_classes), reporting "score"."""
    raw = np.empty((len(inputs), classifier.n_classes), dtype=np.float32)
    for start in range(0, len(inputs), _BLOCK):
        report("score", start, len(inputs))
        raw[start : start + _BLOCK] = classifier.log_probabilities(inputs[start : start + _BLOCK])
    report("score", len(inputs), len(inputs))
    return raw
