"""What keeps a class from being certified, what can be had instead, and what does it leave to people?"""

import math
from typing import Final

from model_store import ClassThreshold
from model_store.promises.thresholds import FrontierPoint, Interval
from monitoring.meaning.wording import number_of

# Of a class's rows, in a fit and where nothing is trained; `model_store.data.splits` is not in a serving
# image.
THRESHOLD_SHARE: Final = 0.2
UNTRAINED_SHARE: Final = 0.5


def shortfall(threshold: ClassThreshold, *, share: float = THRESHOLD_SHARE) -> str | None:
    """Return one line about a class that is not certified or leaves items to people; None for any other.

    Parameters
    ----------
    share : float
        Of a class's rows, what goes into the threshold split.
    """
    match threshold.status:
        case "certified":
            if threshold.review_share is None:
                return None
            why = f"{_asked(threshold)}"
        case "infeasible":
            why = f"{_asked(threshold)} cannot be had; {_frontier(threshold)}"
        case "insufficient_data":
            n = threshold.n_needed or 0
            rows = math.ceil(n / share)
            why = (
                f"at least {number_of(n, 'more positive')} in the threshold split would certify "
                f"{_asked(threshold)}, about {number_of(rows, 'more row')} of this class"
            )
        case "empirical":
            why = f"{_asked(threshold)} was met on the threshold rows; {_unproved(threshold)}"
    return (
        f"{threshold.class_name}: {threshold.status}, {why}{_groups(threshold)}{_left_to_people(threshold)}"
    )


def _unproved(threshold: ClassThreshold) -> str:
    if threshold.target.certify:
        return "the proof that was asked for failed on them: more of them, or a lower target, would do"
    return "an estimate without guarantee"


def _groups(threshold: ClassThreshold) -> str:
    """Return how many positives there are in how many groups, where some share one."""
    if threshold.n_groups is None:
        return ""
    positives = number_of(threshold.n_positive["threshold"], "positive")
    return f"; {positives} in {number_of(threshold.n_groups, 'group')} of alike rows"


def _left_to_people(threshold: ClassThreshold) -> str:
    """Return how many items lie between the two thresholds of a class that abstains."""
    share = threshold.review_share
    if share is None or share.estimate is None:
        return ""
    most = "" if share.upper is None else f" ({share.lower:.1%}-{share.upper:.1%})"
    return f"; {share.estimate:.1%}{most} of items go to people"


def _asked(threshold: ClassThreshold) -> str:
    target = threshold.target
    wanted = (("recall", target.recall), ("precision", target.precision))
    return " with ".join(f"{what} {value:g}" for what, value in wanted if value is not None)


def _frontier(threshold: ClassThreshold) -> str:
    points = threshold.frontier or ()
    if not points:
        return "too few rows are flagged at any threshold to say what can"
    return "; ".join(_point(point) for point in points)


def _point(point: FrontierPoint) -> str:
    match point.goal:
        case "best_precision_at_recall":
            return f"at that recall the best precision is {_figure(point.precision)}"
        case "best_recall_at_precision":
            return f"at that precision the best recall is {_figure(point.recall)}"
        case "highest_precision":
            return f"the highest precision is {_figure(point.precision)}, at recall {_figure(point.recall)}"


def _figure(interval: Interval) -> str:
    if interval.estimate is None:
        return "unknown"
    return f"{interval.estimate:.3f} (>= {interval.lower:.3f})"
