"""Which candidates are unlike everything that was ever labelled?

Two answers are added. How much more often does traffic like this come than labelled items like this, by a
classifier that tells traffic from labelled items (density ratio estimation; Sugiyama, Suzuki and Kanamori
2012, section 4), each candidate judged by one that was not fitted on it? And how far is the nearest labelled
item? Each alone is misled: the ratio by whatever traffic has more of, the distance by what is garbled.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from model_store.calibrating.newton import minimise
from model_store.data.ngrams import Vectors
from monitoring.recording.candidate import Scores

MOST_RATIO: Final = 20.0
MOST_LABELLED: Final = 4_000  # vectors of labelled items that are compared with
_DISTANCE_WEIGHT: Final = 2.0
_PENALTY: Final = 1e-3  # on the coefficients, beside the mean log loss
_FLAT: Final = 1e-6
_FOLDS: Final = 2


def novelty(candidates: Vectors, labelled: Vectors) -> Scores:
    """Return how novel each candidate is, ln ratio (clipped at 1/20 and 20) + 2 (1 - largest cosine).

    Parameters
    ----------
    candidates : float32 array of shape (n_candidates, n_dimensions)
        In an order that owes nothing to their subject: every second one is judged by the others.
    labelled : float32 array of shape (n_labelled, n_dimensions)
        At least two.
    """
    labelled = thinned(labelled)
    ratio = log_ratio(candidates, labelled)
    nearest = (candidates @ labelled.T).max(axis=1, initial=-1.0).astype(np.float64)
    bound = np.log(MOST_RATIO)
    found: Scores = np.clip(ratio, -bound, bound) + _DISTANCE_WEIGHT * (1.0 - nearest)
    return found


def log_ratio(candidates: Vectors, labelled: Vectors) -> Scores:
    """Return the logarithm of the density of candidates over that of labelled items, at each candidate."""
    found = np.zeros(len(candidates))
    if len(candidates) < _FOLDS or len(labelled) < _FOLDS:
        return found
    mine, theirs = np.arange(len(candidates)) % _FOLDS, np.arange(len(labelled)) % _FOLDS
    for fold in range(_FOLDS):
        weights = _separated(candidates[mine != fold], labelled[theirs != fold])
        judged = candidates[mine == fold]
        found[mine == fold] = judged @ weights[:-1] + weights[-1]
    return found


def thinned(labelled: Vectors) -> Vectors:
    """Return at most `MOST_LABELLED` of the vectors, evenly from first to last."""
    if len(labelled) <= MOST_LABELLED:
        return labelled
    return labelled[np.linspace(0, len(labelled) - 1, MOST_LABELLED).astype(np.intp)]


def _separated(candidates: Vectors, labelled: Vectors) -> npt.NDArray[np.float64]:
    """Return coefficients and intercept of a logistic regression in which both sides weigh the same."""
    x = np.concatenate([candidates, labelled]).astype(np.float64)
    x = np.column_stack([x, np.ones(len(x))])
    sides = ((1.0, len(candidates)), (-1.0, len(labelled)))
    y = np.concatenate([np.full(n, side) for side, n in sides])
    weight = np.concatenate([np.full(n, 0.5 / n) for _, n in sides])
    penalty = np.append(np.full(x.shape[1] - 1, _PENALTY), _PENALTY / 100)

    def loss(theta: npt.NDArray[np.float64]) -> float:
        return float(weight @ np.logaddexp(0.0, -y * (x @ theta)) + 0.5 * penalty @ theta**2)

    def derivatives(
        theta: npt.NDArray[np.float64],
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        wrong = expit(-y * (x @ theta))
        gradient = -x.T @ (weight * y * wrong) + penalty * theta
        hessian = x.T @ (x * (weight * wrong * (1.0 - wrong))[:, None]) + np.diag(penalty)
        return gradient, hessian

    return minimise(np.zeros(x.shape[1]), loss, derivatives, tolerance=_FLAT)
