"""Metrics: what does a count or a score say about a classifier, and how far is it to be trusted?"""

from typing import Any

import numpy as np
import numpy.typing as npt

from model_store.calibration import Labels


def macro_f1(labels: Labels, predicted: Labels, *, n_classes: int) -> float:
    """Return the unweighted mean of the F1 of all classes; a `predicted` of -1 is no class.

    Examples
    --------
    >>> round(macro_f1(np.array([0, 0, 1]), np.array([0, 1, -1]), n_classes=2), 3)
    0.333
    """
    true = np.bincount(labels, minlength=n_classes)
    called = np.bincount(predicted[predicted >= 0], minlength=n_classes)
    right = np.bincount(labels[labels == predicted], minlength=n_classes)
    return float(np.mean(2 * right / np.maximum(true + called, 1)))


def average_precision(scores: npt.NDArray[np.floating[Any]], positive: npt.NDArray[np.bool_]) -> float:
    """Return the area under the precision-recall curve as a step function; NaN without positives.

    Tied scores are one step.

    Examples
    --------
    >>> round(average_precision(np.array([0.9, 0.8, 0.7]), np.array([True, False, True])), 3)
    0.833
    """
    if not positive.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(positive[order], dtype=np.int64)
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, np.True_))
    gained = np.diff(hits[last], prepend=0) / hits[-1]
    return float((gained * hits[last] / (last + 1)).sum())
