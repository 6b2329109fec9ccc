"""Shift: of which classes is live traffic, if only the mix of classes has moved?

Two estimates of the new priors, none of which needs a label:

- `mixture_priors`: maximum likelihood by EM (Saerens, Latinne and Decaestecker 2002), from counts per bin, as
  the weights of a mixture of what each class looks like;
- `bbse_priors`: from the summed probabilities alone (soft black box shift estimation, Lipton, Wang and Smola
  2018), the least squares on the simplex.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls
from scipy.special import ndtri

from model_store.calibrating.calibration import Float64s
from model_store.soft_confusion import SoftConfusion

Z95: Final = float(ndtri(0.975))
_SUM_WEIGHT: Final = 1e3  # of the row that makes least squares sum to 1, against rows of probabilities
_DISAGREEMENT: Final = 0.05  # probability of calling two estimates of the same priors different


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """Priors and their standard errors, both of shape (n_classes,)."""

    priors: Float64s
    errors: Float64s


def mixture_priors(
    shares: Float64s,
    components: Float64s,
    start: Float64s,
    *,
    iterations: int = 1_000,
    tolerance: float = 1e-7,
) -> Float64s:
    """Return the weights of the mixture of `components` that makes `shares` likeliest, by EM.

    Several mixtures of the same components are fitted at once where `shares` and `start` have a leading axis.

    Parameters
    ----------
    shares : float64 array of shape (..., n_bins)
        Of live items; bins that no component reaches are left out.
    components : float64 array of shape (n_classes, n_bins)
        The distribution of each class over the bins, or its density at each of n_bins items.
    start : float64 array of shape (..., n_classes)
        Where EM begins; a weight of 0 stays at 0.

    Examples
    --------
    >>> components = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> mixture_priors(np.array([0.34, 0.66]), components, np.array([0.5, 0.5])).round(3).tolist()
    [0.2, 0.8]
    """
    weights = start
    for _ in range(iterations):
        mixed = weights @ components
        ratios = np.divide(shares, mixed, out=np.zeros_like(mixed), where=mixed > 0.0)
        moved = weights * (ratios @ components.T)
        moved /= np.maximum(moved.sum(axis=-1, keepdims=True), np.finfo(np.float64).tiny)
        step = np.abs(moved - weights).max(initial=0.0)
        weights = moved
        if step <= tolerance:
            break
    return weights


def bbse_priors(
    mass: Float64s, soft: SoftConfusion, counts: npt.NDArray[np.int64], *, items: float
) -> Estimate:
    """Return the priors on the simplex whose mean probabilities are nearest to those of live items.

    Errors are those of the solution without the simplex, from the variance of live items and of validation
    rows both.

    Parameters
    ----------
    mass : float64 array of shape (n_classes,)
        Mean calibrated probabilities of live items.
    counts : int64 array of shape (n_classes,)
        Validation rows of each class.
    items : float
        How many independent live items `mass` is worth.
    """
    k = len(mass)
    sides = np.vstack([soft.means.T, np.full(k, _SUM_WEIGHT)])
    priors, _residual = nnls(sides, np.append(mass, _SUM_WEIGHT))
    within = np.divide(priors**2, counts, out=np.zeros(k), where=counts > 0) @ soft.spread
    live = (priors @ soft.spread + priors * (1.0 - priors)) / items
    return Estimate(priors, np.sqrt(within + live))


def disagreement(one: Estimate, other: Estimate) -> list[int]:
    """Return the classes for which two estimates from the same items differ beyond their errors.

    All classes together are called different with a probability of at most 5 % where neither is wrong
    (Bonferroni; errors are added as if independent, which is cautious for estimates from the same items).
    """
    k = len(one.priors)
    bar = float(ndtri(1.0 - _DISAGREEMENT / (2 * k)))
    gap = np.abs(one.priors - other.priors)
    return np.flatnonzero(gap > bar * np.hypot(one.errors, other.errors)).tolist()
