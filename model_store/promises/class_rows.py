"""Class rows: what do the threshold rows show about one class, at any threshold?

Everything is counted in effective rows: with equal weights and without groups those are the rows themselves,
otherwise counts are weighted and scaled to the effective sample size of the rows they are a share of. There
the rows of one group (near-duplicates, a thread, a user) count as one row with their weight together.
"""

import math
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from model_store.calibrating.calibration import Float32s, Float64s
from model_store.promises.bounds import (
    Groups,
    effective_size,
    group_totals,
    lower_bound,
    running_squares,
    upper_bound,
)
from model_store.promises.targets import DEFAULT_RECALL, Target
from model_store.promises.thresholds import ClassThreshold, Interval, Status

Flags = npt.NDArray[np.bool_]

MIN_FLAGGED: Final = 10
# Rows worth this share of their number are practically independent: what binomials prove, they prove.
INDEPENDENT: Final = 0.95


@dataclass(frozen=True, slots=True)
class Tally:
    """So many of so many effective rows."""

    successes: float
    trials: float

    @classmethod
    def of(cls, weights: Float64s, which: Flags, groups: Groups | None = None) -> Self:
        """Count the rows in `which` among all of `weights`."""
        total = float(weights.sum())
        if total == 0:
            return cls(0.0, 0.0)
        n = effective_size(group_totals(weights, groups))
        return cls(float(weights[which].sum()) * (n / total), n)

    @property
    def estimate(self) -> float | None:
        """The share, None of nothing."""
        return self.successes / self.trials if self.trials else None

    def lower(self, delta: float) -> float:
        """Return the one-sided lower bound at confidence 1 - delta, 0 of nothing."""
        return float(lower_bound(self.successes, self.trials, delta)) if self.trials else 0.0

    def interval(self, delta: float) -> Interval:
        """Return the estimate with its one-sided lower bound."""
        return Interval(self.estimate, self.lower(delta))

    def two_sided(self, delta: float) -> Interval:
        """Return the estimate between bounds that together fail with probability delta."""
        if not self.trials:
            return Interval(None, 0.0)
        return Interval(
            self.estimate,
            self.lower(delta / 2),
            float(upper_bound(self.successes, self.trials, delta / 2)),
        )


@dataclass(slots=True, kw_only=True)
class ClassRows:
    """One class against the rest: its scores on the threshold rows and what is asked of it.

    Parameters
    ----------
    weights : float64 array of shape (n_items,), optional
        None where all rows weigh the same.
    proves : bool
        Whether a claim about the traffic may rest on these rows at all.
    groups : int array of shape (n_items,), optional
        Numbers from 0 on; rows of one group are not independent. None where every row is its own group.
    highest : float
        The threshold is at most this.
    """

    name: str
    scores: Float32s
    positive: Flags
    target: Target
    delta: float
    proves: bool
    weights: Float64s | None = None
    highest: float = 1.0
    groups: Groups | None = None
    positive_scores: Float32s = field(init=False)
    positive_weights: Float64s = field(init=False)
    positive_groups: Groups | None = field(init=False)
    _weights: Float64s = field(init=False)

    def __post_init__(self) -> None:
        """Sort the positives from the highest score on."""
        self._weights = np.ones(len(self.scores)) if self.weights is None else self.weights
        own, own_weights = self.scores[self.positive], self._weights[self.positive]
        order = np.argsort(-own, kind="stable")
        self.positive_scores, self.positive_weights = own[order], own_weights[order]
        self.positive_groups = None if self.groups is None else self.groups[self.positive][order]

    @property
    def n(self) -> float:
        """How many positives there are, in effective rows."""
        return effective_size(group_totals(self.positive_weights, self.positive_groups))

    @property
    def n_groups(self) -> int | None:
        """How many groups the positives are in, None where each is its own."""
        if self.positive_groups is None:
            return None
        found = len(np.unique(self.positive_groups))
        return found if found < len(self.positive_groups) else None

    @property
    def proved(self) -> Status:
        """The status of a recall that an exact test has shown: a proof needs independent positives."""
        independent = self.n >= INDEPENDENT * len(self.positive_scores)
        return "certified" if self.proves and independent else "empirical"

    @property
    def aim(self) -> float:
        """The recall that shrunk thresholds and fallbacks work towards."""
        return self.target.recall if self.target.recall is not None else DEFAULT_RECALL

    def own_quantile(self) -> float:
        """Return the threshold that has the recall asked for on exactly these positives."""
        # .7 of ten positives are seven, whatever .7 * 10 is in binary.
        least = self.aim * self.positive_weights.sum() * (1 - 1e-9)
        reached = np.cumsum(self.positive_weights) >= least
        return float(self.positive_scores[int(np.argmax(reached))])

    def flagged(self, threshold: float) -> Flags:
        """Which rows reach `threshold`."""
        flagged: Flags = self.scores >= np.float32(threshold)
        return flagged

    def recall_at(self, threshold: float) -> Tally:
        """Positives that reach `threshold`, of all positives."""
        return Tally.of(
            self.positive_weights, self.positive_scores >= np.float32(threshold), self.positive_groups
        )

    def precision_at(self, threshold: float) -> Tally:
        """Positives among the rows that reach `threshold`."""
        flagged = self.flagged(threshold)
        return Tally.of(self._weights[flagged], self.positive[flagged], self._groups_of(flagged))

    def between(self, low: float, high: float) -> Tally:
        """Rows from `low` up to `high`, of all rows."""
        return Tally.of(self._weights, self.flagged(low) & ~self.flagged(high), self.groups)

    def _groups_of(self, which: Flags) -> Groups | None:
        return None if self.groups is None else self.groups[which]

    def at(self, threshold: float, status: Status, **known: Any) -> ClassThreshold:
        """Return the result at `threshold`: pointwise bounds wherever `known` holds none that is exact."""
        facts: dict[str, Any] = {
            "recall": self.recall_at(threshold).interval(self.delta),
            "precision": self.precision_at(threshold).interval(self.delta),
        }
        return ClassThreshold(
            self.name,
            threshold,
            status,
            self.target,
            {"threshold": len(self.positive_scores)},
            **(facts | known),
            delta=self.delta,
            n_groups=self.n_groups,
        )

    def curve(self) -> "Curve":
        """Every distinct score as a candidate, highest first."""
        order = np.argsort(-self.scores, kind="stable")
        scores, weights = self.scores[order], self._weights[order]
        last = np.flatnonzero(np.append(scores[1:] != scores[:-1], np.True_))
        flagged = np.cumsum(weights)[last]
        hits = np.cumsum(np.where(self.positive[order], weights, 0.0))[last]
        squares = running_squares(weights, None if self.groups is None else self.groups[order])[last]
        trials = np.divide(flagged**2, squares, out=np.zeros(len(last)), where=squares > 0)
        enough = trials >= MIN_FLAGGED - 1e-9
        all_hits = float(self.positive_weights.sum())
        return Curve(
            scores[last][enough],
            recall=hits[enough] / all_hits if all_hits else np.zeros(int(enough.sum())),
            precision=hits[enough] / flagged[enough],
            trials=trials[enough],
        )


@dataclass(slots=True)
class Curve:
    """Candidate thresholds with at least `MIN_FLAGGED` effective rows above them, highest first."""

    thresholds: Float32s
    recall: Float64s
    precision: Float64s
    trials: Float64s

    def __len__(self) -> int:
        return len(self.thresholds)

    def precision_bounds(self, delta: float) -> Float64s:
        """Return the pointwise lower bound of the precision at every candidate."""
        hits = self.precision * self.trials
        whole = np.rint(hits)  # 7 / 9 * 9 is not always 7
        return lower_bound(
            np.where(np.abs(hits - whole) < 1e-9 * self.trials, whole, hits), self.trials, delta
        )


def logit(p: float) -> float:
    """Return log p - log(1 - p), finite at 0 and 1."""
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))
