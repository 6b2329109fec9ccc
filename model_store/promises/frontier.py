"""Frontier: where a target cannot be had, what can?"""

import math

import numpy as np

from model_store.promises.class_rows import ClassRows, Curve
from model_store.promises.thresholds import FrontierPoint, Goal


def frontier(
    rows: ClassRows, curve: Curve, recall: float | None, precision: float
) -> tuple[FrontierPoint, ...]:
    """Return the best precision at `recall`, and the best recall at `precision` or else the best precision.

    Estimates on the threshold rows with pointwise bounds; empty where no candidate flags rows enough.
    """
    if len(curve) == 0:
        return ()
    points = []
    if recall is not None:
        best = int(np.argmax(np.where(curve.recall >= recall, curve.precision, -1.0)))
        points.append(_point(rows, curve, "best_precision_at_recall", best))
    precise = np.flatnonzero(curve.precision >= precision)
    if len(precise):
        points.append(_point(rows, curve, "best_recall_at_precision", int(precise[-1])))
    else:
        points.append(_point(rows, curve, "highest_precision", int(np.argmax(curve.precision))))
    return tuple(points)


def largest_slack(rows: ClassRows, curve: Curve, recall: float | None, precision: float) -> float | None:
    """Return the candidate farthest, in standard errors, from missing either target on these rows.

    None where every candidate misses one.
    """
    if len(curve) == 0:
        return None
    slack = (curve.precision - precision) / np.sqrt(precision * (1 - precision) / curve.trials)
    if recall is not None:
        slack = np.minimum(slack, (curve.recall - recall) / math.sqrt(recall * (1 - recall) / rows.n))
    best = int(np.argmax(slack))
    return float(curve.thresholds[best]) if slack[best] >= 0 else None


def _point(rows: ClassRows, curve: Curve, goal: Goal, i: int) -> FrontierPoint:
    threshold = float(curve.thresholds[i])
    return FrontierPoint(
        goal,
        threshold,
        rows.recall_at(threshold).interval(rows.delta),
        rows.precision_at(threshold).interval(rows.delta),
    )
