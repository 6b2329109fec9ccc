"""Metrics: what do counts and scores say about a classifier, and how far are they to be trusted?

scikit-learn computes what it has; what is undefined is None here and a dash in a report, never a NaN or 0.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve, roc_auc_score

from model_store.calibrating.calibration import AnyLabels, Float64s, indicators
from model_store.promises.bounds import effective_size

Bools: TypeAlias = npt.NDArray[np.bool_]
Scores: TypeAlias = npt.NDArray[np.floating[Any]]

INTERVAL_CONFIDENCE: Final = 0.95
DIGITS: Final = 6  # of a curve's numbers; finer than any drawing


@dataclass(frozen=True, slots=True)
class Share:
    """A proportion that was counted, with a two-sided interval of confidence `INTERVAL_CONFIDENCE`.

    Parameters
    ----------
    hits, of : float
        Sums of the weights of the rows that count and of all rows asked about; numbers of rows when every
        weight is 1.
    rows : int
        How many rows were asked about.
    estimate : float, optional
        None when there was no row to ask about; the interval is 0 to 1 then.
    effective : float, optional
        How many rows of equal weight tell as much (Kish 1965); None where rows have no weights.
    """

    hits: float
    of: float
    rows: int
    estimate: float | None
    lower: float
    upper: float
    effective: float | None = None

    @property
    def worth(self) -> float:
        """How many rows of equal weight this rests on."""
        return float(self.rows) if self.effective is None else self.effective


@dataclass(frozen=True, slots=True)
class ThresholdCurve:
    """Precision and recall of a class when it is flagged from each of the thresholds on; they ascend."""

    thresholds: tuple[float, ...]
    precision: tuple[float, ...]
    recall: tuple[float, ...]


def share(hit: Bools, weights: Float64s | None = None) -> Share:
    """Return which share of rows `hit` is true of, with its Clopper-Pearson interval.

    With weights the interval is that of Clopper and Pearson at the effective sample size of Kish (1965),
    which supposes that weights have nothing to do with hits: an approximation, and too short where heavy rows
    behave differently from light ones.

    Examples
    --------
    >>> found = share(np.array([True] * 108 + [False] * 16))
    >>> round(found.estimate, 2), round(found.lower, 2), round(found.upper, 2)
    (0.87, 0.8, 0.92)
    """
    n = len(hit)
    if weights is None:
        hits, of, effective = float(np.count_nonzero(hit)), float(n), None
    else:
        hits, of, effective = float(weights[hit].sum()), float(weights.sum()), effective_size(weights)
    if not of:
        return Share(hits, of, n, None, 0.0, 1.0, effective)
    trials = of if effective is None else effective
    return Share(hits, of, n, hits / of, *clopper_pearson(hits / of * trials, trials), effective)


def clopper_pearson(
    successes: float, trials: float, confidence: float = INTERVAL_CONFIDENCE
) -> tuple[float, float]:
    """Return the two-sided interval of a proportion (Clopper and Pearson 1934); trials may be fractional.

    Examples
    --------
    >>> [round(bound, 3) for bound in clopper_pearson(0, 10)]
    [0.0, 0.308]
    """
    tail, failures = (1 - confidence) / 2, trials - successes
    # Below one thousandth of a row is what float sums of weights leave of none.
    lower = float(betaincinv(successes, failures + 1, tail)) if successes > 1e-3 else 0.0
    upper = float(betaincinv(successes + 1, failures, 1 - tail)) if failures > 1e-3 else 1.0
    return lower, upper


def macro_f1(
    positive: AnyLabels, called: AnyLabels, *, n_classes: int, weights: Float64s | None = None
) -> float:
    """Return the unweighted mean of the F1 of all classes.

    Parameters
    ----------
    positive, called : bool array of shape (n_items, n_classes), or int array of shape (n_items,)
        What is true and what was said; a number of -1 is no class. An F1 without rows on either side is 0.

    Examples
    --------
    >>> round(macro_f1(np.array([0, 0, 1]), np.array([0, 1, -1]), n_classes=2), 3)
    0.333
    """
    true, said = indicators(positive, n_classes), indicators(called, n_classes)
    # scikit-learn takes one column for a binary problem, whose other class would be averaged in.
    only = [1] if n_classes == 1 else None
    return float(f1_score(true, said, labels=only, average="macro", zero_division=0, sample_weight=weights))


def average_precision(scores: Scores, positive: Bools, weights: Float64s | None = None) -> float | None:
    """Return the area under the precision-recall curve as a step function; None without positives.

    Tied scores are one step.

    Examples
    --------
    >>> round(average_precision(np.array([0.9, 0.8, 0.7]), np.array([True, False, True])), 3)
    0.833
    """
    if not positive.any():
        return None
    return float(average_precision_score(positive, scores, sample_weight=weights))


def roc_auc(scores: Scores, positive: Bools, weights: Float64s | None = None) -> float | None:
    """Return the probability that a positive scores above a negative; None without one of the two.

    Examples
    --------
    >>> roc_auc(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]))
    0.5
    """
    if positive.all() or not positive.any():
        return None
    return float(roc_auc_score(positive, scores, sample_weight=weights))


def threshold_curve(
    scores: Scores, positive: Bools, weights: Float64s | None = None, *, most: int = 60
) -> ThresholdCurve | None:
    """Return precision and recall over the threshold, at most `most` points of it; None without positives.

    The points kept are evenly spaced along the drawn curve, so that a jump keeps both its ends.
    """
    if not positive.any():
        return None
    precision, recall, thresholds = precision_recall_curve(positive, scores, sample_weight=weights)
    precision, recall = precision[:-1], recall[:-1]  # the last point has no threshold
    moved = np.abs(np.diff(np.stack([precision, recall, thresholds]), axis=1)).sum(axis=0)
    along = np.concatenate([[0.0], np.cumsum(moved)])
    stops = np.linspace(0, along[-1], most // 2)
    kept = np.minimum(np.searchsorted(along, stops, side="left"), len(along) - 1)
    before_jumps = np.flatnonzero(moved > along[-1] / max(len(stops) - 1, 1))
    kept = np.union1d(kept, before_jumps)
    return ThresholdCurve(
        *(
            tuple(round(value, DIGITS) for value in each[kept].tolist())
            for each in (thresholds, precision, recall)
        )
    )
