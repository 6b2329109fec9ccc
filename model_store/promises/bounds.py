"""Bounds: what does a sample prove about a proportion, and which threshold proves a recall?

Source: Clopper and Pearson 1934; the order statistic is the one-sided tolerance limit of Wilks 1941. For
rows of unequal weight both counts of the bound are scaled to the effective sample size (Korn and Graubard
1998), which is an approximation and never a proof.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaincinv

from model_store.calibrating.calibration import Float32s, Float64s
from model_store.promises.targets import n_min

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


def order_statistic(positive_scores: Float32s, recall: float, delta: float) -> RecallThreshold:
    """Return the recall threshold of at least `n_min` positives."""
    n = len(positive_scores)
    ranks = np.arange(1, n)
    reached = betainc(ranks, n - ranks + 1, recall) <= delta * (1 + 1e-9)
    rank = int(ranks[np.argmax(reached)]) if reached.any() else n
    threshold = np.partition(positive_scores, n - rank)[n - rank]
    return RecallThreshold(np.float32(threshold), rank, n, float(lower_bound(rank, n, delta)))
