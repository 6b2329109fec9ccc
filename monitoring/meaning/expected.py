"""Expected: which precision, recall and F1 has each class now, as far as anything says so without labels?

Estimates, not measurements: they hold if only the mix of classes has moved. Validation rows are counted
again, each class by how much more or less of it there is. They are about flags, as the promises are.
"""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from model_store.calibrating.calibration import Float64s
from model_store.policy import Policy
from model_store.shift_reference import Integers, ShiftReference
from monitoring.meaning.priors import Priors
from monitoring.meaning.shift import Z95

_TINY: Final = 1e-12  # of a share: far below one item


@dataclass(frozen=True, slots=True)
class Ratio:
    """An estimated share with its 95 % interval; None of nothing."""

    estimate: float | None
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """Return the three numbers."""
        return {"estimate": self.estimate, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of one class's flags."""

    class_name: str
    precision: Ratio
    recall: Ratio
    f1: Ratio

    def to_json(self) -> dict[str, Any]:
        """Return the class's line."""
        return {
            "class": self.class_name,
            "precision": self.precision.to_json(),
            "recall": self.recall.to_json(),
            "f1": self.f1.to_json(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Flagged:
    """How validation rows are flagged.

    Parameters
    ----------
    counts : int64 array of shape (n_components,)
        Rows of each true class.
    rates : float64 array of shape (n_components, n_classes)
        Share of the rows of each class (rows) that is flagged as each (columns).
    """

    counts: Integers
    rates: Float64s

    @classmethod
    def of(cls, reference: ShiftReference, policy: Policy) -> Self:
        """Count the flags of the policy in force on the validation rows."""
        thresholds = np.array([each.threshold for each in policy.thresholds], dtype=np.float32)
        row, flag = np.nonzero(reference.probabilities >= thresholds)
        counts, k = reference.counts, len(thresholds)
        hits = np.bincount(reference.labels[row] * k + flag, minlength=len(counts) * k).reshape(-1, k)
        rates = hits / np.maximum(counts, 1)[:, np.newaxis]
        return cls(counts, rates)

    @property
    def class_counts(self) -> Integers:
        """Rows of each class, without those of none."""
        return self.counts[: self.rates.shape[1]]

    @property
    def own_rates(self) -> Float64s:
        """Share of each class's rows that is flagged as that class; 0 for a class without rows."""
        return np.diagonal(self.rates)

    @property
    def hits(self) -> Float64s:
        """Rows of each class that are flagged as that class."""
        return self.own_rates * self.class_counts

    @property
    def recall(self) -> Float64s:
        """Share of each class's rows that is flagged as that class; NaN for a class without rows."""
        recall: Float64s = np.where(self.class_counts > 0, self.own_rates, np.nan)
        return recall

    def precision(self, priors: Float64s) -> Float64s:
        """Return the precision of each class's flags at these priors, shape (..., n_classes); NaN of none."""
        k = self.rates.shape[1]
        hits, flagged = priors[..., :k] * self.own_rates, priors @ self.rates
        precision: Float64s = np.divide(hits, flagged, out=np.full(flagged.shape, np.nan), where=flagged > 0)
        return precision


def reweighted(flagged: Flagged, priors: Priors, classes: tuple[str, ...]) -> tuple[Expected, ...]:
    """Return what validation rows say, reweighted by new over old priors; not for several labels an item.

    Intervals hold what the new priors and the numbers of validation rows leave open.
    """
    precisions, recalls = _precisions(flagged, priors), _recalls(flagged)
    return tuple(map(_expected, classes, precisions, recalls))


def _recalls(flagged: Flagged) -> list[Ratio]:
    """Return each class's recall, which does not depend on the mix; intervals on the log-odds (Haldane)."""
    n, hits = flagged.class_counts, flagged.hits
    error = np.sqrt(1.0 / (hits + 0.5) + 1.0 / (n - hits + 0.5))
    centre = np.log(hits + 0.5) - np.log(n - hits + 0.5)
    return [_ratio(r, c, e) for r, c, e in zip(flagged.recall, centre, error, strict=True)]


def _precisions(flagged: Flagged, priors: Priors) -> list[Ratio]:
    """Return each class's precision; intervals on the log-odds of right against false flags.

    Half a row is added to either, so that none of it is no certainty. To the variance over draws of the
    priors come those of the two counts of validation rows.
    """
    n, hits, k = flagged.class_counts, flagged.hits, len(flagged.class_counts)
    recall = (hits + 0.5) / (n + 1.0)
    others = np.maximum(flagged.counts.sum() - n, 1)
    half = np.maximum(0.5 * (1.0 - priors.estimate[:k]) / others, _TINY)

    def false(mix: Float64s) -> Float64s:
        beside: Float64s = half + np.maximum(mix @ flagged.rates - mix[..., :k] * flagged.own_rates, 0.0)
        return beside

    def log_odds(mix: Float64s) -> Float64s:
        odds: Float64s = np.log(np.maximum(mix[..., :k] * recall, _TINY)) - np.log(false(mix))
        return odds

    rows = priors.estimate**2 / np.maximum(flagged.counts, 1)
    scatter = np.maximum(rows @ flagged.rates - rows[:k] * flagged.own_rates, 0.0) + 2.0 * half**2
    variance = (
        log_odds(priors.draws).var(axis=0, ddof=1)
        + scatter / false(priors.estimate) ** 2
        + (1.0 - recall) / (hits + 0.5)
    )
    centre, error = log_odds(priors.estimate), np.sqrt(variance)
    precision = flagged.precision(priors.estimate)
    return [_ratio(p, c, e) for p, c, e in zip(precision, centre, error, strict=True)]


def _expected(name: str, precision: Ratio, recall: Ratio) -> Expected:
    low, high = _f1(precision.low, recall.low), _f1(precision.high, recall.high)
    known = precision.estimate is not None and recall.estimate is not None
    f1 = _f1(precision.estimate or 0.0, recall.estimate or 0.0) if known else None
    return Expected(name, precision, recall, Ratio(f1, low, high))


def _f1(precision: float, recall: float) -> float:
    return 2.0 * precision * recall / (precision + recall) if precision + recall > 0.0 else 0.0


def _ratio(estimate: float, centre: float, error: float) -> Ratio:
    if np.isnan(estimate):
        return Ratio(None, 0.0, 1.0)
    low, high = (float(1.0 / (1.0 + np.exp(-(centre + side * Z95 * error)))) for side in (-1, 1))
    return Ratio(estimate, min(low, estimate), max(high, estimate))
