"""Thresholds: what was asked of each class, at which probability is it flagged, and what is claimed?

Every class has a status: `certified` (the guarantee is exact), `empirical` (it held on the rows, without a
proof), `infeasible` (no threshold reached what was asked; the frontier says what can be had) or
`insufficient_data` (too few positives to claim anything). `model_store.guarantees` says how they are found.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, TypeAlias, get_args

from model_store.errors import TargetError

Status: TypeAlias = Literal["certified", "empirical", "infeasible", "insufficient_data"]
Goal: TypeAlias = Literal["best_precision_at_recall", "best_recall_at_precision", "highest_precision"]

DEFAULT_RECALL: Final = 0.8
# A class that is more likely than all others together passes unless its owner asked for something else.
EVEN_ODDS: Final = 0.5
DEFAULT_DELTA: Final = 0.1


@dataclass(frozen=True, slots=True)
class Target:
    """What the owner of a model asks of one class; at least one of the two is set."""

    class_name: str
    recall: float | None = None
    precision: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no threshold can be fitted to."""
        if self.recall is None and self.precision is None:
            raise TargetError(f"target for {self.class_name!r}: expected recall=, precision= or both")
        for what, value in (("recall", self.recall), ("precision", self.precision)):
            if value is not None:
                _check_ratio(self.class_name, what, value)

    def __str__(self) -> str:
        asked = [
            f"{w}={v:g}" for w, v in (("recall", self.recall), ("precision", self.precision)) if v is not None
        ]
        return f"{self.class_name}:{','.join(asked)}"


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate on the threshold rows (None when nothing was there to count) and its lower bound.

    A `lower` of 0 claims nothing.
    """

    estimate: float | None
    lower: float


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

    Parameters
    ----------
    threshold : float
        A float32 value; the class is flagged when its calibrated probability is at least this.
    n_positive : mapping of str to int
        Positives per split; `threshold` is the one the status rests on.
    frontier : tuple of FrontierPoint, optional
        Only when `infeasible`.
    n_needed : int, optional
        Only when `insufficient_data`: how many further positives among the threshold rows a claim takes.
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

    def to_json(self) -> dict[str, Any]:
        """Return the entry of this class in policy.json."""
        return {
            "class": self.class_name,
            "threshold": self.threshold,
            "status": self.status,
            "target": {"recall": self.target.recall, "precision": self.target.precision},
            "n_positive": dict(self.n_positive),
            "recall": _interval_json(self.recall),
            "precision": _interval_json(self.precision),
            "frontier": None if self.frontier is None else [_point_json(point) for point in self.frontier],
            "n_needed": self.n_needed,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read an entry of policy.json; a ValueError, KeyError or TypeError says what is malformed."""
        if data["status"] not in get_args(Status):
            raise ValueError(f"status {data['status']!r}: expected one of {', '.join(get_args(Status))}")
        frontier = data["frontier"]
        return cls(
            class_name=data["class"],
            threshold=float(data["threshold"]),
            status=data["status"],
            target=Target(data["class"], data["target"]["recall"], data["target"]["precision"]),
            n_positive={str(split): int(n) for split, n in data["n_positive"].items()},
            recall=Interval(**data["recall"]),
            precision=Interval(**data["precision"]),
            frontier=None if frontier is None else tuple(_point(point) for point in frontier),
            n_needed=data["n_needed"],
        )


def parse_target(text: str) -> Target:
    """Read `CLASS:recall=R`, `CLASS:precision=P` or `CLASS:recall=R,precision=P`.

    Raises
    ------
    TargetError
        In one line: what was read and what is expected.

    Examples
    --------
    >>> parse_target("hate:recall=0.85,precision=0.6")
    Target(class_name='hate', recall=0.85, precision=0.6)
    """
    class_name, colon, asked = text.rpartition(":")
    values: dict[str, float] = {}
    for part in asked.split(","):
        what, equals, number = (piece.strip() for piece in part.partition("="))
        if (
            not colon
            or not class_name.strip()
            or not equals
            or what not in ("recall", "precision")
            or what in values
        ):
            raise TargetError(
                f"target {text!r}: expected CLASS:recall=R, CLASS:precision=P or both with a comma"
            )
        try:
            values[what] = float(number)
        except ValueError:
            raise TargetError(
                f"target {text!r}: {what} {number!r} is not a number; write it as 0.85"
            ) from None
    return Target(class_name.strip(), values.get("recall"), values.get("precision"))


def n_min(ratio: float, delta: float) -> int:
    """Return how many successes without one miss it takes to claim `ratio` with confidence 1 - delta.

    Examples
    --------
    >>> n_min(0.85, 0.1)
    15
    """
    # .5 ** 2 is .25 in exact arithmetic: rounding of the logarithms must not ask for a third.
    return max(math.ceil(math.log(delta) / math.log(ratio) - 1e-9), 1)


def check_delta(delta: float) -> None:
    """Refuse a confidence 1 - delta below one half."""
    if not 0 < delta <= 0.5:
        raise TargetError(f"delta {delta!r}: expected a probability in (0, 0.5]")


def check_targets(targets: Sequence[Target], classes: Sequence[str]) -> dict[str, Target]:
    """Return the target of every class, defaults filled in; a TargetError names what does not fit."""
    asked = {name: Target(name, recall=DEFAULT_RECALL) for name in classes}
    seen: set[str] = set()
    for target in targets:
        if target.class_name not in asked:
            raise TargetError(f"target for unknown class {target.class_name!r}; {_listing(classes)}")
        if target.class_name in seen:
            raise TargetError(
                f"class {target.class_name!r} has two targets; give one, recall and precision together"
            )
        seen.add(target.class_name)
        asked[target.class_name] = target
    return asked


def _check_ratio(class_name: str, what: str, value: float) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or math.isnan(value):
        raise TargetError(f"target for {class_name!r}: {what} {value!r} is not a number; write it as 0.85")
    if value == 1:
        raise TargetError(
            f"target for {class_name!r}: {what} 1 cannot be shown by any number of rows; "
            f"ask for less, as 0.99, which takes {n_min(0.99, DEFAULT_DELTA)} positives without a miss"
        )
    if not 0 < value < 1:
        raise TargetError(f"target for {class_name!r}: {what} {value:g} is not between 0 and 1")


def _listing(classes: Sequence[str], *, most: int = 20) -> str:
    shown = ", ".join(classes[:most])
    more = f" and {len(classes) - most} more" if len(classes) > most else ""
    return f"the classes are {shown}{more}"


def _interval_json(interval: Interval) -> dict[str, float | None]:
    return {"estimate": interval.estimate, "lower": interval.lower}


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
