"""Shrinkage: which threshold does a class get that has too few positives to claim anything?"""

import math
from collections.abc import Iterable
from typing import Final

import numpy as np

from model_store.promises.class_rows import ClassRows, logit
from model_store.promises.thresholds import ClassThreshold, Interval

SHRINKAGE_ITEMS: Final = 20  # how many positives of its own a class needs to weigh as much as its siblings


def shrunk(rows: ClassRows, siblings: Iterable[float], strictest: int) -> ClassThreshold:
    """Shrink towards the thresholds of the classes that have enough data, in logits; claim nothing."""
    pool = [logit(threshold) for threshold in siblings]
    # fsum: the same threshold whatever the order of the classes.
    pooled = math.fsum(pool) / len(pool) if pool else None
    threshold = min(float(np.float32(1 / (1 + math.exp(-_mixed(rows, pooled))))), rows.highest)
    return rows.at(
        threshold,
        "insufficient_data",
        recall=Interval(rows.recall_at(threshold).estimate, 0.0),
        precision=Interval(rows.precision_at(threshold).estimate, 0.0),
        n_needed=math.ceil(strictest - rows.n - 1e-9),
    )


def _mixed(rows: ClassRows, pooled: float | None) -> float:
    if rows.n == 0:
        return 0.0 if pooled is None else pooled
    own = logit(rows.own_quantile())
    return own if pooled is None else (rows.n * own + SHRINKAGE_ITEMS * pooled) / (rows.n + SHRINKAGE_ITEMS)
