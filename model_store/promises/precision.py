"""Precision: from which probability on are flags right often enough, proved or at least measured?"""

import numpy as np

from model_store.promises.class_rows import ClassRows, Curve
from model_store.promises.frontier import frontier, largest_slack
from model_store.promises.sequence import certified_thresholds
from model_store.promises.thresholds import ClassThreshold, Interval


def precision_only(rows: ClassRows, precision: float) -> ClassThreshold:
    """Return the lowest threshold with this precision: the most recall it allows.

    Proved where `certify` asks for it and the rows can. Else the lowest candidate whose pointwise bound
    holds; without one the candidate with the largest slack on the rows; without one the best bound there is.
    """
    if rows.target.certify and rows.proves:
        proved = certified_thresholds(rows, precision, rows.delta)
        if len(proved):
            threshold = float(proved[-1])
            return rows.at(threshold, "certified", precision=tested(rows, threshold, precision))
    curve = rows.curve()
    if len(curve) == 0:
        return rows.at(rows.own_quantile(), "infeasible", frontier=())
    measured = measured_threshold(rows, curve, precision, rows.delta)
    if measured is not None:
        return rows.at(measured, "empirical")
    best = int(np.argmax(curve.precision_bounds(rows.delta)))
    return rows.at(
        float(curve.thresholds[best]), "infeasible", frontier=frontier(rows, curve, None, precision)
    )


def tested(rows: ClassRows, threshold: float, precision: float) -> Interval:
    """Return the precision at a threshold that the sequence certified.

    The bound is what was tested: more was not claimed at this threshold before looking.
    """
    return Interval(rows.precision_at(threshold).estimate, precision)


def measured_threshold(rows: ClassRows, curve: Curve, precision: float, delta: float) -> float | None:
    """Return the lowest candidate whose pointwise bound reaches `precision`, else that of largest slack."""
    reached = np.flatnonzero(curve.precision_bounds(delta) >= precision)
    if len(reached):
        return float(curve.thresholds[reached[-1]])
    return largest_slack(rows, curve, None, precision)
