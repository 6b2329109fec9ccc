"""Recall: from which probability on is a share of a class's items flagged for certain?"""

from dataclasses import dataclass

import numpy as np

from model_store.promises.bounds import lower_bound, order_statistic, served
from model_store.promises.class_rows import ClassRows
from model_store.promises.thresholds import ClassThreshold, Interval


@dataclass(frozen=True, slots=True)
class RecallFloor:
    """The highest threshold that has a recall, and the lower bound of its recall."""

    threshold: float
    lower: float

    def interval(self, rows: ClassRows, threshold: float | None = None) -> Interval:
        """Return the recall at `threshold`, at most this one's, with the bound that holds there too.

        The bound is that of the rank, not of the hits: where scores tie, hits depend on the data chosen with,
        and below the order statistic recall is at least what it is there.
        """
        hits = rows.recall_at(self.threshold if threshold is None else threshold)
        return Interval(hits.estimate, self.lower)


def recall_floor(rows: ClassRows, recall: float, delta: float) -> RecallFloor:
    """Return the recall threshold of at least `n_min` positives: exact with equal weights and no groups.

    With groups ranks count for as much less as the positives are worth. With unequal weights it is the
    highest score whose weighted recall has a lower bound that reaches `recall`, in effective rows. Both are
    estimates.
    """
    if rows.weights is None:
        found = order_statistic(rows.positive_scores, recall, delta, effective=rows.n)
        return RecallFloor(found.served, found.lower)
    scores, weights = rows.positive_scores, rows.positive_weights
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], np.True_))
    n = rows.n
    lower = lower_bound(np.cumsum(weights)[last] * (n / weights.sum()), n, delta)
    reached = np.flatnonzero(lower >= recall)
    best = int(reached[0]) if len(reached) else len(last) - 1
    return RecallFloor(served(scores[last][best]), float(lower[best]))


def recall_only(rows: ClassRows, recall: float) -> ClassThreshold:
    """Return the highest threshold with this recall, or the highest allowed, which has more."""
    floor = recall_floor(rows, recall, rows.delta)
    threshold = min(floor.threshold, rows.highest)
    return rows.at(threshold, rows.proved, recall=floor.interval(rows, threshold))
