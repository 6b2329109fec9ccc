"""Thresholds: at which probability is a class flagged, and what is claimed about it?

Every class has a status: `certified` (the guarantee is exact), `empirical` (it held on the rows, without a
proof), `infeasible` (no threshold reached what was asked; the frontier says what can be had) or
`insufficient_data` (too few positives to claim anything). `model_store.promises.targets` says what can be
asked, `model_store.promises.guarantees` how the thresholds are found.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, TypeAlias, get_args

from model_store.promises.targets import (
    DEFAULT_DELTA,
    DEFAULT_RECALL,
    EVEN_ODDS,
    Target,
    check_delta,
    check_targets,
    n_min,
    parse_target,
)

__all__ = [
    "DEFAULT_DELTA",
    "DEFAULT_RECALL",
    "EVEN_ODDS",
    "STATUSES",
    "ClassThreshold",
    "FrontierPoint",
    "Goal",
    "Interval",
    "Status",
    "Target",
    "check_delta",
    "check_targets",
    "n_min",
    "parse_target",
]

Status: TypeAlias = Literal["certified", "empirical", "infeasible", "insufficient_data"]
Goal: TypeAlias = Literal["best_precision_at_recall", "best_recall_at_precision", "highest_precision"]

STATUSES: Final[tuple[Status, ...]] = get_args(Status)  # from the strongest to the weakest


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate on the threshold rows (None when nothing was there to count) and its bounds.

    A `lower` of 0 and an `upper` of 1 claim nothing.
    """

    estimate: float | None
    lower: float
    upper: float = 1.0


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """What one threshold of an infeasible target would give; bounds are pointwise, not simultaneous."""

    goal: Goal
    threshold: float
    recall: Interval
    precision: Interval


@dataclass(frozen=True, slots=True)
class ClassThreshold:
    """The operating threshold of one class and what is known of it.

    The claim is what the target asks for, and `certified` is about nothing else. Any other bound is
    pointwise: good for a threshold that was fixed in advance, and this one was chosen on the same rows.

    Parameters
    ----------
    threshold : float
        A float32 value; the class is flagged when its calibrated probability is at least this.
    recall, precision : Interval
        Of flags. With `review_from` the recall is that of items flagged or left to people.
    n_positive : mapping of str to int
        Positives per split; `threshold` is the one the status rests on.
    frontier : tuple of FrontierPoint, optional
        Only when `infeasible`.
    n_needed : int, optional
        Only when `insufficient_data`: how many further positives among the threshold rows a claim takes.
    review_from : float, optional
        A float32 value below `threshold`: from it up to `threshold` an item is left to people.
    review_share : Interval, optional
        Only with `review_from`: share of items left to people, with its two-sided bounds.
    delta : float
        How often the claim of this class may fail; a recall and a precision claimed together share it.
    n_groups : int, optional
        In how many groups (near-duplicates, a thread, a user) the positives among the threshold rows lie;
        None where each is on its own or nobody said.
    """

    class_name: str
    threshold: float
    status: Status
    target: Target
    n_positive: Mapping[str, int]
    recall: Interval
    precision: Interval
    frontier: tuple[FrontierPoint, ...] | None = None
    n_needed: int | None = None
    review_from: float | None = None
    review_share: Interval | None = None
    delta: float = DEFAULT_DELTA
    n_groups: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the entry of this class in policy.json."""
        entry = {
            "class": self.class_name,
            "threshold": self.threshold,
            "status": self.status,
            "target": _target_json(self.target),
            "n_positive": dict(self.n_positive),
            "recall": _interval_json(self.recall),
            "precision": _interval_json(self.precision),
            "frontier": None if self.frontier is None else [_point_json(point) for point in self.frontier],
            "n_needed": self.n_needed,
            "review_from": self.review_from,
            "review_share": None if self.review_share is None else _interval_json(self.review_share),
            "delta": self.delta,
        }
        return entry if self.n_groups is None else {**entry, "n_groups": self.n_groups}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], *, delta: float = DEFAULT_DELTA) -> Self:
        """Read an entry of policy.json; a ValueError, KeyError, TypeError or TargetError says what is wrong.

        Entries of format 1 have neither `delta` nor a review: they get `delta`, that of their policy.
        """
        if data["status"] not in STATUSES:
            raise ValueError(f"status {data['status']!r}: expected one of {', '.join(STATUSES)}")
        frontier, share, review_from = data["frontier"], data.get("review_share"), data.get("review_from")
        own_delta = float(data.get("delta", delta))
        check_delta(own_delta)
        return cls(
            class_name=data["class"],
            threshold=float(data["threshold"]),
            status=data["status"],
            target=Target(data["class"], **data["target"]),
            n_positive={str(split): int(n) for split, n in data["n_positive"].items()},
            recall=Interval(**data["recall"]),
            precision=Interval(**data["precision"]),
            frontier=None if frontier is None else tuple(_point(point) for point in frontier),
            n_needed=data["n_needed"],
            review_from=None if review_from is None else float(review_from),
            review_share=None if share is None else Interval(**share),
            delta=own_delta,
            n_groups=None if data.get("n_groups") is None else int(data["n_groups"]),
        )


def _target_json(target: Target) -> dict[str, Any]:
    return {
        "recall": target.recall,
        "precision": target.precision,
        "confidence": target.confidence,
        "priority": target.priority,
        "certify": target.certify,
    }


def _interval_json(interval: Interval) -> dict[str, float | None]:
    lower = {"estimate": interval.estimate, "lower": interval.lower}
    return lower if interval.upper == 1 else {**lower, "upper": interval.upper}


def _point_json(point: FrontierPoint) -> dict[str, Any]:
    return {
        "goal": point.goal,
        "threshold": point.threshold,
        "recall": _interval_json(point.recall),
        "precision": _interval_json(point.precision),
    }


def _point(data: Mapping[str, Any]) -> FrontierPoint:
    if data["goal"] not in get_args(Goal):
        raise ValueError(f"frontier goal {data['goal']!r}: expected one of {', '.join(get_args(Goal))}")
    return FrontierPoint(
        data["goal"], float(data["threshold"]), Interval(**data["recall"]), Interval(**data["precision"])
    )
