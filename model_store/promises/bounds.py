"""Bounds: what does a sample prove about a proportion, and which threshold proves a recall?

Source: Clopper and Pearson 1934; the order statistic is the one-sided tolerance limit of Wilks 1941. For
rows of unequal weight, and for rows in groups that are alike, both counts of the bound are scaled to the
effective sample size (Korn and Graubard 1998), which is an approximation and never a proof.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaincinv

from model_store.calibrating.calibration import Float32s, Float64s
from model_store.promises.targets import n_min

Groups: TypeAlias = npt.NDArray[np.integer[Any]]  # (n_items,)

# Of a probability, relative: a text alone and the same text padded in a batch come out this close.
ROUNDING: Final = 1e-5


@dataclass(frozen=True, slots=True)
class RecallThreshold:
    """The highest threshold that certifies a recall: the `rank`-th largest of `n` positive scores."""

    threshold: np.float32
    rank: int
    n: int
    lower: float

    @property
    def served(self) -> float:
        """The threshold to serve, see `served`."""
        return served(self.threshold)


def served(threshold: np.float32) -> float:
    """Return a threshold lowered by what rounding can do, so that what ties with it is flagged by all paths.

    Lower is safe for a recall: it only adds to it, and it still depends on the positives' scores alone.
    """
    return float(np.float32(float(threshold) * (1 - ROUNDING)))


def lower_bound(successes: npt.ArrayLike, trials: npt.ArrayLike, delta: float) -> Float64s:
    """Return the one-sided Clopper-Pearson lower bound(s) of a proportion at confidence 1 - delta.

    Counts may be fractions: those of an effective sample size.
    """
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    bound = betaincinv(np.where(k > 0, k, 1), np.maximum(n - k, 0) + 1, delta)
    return np.where(k > 0, bound, 0.0)


def upper_bound(successes: npt.ArrayLike, trials: npt.ArrayLike, delta: float) -> Float64s:
    """Return the one-sided Clopper-Pearson upper bound(s) of a proportion at confidence 1 - delta."""
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    return 1 - lower_bound(np.maximum(n - k, 0), n, delta)


def p_value(successes: npt.ArrayLike, trials: npt.ArrayLike, ratio: float) -> Float64s:
    """Return how likely at least so many successes are if the proportion is `ratio`; 1 without any."""
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    return np.where(k > 0, betainc(np.maximum(k, 1), np.maximum(n - k, 0) + 1, ratio), 1.0)


def effective_size(weights: Float64s) -> float:
    """Return how many rows of equal weight tell as much as these: (sum w)^2 / sum w^2 (Kish 1965).

    Examples
    --------
    >>> effective_size(np.ones(50)), round(effective_size(np.array([1.0] * 49 + [49.0])), 1)
    (50.0, 3.9)
    """
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def group_totals(weights: Float64s, groups: Groups | None) -> Float64s:
    """Return the weight of each group of rows; without groups every row is one."""
    return weights if groups is None else np.bincount(groups, weights=weights).astype(np.float64)


def running_squares(weights: Float64s, groups: Groups | None) -> Float64s:
    """Return, after each row, the sum of the squared group totals of all rows up to it; shape of `weights`.

    Examples
    --------
    >>> running_squares(np.ones(4), np.array([7, 3, 7, 7])).tolist()
    [1.0, 2.0, 5.0, 10.0]
    """
    if groups is None:
        return np.cumsum(weights**2)
    order = np.argsort(groups, kind="stable")
    mine = groups[order]
    before = np.cumsum(weights[order]) - weights[order]
    first = np.append(np.True_, mine[1:] != mine[:-1])[: len(mine)]
    earlier = np.empty_like(weights)
    earlier[order] = before - before[np.maximum.accumulate(np.where(first, np.arange(len(mine)), 0))]
    return np.cumsum(weights * (weights + 2 * earlier))


def independence(
    hits: npt.ArrayLike,
    hit_squares: npt.ArrayLike,
    misses: npt.ArrayLike,
    miss_squares: npt.ArrayLike,
    ratio: float,
) -> Float64s:
    """Return which share of hits and misses in groups would tell as much about a proportion if independent.

    The squares are the sums of squared group sizes. It is one over the design effect of the residuals,
    1 - ratio of a hit and -ratio of a miss, at the proportion in question (Kish 1965): a group of misses
    weighs as much more as a miss does. 1 exactly where every row is a group of its own, and of nothing.

    Examples
    --------
    >>> float(independence(20, 20, 5, 5, 0.8)), float(independence(20, 20, 5, 25, 0.8).round(2))
    (1.0, 0.24)
    """
    won, lost = (1 - ratio) ** 2, ratio**2
    alone = np.multiply(won, hits) + np.multiply(lost, misses)
    grouped = np.multiply(won, hit_squares) + np.multiply(lost, miss_squares)
    worth: Float64s = np.divide(alone, grouped, out=np.ones(np.shape(grouped)), where=grouped > 0)
    return worth


def recall_threshold(positive_scores: Float32s, recall: float, *, delta: float) -> RecallThreshold | None:
    """Return the highest threshold that has at least this recall with confidence 1 - delta.

    The population recall at the j-th largest of n positive scores follows Beta(j, n - j + 1) when scores are
    continuous and is stochastically larger when they tie. j is the least rank whose Clopper-Pearson lower
    bound reaches `recall`; it depends on n alone, so nothing is selected and no correction is due. None when
    even j = n does not reach it, that is, n < `n_min`.
    """
    if len(positive_scores) < n_min(recall, delta):
        return None
    return order_statistic(positive_scores, recall, delta)


def order_statistic(
    positive_scores: Float32s, recall: float, delta: float, *, effective: float | None = None
) -> RecallThreshold:
    """Return the recall threshold of at least `n_min` positives.

    `effective` is how many independent ones they are worth; if that is fewer, ranks count for as much less.
    """
    n = len(positive_scores)
    worth = 1.0 if effective is None else effective / n
    ranks = np.arange(1, n)
    reached = betainc(ranks * worth, (n - ranks) * worth + 1, recall) <= delta * (1 + 1e-9)
    rank = int(ranks[np.argmax(reached)]) if reached.any() else n
    threshold = np.partition(positive_scores, n - rank)[n - rank]
    return RecallThreshold(np.float32(threshold), rank, n, float(lower_bound(rank * worth, n * worth, delta)))
