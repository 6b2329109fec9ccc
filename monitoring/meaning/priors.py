"""Priors: which share of live traffic is each class, how sure is that, and what can it not say?

The estimate is that of the mixture over joint bins. Its interval covers 95 %: the hull of the normal one and
of the draws' percentiles, since near 0 the draws are skewed. A class with few validation rows has a histogram
that says little, so its estimate is shrunk to its old prior; the interval stays that of the data.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from model_store.calibrating.calibration import Float64s
from model_store.shift_reference import Integers, ShiftReference
from monitoring.meaning.both_sides import MixtureFit
from monitoring.meaning.shift import Z95, Estimate

ENOUGH_POSITIVES: Final = 20
_FACTOR: Final = 4.0  # a fall is measured when the interval spans less than this factor


@dataclass(frozen=True, slots=True, eq=False)
class Priors:
    """Shares of the classes; arrays of shape (n_components,) unless said.

    Parameters
    ----------
    before : float64 array
        Shares among the validation rows.
    estimate, low, high : float64 array
    draws : float64 array of shape (n_draws, n_components)
        What the estimate might as well have been.
    errors : float64 array
        Standard errors before shrinking.
    shrunk : bool array
        Too few validation rows: the estimate is shrunk to `before`.
    """

    before: Float64s
    estimate: Float64s
    low: Float64s
    high: Float64s
    draws: Float64s
    errors: Float64s
    shrunk: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, fit: MixtureFit) -> Self:
        """Return what a fitted mixture says."""
        reference, raw = fit.reference, fit.priors
        errors = fit.draws.std(axis=0, ddof=1)
        lowest, highest = np.quantile(fit.draws, [0.025, 0.975], axis=0)
        estimate = shrink(raw, reference.priors, reference.counts)
        return cls(
            reference.priors,
            estimate,
            np.maximum(np.minimum.reduce([raw - Z95 * errors, lowest, estimate]), 0.0),
            np.minimum(np.maximum.reduce([raw + Z95 * errors, highest, estimate]), 1.0),
            shrink(fit.draws, reference.priors, reference.counts),
            errors,
            reference.counts < ENOUGH_POSITIVES,
        )

    @property
    def unmeasured_falls(self) -> npt.NDArray[np.bool_]:
        """Classes whose share seems to have fallen, where the interval does not say how far.

        Its ends differ by a factor of 4 or more: without labels the few items that are left cannot be told
        from mistakes.
        """
        return (self.estimate < self.before) & (self.high > _FACTOR * self.low)


def shrink(priors: Float64s, before: Float64s, counts: Integers) -> Float64s:
    """Return priors, shape (..., n_classes), drawn to the old ones by what is lacking to 20 validation rows.

    The other classes share the rest as before.

    Examples
    --------
    >>> shrink(np.array([0.4, 0.6]), np.array([0.1, 0.9]), np.array([10, 90])).tolist()
    [0.25, 0.75]
    """
    trust = np.minimum(counts / ENOUGH_POSITIVES, 1.0)
    few = trust < 1.0
    drawn: Float64s = np.where(few, trust * priors + (1.0 - trust) * before, priors)
    rest = 1.0 - drawn[..., few].sum(axis=-1, keepdims=True)
    others = drawn[..., ~few].sum(axis=-1, keepdims=True)
    tiny = np.finfo(np.float64).tiny
    # where the drawn ones leave nothing, or nobody takes what they leave, all are scaled alike
    fits = (rest >= 0.0) & (others > tiny)
    shared = np.where(few, drawn, drawn * (rest / np.maximum(others, tiny)))
    total = drawn.sum(axis=-1, keepdims=True)
    alike = np.where(total > tiny, drawn / np.maximum(total, tiny), before)
    shrunk: Float64s = np.where(fits, shared, alike)
    return shrunk


def as_estimate(priors: Priors, fit: MixtureFit) -> Estimate:
    """Return the estimate before shrinking, to compare with another."""
    return Estimate(fit.priors, priors.errors)


def pessimistic(reference: ShiftReference, priors: Priors, k: int) -> Float64s:
    """Return the priors at the low end of class k's interval, the other classes scaled to fill the rest."""
    low = float(priors.low[k])
    rest = np.delete(priors.estimate, k).sum()
    scaled = priors.estimate * ((1.0 - low) / rest if rest > 0.0 else 0.0)
    scaled[k] = low
    return np.where(reference.counts > 0, scaled, 0.0)
