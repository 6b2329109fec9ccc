"""Pair: which threshold has a recall and a precision, and what is done where none has both?

Recall first at delta/2, then one binomial test of precision at delta/2 at that one threshold. Where rows do
not prove both, a threshold that has both on the rows is `empirical`. Where there is none, the target's
priority decides what is kept: the recall, the precision, or both with items in between left to people.
"""

import numpy as np

from model_store.promises.bounds import group_totals, independence, lower_bound
from model_store.promises.class_rows import INDEPENDENT, MIN_FLAGGED, ClassRows
from model_store.promises.frontier import frontier, largest_slack
from model_store.promises.precision import measured_threshold, precision_only, tested
from model_store.promises.recall import RecallFloor, recall_floor, recall_only
from model_store.promises.sequence import certified_thresholds
from model_store.promises.thresholds import ClassThreshold, Interval, Status


def recall_and_precision(rows: ClassRows, recall: float, precision: float) -> ClassThreshold:
    """Return one threshold for both, or what the priority makes of it."""
    floor = recall_floor(rows, recall, rows.delta / 2)
    if rows.target.priority == "abstain":
        return _abstain(rows, recall, precision, floor)
    found = _proved(rows, recall, precision, floor) or _measured(rows, precision, floor)
    if found is not None:
        return found
    curve = rows.curve()
    fallback = largest_slack(rows, curve, recall, precision)
    if fallback is not None:
        return rows.at(fallback, "empirical")
    kept = (
        precision_only(rows, precision)
        if rows.target.priority == "precision_first"
        else recall_only(rows, recall)
    )
    return rows.at(
        kept.threshold,
        "infeasible",
        recall=kept.recall,
        precision=kept.precision,
        frontier=frontier(rows, curve, recall, precision),
    )


def _proved(rows: ClassRows, recall: float, precision: float, floor: RecallFloor) -> ClassThreshold | None:
    """Test the precision at the recall's threshold, once.

    Exact although the threshold was chosen on the same rows: it depends on the positives' scores only, so
    given the number of positives n and the threshold, the false alarms x are binomial. Where recall >= r
    holds, precision >= p follows from n / (n + x) estimating a proportion of at least p / (p + r (1 - p)),
    and that is one Clopper-Pearson test of n successes in n + x trials at a hypothesis fixed in advance.
    Where positives or false alarms come in groups, both counts are scaled to what they are worth there, and
    unless they are practically independent nothing is proved.
    """
    if rows.weights is not None:
        return None
    hits = rows.precision_at(floor.threshold)
    n, x, worth = _positives_and_false_alarms(
        rows, floor.threshold, precision / (precision + recall * (1 - precision))
    )
    q = float(lower_bound(n * worth, (n + x) * worth, rows.delta / 2))
    lower = recall * q / (recall * q + 1 - q)
    if lower < precision:
        return None
    return rows.at(
        floor.threshold,
        rows.proved if worth >= INDEPENDENT else "empirical",
        recall=floor.interval(rows),
        precision=Interval(hits.estimate, lower),
    )


def _positives_and_false_alarms(rows: ClassRows, threshold: float, ratio: float) -> tuple[int, int, float]:
    """Return how many there are, and their `independence` where the positives' share is `ratio`."""
    squares, counts = [], []
    for which in (rows.positive, rows.flagged(threshold) & ~rows.positive):
        counts.append(int(which.sum()))
        groups = None if rows.groups is None else rows.groups[which]
        squares.append(float((group_totals(np.ones(counts[-1]), groups) ** 2).sum()))
    n, x = counts
    return n, x, float(independence(n, squares[0], x, squares[1], ratio))


def _measured(rows: ClassRows, precision: float, floor: RecallFloor) -> ClassThreshold | None:
    """Read the pointwise bound of the precision at the recall's threshold."""
    hits = rows.precision_at(floor.threshold)
    if hits.trials < MIN_FLAGGED - 1e-9 or hits.lower(rows.delta / 2) < precision:
        return None
    return rows.at(floor.threshold, "empirical", recall=floor.interval(rows))


def _abstain(rows: ClassRows, recall: float, precision: float, floor: RecallFloor) -> ClassThreshold:
    """Keep the precision above one threshold and the recall above a lower one; people see what is between.

    The recall is proved at delta/2 as always. The precision gets the other half in one way only, settled by
    the target and not by the rows: with `certify` the sequence of thresholds, else the test at the recall's
    threshold. A status is that of the weaker half: `certified` when both are proved, `empirical` when the
    precision was only measured, `infeasible` when no threshold has it; then all from the recall's threshold
    on, short of probability 1, are left to people.
    """
    if rows.target.certify and rows.proves:
        proved = certified_thresholds(rows, precision, rows.delta / 2)
        if len(proved):
            low_enough = proved[proved <= floor.threshold]
            high = float(low_enough[0] if len(low_enough) else proved[-1])
            return _two(rows, floor, high, rows.proved, precision=tested(rows, high, precision))
    else:
        alone = _proved(rows, recall, precision, floor)
        if alone is not None:
            return alone
    alone = _measured(rows, precision, floor)
    if alone is not None:
        return alone
    curve = rows.curve()
    measured = measured_threshold(rows, curve, precision, rows.delta / 2) if len(curve) else None
    if measured is not None:
        return _two(rows, floor, measured, "empirical")
    return _two(rows, floor, 1.0, "infeasible", frontier=frontier(rows, curve, recall, precision))


def _two(rows: ClassRows, floor: RecallFloor, high: float, status: Status, **known: object) -> ClassThreshold:
    """Return two thresholds; one where the precision holds as low as the recall asks for."""
    if high <= floor.threshold:
        return rows.at(high, status, recall=floor.interval(rows, high), **known)
    return rows.at(
        high,
        status,
        recall=floor.interval(rows),
        review_from=floor.threshold,
        review_share=rows.between(floor.threshold, high).two_sided(rows.delta),
        **known,
    )
