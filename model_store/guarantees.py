"""Guarantees: from which probability on may a class be called, and what is then promised about it?

A threshold found by sweeping a validation set misses its target on the population in about half of all
runs. These do not, because what is claimed is a bound with confidence 1 - delta:

- **recall >= r** is an order statistic of the positives' scores, exact for every distribution, ties too;
- **precision >= p** alone is a Clopper-Pearson bound read at many candidates, so only `empirical`;
- **both** take recall at delta/2, then one binomial test at delta/2 at that one threshold (see `_both`).

Scores and thresholds are float32, the type serving compares in. `model_store.bounds` holds the bounds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.bounds import lower_bound, order_statistic, recall_threshold
from model_store.calibration import Float32s, Float64s, Labels, Probabilities
from model_store.targets import (
    DEFAULT_DELTA,
    DEFAULT_RECALL,
    EVEN_ODDS,
    Target,
    check_targets,
    class_deltas,
    n_min,
)
from model_store.thresholds import ClassThreshold, FrontierPoint, Goal, Interval, Status

__all__ = ["fit_thresholds", "lower_bound", "recall_threshold"]

Flags: TypeAlias = npt.NDArray[np.bool_]

MIN_FLAGGED: Final = 10
SHRINKAGE_ITEMS: Final = 20  # how many positives of its own a class needs to weigh as much as its siblings


def fit_thresholds(
    probabilities: Probabilities,
    labels: Labels | Flags,
    classes: Sequence[str],
    targets: Sequence[Target] = (),
    *,
    delta: float = DEFAULT_DELTA,
    joint: bool = False,
    weights: Float64s | None = None,
    sample: bool = True,
) -> tuple[ClassThreshold, ...]:
    """Fit the threshold of every class on rows that neither classifier nor calibration has seen.

    Parameters
    ----------
    probabilities : float32 array of shape (n_items, n_classes)
        Calibrated. The rows must be a sample of the traffic that the claims are about.
    labels : int array of shape (n_items,), or bool array of shape (n_items, n_classes)
        The second form is multi-label: every class is fitted on its own column.
    targets : sequence of Target
        A class without one gets recall >= `DEFAULT_RECALL` and a threshold of at most `EVEN_ODDS`: lower than
        the target needs is still certified, and an item most probably of the class is not refused.
    delta : float
        Each class's claim is wrong with at most this probability; the `confidence` of a target goes first.
    joint : bool
        `delta` is for the claims of all classes together: see `class_deltas`.
    weights : float64 array of shape (n_items,), optional
        How many items of the traffic a row stands for. Unequal weights certify nothing.
    sample : bool
        False says that the rows are no sample of the traffic: nothing is certified.

    Raises
    ------
    TargetError
        For an unknown or repeated class, or a delta outside (0, 0.5].
    """
    asked = check_targets(targets, classes)
    deltas = class_deltas(asked, delta=delta, joint=joint)
    positive = labels if labels.ndim == 2 else labels[:, None] == np.arange(len(classes))
    proves = sample and (weights is None or bool((weights == weights[0]).all()))
    declared = {target.class_name for target in targets}
    rows = [
        _Rows(
            name,
            probabilities[:, k].astype(np.float32),
            positive[:, k].astype(np.bool_),
            asked[name],
            deltas[name],
            highest=1.0 if name in declared else EVEN_ODDS,
        )
        for k, name in enumerate(classes)
    ]
    siblings = {row.name: row.own_quantile() for row in rows if row.n >= n_min(row.aim, row.delta)}
    fitted = tuple(_fit_one(row, siblings) for row in rows)
    return fitted if proves else tuple(_without_proof(each) for each in fitted)


def _without_proof(fitted: ClassThreshold) -> ClassThreshold:
    return replace(fitted, status="empirical") if fitted.status == "certified" else fitted


@dataclass(slots=True)
class _Rows:
    """One class against the rest: its scores on the threshold rows and what is asked of it."""

    name: str
    scores: Float32s
    positive: Flags
    target: Target
    delta: float
    highest: float
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
        return float(self.positive_scores[max(math.ceil(self.aim * self.n - 1e-9), 1) - 1])

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
            self.name,
            threshold,
            status,
            self.target,
            {"threshold": self.n},
            **(facts | known),
            delta=self.delta,
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
    threshold = min(float(np.float32(1 / (1 + math.exp(-z)))), rows.highest)
    hits, flagged = rows.counts(threshold)
    return rows.at(
        threshold,
        "insufficient_data",
        recall=Interval(hits / rows.n if rows.n else None, 0.0),
        precision=Interval(hits / flagged if flagged else None, 0.0),
        n_needed=strictest - rows.n,
    )


def _recall_only(rows: _Rows, recall: float) -> ClassThreshold:
    found = order_statistic(rows.positive_scores, recall, rows.delta)
    threshold = min(found.served, rows.highest)
    hits, _ = rows.counts(threshold)
    # The bound is that of the rank, not of the hits: where scores tie, hits depend on the data chosen with,
    # and below the order statistic recall is at least what it is there.
    return rows.at(threshold, "certified", recall=Interval(hits / rows.n, found.lower))


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
    found = order_statistic(rows.positive_scores, recall, rows.delta / 2)
    threshold = found.served
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


def _logit(p: float) -> float:
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))
