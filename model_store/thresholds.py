"""Thresholds: from which probability on may a class be called, and what is then promised about it?

A threshold found by sweeping a validation set misses its target on the population in about half of all
runs. These do not, because what is claimed is a bound with confidence 1 - delta:

- **recall >= r** is an order statistic of the positives' scores, exact for every distribution, ties too;
- **precision >= p** alone is a Clopper-Pearson bound read at many candidates, so only `empirical`;
- **both** take recall at delta/2, then one binomial test at delta/2 at that one threshold (see `_both`).

Every class gets a status: `certified` (the guarantee is exact), `empirical` (it held on the rows, without a
proof), `infeasible` (no threshold reached both; the frontier says what can be had) or `insufficient_data`
(too few positives to claim anything). Scores and thresholds are float32, the type serving compares in.

Source: Clopper and Pearson 1934; the order statistic is the one-sided tolerance limit of Wilks 1941.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from model_store.calibration import Float32s, Float64s, Labels, Probabilities
from model_store.errors import TargetError

Status: TypeAlias = Literal["certified", "empirical", "infeasible", "insufficient_data"]
Goal: TypeAlias = Literal["best_precision_at_recall", "best_recall_at_precision", "highest_precision"]
Flags: TypeAlias = npt.NDArray[np.bool_]

DEFAULT_RECALL: Final = 0.8
DEFAULT_DELTA: Final = 0.1
MIN_FLAGGED: Final = 10
SHRINKAGE_ITEMS: Final = 20  # how many positives of its own a class needs to weigh as much as its siblings


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


@dataclass(frozen=True, slots=True)
class RecallThreshold:
    """The highest threshold that certifies a recall: the `rank`-th largest of `n` positive scores."""

    threshold: np.float32
    rank: int
    n: int
    lower: float


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
    return math.ceil(math.log(delta) / math.log(ratio))


def lower_bound(successes: npt.ArrayLike, trials: npt.ArrayLike, delta: float) -> Float64s:
    """Return the one-sided Clopper-Pearson lower bound(s) of a proportion at confidence 1 - delta."""
    from scipy.special import betaincinv  # noqa: PLC0415 - fitting only; it costs a serving worker 24 MB

    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    bound = betaincinv(np.maximum(k, 1), np.maximum(n - k, 0) + 1, delta)
    return np.where(k > 0, bound, 0.0)


def recall_threshold(positive_scores: Float32s, recall: float, *, delta: float) -> RecallThreshold | None:
    """Return the highest threshold that has at least this recall with confidence 1 - delta.

    The population recall at the j-th largest of n positive scores follows Beta(j, n - j + 1) when scores are
    continuous and is stochastically larger when they tie. j is the least rank whose Clopper-Pearson lower
    bound reaches `recall`; it depends on n alone, so nothing is selected and no correction is due. None when
    even j = n does not reach it, that is, n < `n_min`.
    """
    from scipy.special import betainc  # noqa: PLC0415 - as in `lower_bound`

    n = len(positive_scores)
    if n < n_min(recall, delta):
        return None
    ranks = np.arange(1, n + 1)
    reached = betainc(ranks, n - ranks + 1, recall) <= delta
    if not reached[-1]:
        return None
    rank = int(ranks[np.argmax(reached)])
    threshold = np.partition(positive_scores, n - rank)[n - rank]
    return RecallThreshold(np.float32(threshold), rank, n, float(lower_bound(rank, n, delta)))


def fit_thresholds(
    probabilities: Probabilities,
    labels: Labels,
    classes: Sequence[str],
    targets: Sequence[Target] = (),
    *,
    delta: float = DEFAULT_DELTA,
) -> tuple[ClassThreshold, ...]:
    """Fit the threshold of every class on rows that neither classifier nor calibration has seen.

    Parameters
    ----------
    probabilities : float32 array of shape (n_items, n_classes)
        Calibrated. The rows must be a sample of the traffic that the claims are about.
    labels : int array of shape (n_items,)
    targets : sequence of Target
        A class without one gets recall >= `DEFAULT_RECALL`.
    delta : float
        Each class's claim is wrong with at most this probability; for all K jointly pass delta / K.

    Raises
    ------
    TargetError
        For an unknown or repeated class, or a delta outside (0, 0.5].
    """
    check_delta(delta)
    asked = check_targets(targets, classes)
    rows = [
        _Rows(name, probabilities[:, k].astype(np.float32), labels == k, asked[name], delta)
        for k, name in enumerate(classes)
    ]
    siblings = {row.name: row.own_quantile() for row in rows if row.n >= n_min(row.aim, delta)}
    return tuple(_fit_one(row, siblings) for row in rows)


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


@dataclass(slots=True)
class _Rows:
    """One class against the rest: its scores on the threshold rows and what is asked of it."""

    name: str
    scores: Float32s
    positive: Flags
    target: Target
    delta: float
    positive_scores: Float32s = field(init=False)

    def __post_init__(self) -> None:
        self.positive_scores = np.sort(self.scores[self.positive])[::-1]

    @property
    def n(self) -> int:
        return len(self.positive_scores)

    @property
    def aim(self) -> float:
        """The recall that shrunk thresholds and fallbacks work towards."""
        return self.target.recall if self.target.recall is not None else DEFAULT_RECALL

    def own_quantile(self) -> float:
        """Return the threshold that has the recall asked for on exactly these positives."""
        return float(self.positive_scores[max(math.ceil(self.aim * self.n), 1) - 1])

    def counts(self, threshold: float) -> tuple[int, int]:
        """How many positives, and how many items, are flagged at `threshold`."""
        flagged = self.scores >= np.float32(threshold)
        return int((flagged & self.positive).sum()), int(flagged.sum())

    def at(self, threshold: float, status: Status, **known: Any) -> ClassThreshold:
        """Return the result at `threshold`: pointwise bounds wherever `known` holds none that is exact."""
        hits, flagged = self.counts(threshold)
        facts: dict[str, Any] = {
            "recall": _interval(hits, self.n, self.delta),
            "precision": _interval(hits, flagged, self.delta),
        }
        return ClassThreshold(
            self.name, threshold, status, self.target, {"threshold": self.n}, **(facts | known)
        )

    def curve(self) -> "_Curve":
        """Every distinct score as a candidate, highest first."""
        order = np.argsort(-self.scores, kind="stable")
        scores, positive = self.scores[order], self.positive[order]
        last = np.flatnonzero(np.append(scores[1:] != scores[:-1], np.True_))
        enough: npt.NDArray[np.int64] = last[last + 1 >= MIN_FLAGGED]
        return _Curve(scores[enough], np.cumsum(positive, dtype=np.int64)[enough], enough + 1, self.n)


@dataclass(slots=True)
class _Curve:
    """Candidate thresholds with at least `MIN_FLAGGED` items above them."""

    thresholds: Float32s
    hits: npt.NDArray[np.int64]
    flagged: npt.NDArray[np.int64]
    n: int

    @property
    def recall(self) -> Float64s:
        return self.hits / self.n

    @property
    def precision(self) -> Float64s:
        return self.hits / self.flagged


def _fit_one(rows: _Rows, siblings: Mapping[str, float]) -> ClassThreshold:
    recall, precision = rows.target.recall, rows.target.precision
    strictest = max(
        n_min(recall, rows.delta / 2 if precision else rows.delta) if recall else 1,
        n_min(precision, rows.delta) if precision and not recall else 1,
    )
    if rows.n < strictest:
        return _insufficient(rows, siblings, strictest)
    if recall is None:
        return _precision_only(rows, precision or 0.0)
    return _recall_only(rows, recall) if precision is None else _both(rows, recall, precision)


def _insufficient(rows: _Rows, siblings: Mapping[str, float], strictest: int) -> ClassThreshold:
    """Shrink towards the classes that have enough data; claim nothing."""
    pool = [t for name, t in siblings.items() if name != rows.name]
    pooled = float(np.mean([_logit(t) for t in pool])) if pool else None
    if rows.n == 0:
        z = pooled if pooled is not None else 0.0
    else:
        own = _logit(rows.own_quantile())
        z = own if pooled is None else (rows.n * own + SHRINKAGE_ITEMS * pooled) / (rows.n + SHRINKAGE_ITEMS)
    threshold = float(np.float32(1 / (1 + math.exp(-z))))
    hits, flagged = rows.counts(threshold)
    return rows.at(
        threshold,
        "insufficient_data",
        recall=Interval(hits / rows.n if rows.n else None, 0.0),
        precision=Interval(hits / flagged if flagged else None, 0.0),
        n_needed=strictest - rows.n,
    )


def _recall_only(rows: _Rows, recall: float) -> ClassThreshold:
    found = recall_threshold(rows.positive_scores, recall, delta=rows.delta)
    if found is None:  # pragma: no cover - n_min was checked
        raise AssertionError("n_min admits a class that the order statistic refuses")
    hits, _ = rows.counts(float(found.threshold))
    # The bound is that of the rank, not of the hits: where scores tie, hits depend on the data chosen with.
    return rows.at(float(found.threshold), "certified", recall=Interval(hits / rows.n, found.lower))


def _precision_only(rows: _Rows, precision: float) -> ClassThreshold:
    """Take the lowest candidate whose pointwise bound holds; without one, act on the best bound there is."""
    curve = rows.curve()
    if len(curve.thresholds) == 0:
        return rows.at(rows.own_quantile(), "infeasible", frontier=())
    bounds = lower_bound(curve.hits, curve.flagged, rows.delta)
    proved = np.flatnonzero(bounds >= precision)
    if len(proved):
        return rows.at(float(curve.thresholds[proved[-1]]), "empirical")
    fallback = _largest_slack(curve, None, precision)
    if fallback is not None:
        return rows.at(fallback, "empirical")
    best = int(np.argmax(bounds))
    return rows.at(
        float(curve.thresholds[best]), "infeasible", frontier=_frontier(rows, curve, None, precision)
    )


def _both(rows: _Rows, recall: float, precision: float) -> ClassThreshold:
    """Recall first at delta/2, then one binomial test of precision at delta/2 at that threshold.

    Exact although the threshold was chosen on the same rows: it depends on the positives' scores only, so
    given the number of positives n and the threshold, the false alarms x are binomial. Where recall >= r
    holds, precision >= p follows from n / (n + x) estimating a proportion of at least p / (p + r (1 - p)),
    and that is one Clopper-Pearson test of n successes in n + x trials at a hypothesis fixed in advance.
    """
    found = recall_threshold(rows.positive_scores, recall, delta=rows.delta / 2)
    if found is None:  # pragma: no cover - n_min was checked
        raise AssertionError("n_min admits a class that the order statistic refuses")
    threshold = float(found.threshold)
    hits, flagged = rows.counts(threshold)
    q = float(lower_bound(rows.n, rows.n + flagged - hits, rows.delta / 2))
    exact = recall * q / (recall * q + 1 - q)
    by_rank = Interval(hits / rows.n, found.lower)
    if exact >= precision:
        return rows.at(threshold, "certified", recall=by_rank, precision=Interval(hits / flagged, exact))
    if flagged >= MIN_FLAGGED and float(lower_bound(hits, flagged, rows.delta / 2)) >= precision:
        return rows.at(threshold, "empirical", recall=by_rank)
    curve = rows.curve()
    fallback = _largest_slack(curve, recall, precision)
    if fallback is not None:
        return rows.at(fallback, "empirical")
    acting = _recall_only(rows, recall)
    return rows.at(
        acting.threshold,
        "infeasible",
        recall=acting.recall,
        frontier=_frontier(rows, curve, recall, precision),
    )


def _largest_slack(curve: _Curve, recall: float | None, precision: float) -> float | None:
    """Return the candidate farthest, in standard errors, from missing either target on these rows."""
    if len(curve.thresholds) == 0:
        return None
    slack = (curve.precision - precision) / np.sqrt(precision * (1 - precision) / curve.flagged)
    if recall is not None:
        slack = np.minimum(slack, (curve.recall - recall) / math.sqrt(recall * (1 - recall) / curve.n))
    best = int(np.argmax(slack))
    return float(curve.thresholds[best]) if slack[best] >= 0 else None


def _frontier(
    rows: _Rows, curve: _Curve, recall: float | None, precision: float
) -> tuple[FrontierPoint, ...]:
    points: list[FrontierPoint] = []
    if len(curve.thresholds) == 0:
        return ()

    def add(goal: Goal, i: int) -> None:
        hits, flagged = int(curve.hits[i]), int(curve.flagged[i])
        points.append(
            FrontierPoint(
                goal,
                float(curve.thresholds[i]),
                _interval(hits, rows.n, rows.delta),
                _interval(hits, flagged, rows.delta),
            )
        )

    if recall is not None:
        add(
            "best_precision_at_recall",
            int(np.argmax(np.where(curve.recall >= recall, curve.precision, -1.0))),
        )
    precise = curve.precision >= precision
    if precise.any():
        add("best_recall_at_precision", int(np.flatnonzero(precise)[-1]))
    else:
        add("highest_precision", int(np.argmax(curve.precision)))
    return tuple(points)


def _interval(successes: int, trials: int, delta: float) -> Interval:
    if trials == 0:
        return Interval(None, 0.0)
    return Interval(successes / trials, float(lower_bound(successes, trials, delta)))


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


def _logit(p: float) -> float:
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))


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
