"""Which candidates are unlike everything that was ever labelled?

How much more often does traffic like this come than labelled items like this? A classifier that tells
traffic from labelled items says so (density ratio estimation; Sugiyama, Suzuki and Kanamori 2012, section 4),
each candidate judged by one that was not fitted on it. The ratio alone finds whatever traffic has more of;
what the model is sure of needs no label. So the odds that the model is wrong are added.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.sparse import csr_array, vstack
from scipy.special import expit, logit

from model_store.data.wordmarks import Marks, matrix
from monitoring.recording.candidate import Scores

MOST_RATIO: Final = 20.0
_PENALTY: Final = 1e-5  # on the coefficients, beside the mean log loss
_STEPS: Final = 60
_FOLDS: Final = 2
_SUREST: Final = 1e-6

Floats = npt.NDArray[np.float64]


def novelty(candidates: Marks, labelled: Marks, *, confidence: Scores) -> Scores:
    """Return how novel each candidate is: the log odds of an error, plus ln ratio clipped at 1/20 and 20.

    Parameters
    ----------
    candidates, labelled : uint16 arrays of shape (n, 64)
        Marks of their words, see `model_store.data.wordmarks`; candidates in an order that owes nothing to
        what they say: every second one is judged by the others.
    confidence : float64 array of shape (n_candidates,)
        The largest probability of each.
    """
    bound = np.log(MOST_RATIO)
    wrong = logit(np.clip(1.0 - confidence, _SUREST, 1.0 - _SUREST))
    found: Scores = np.clip(log_ratio(candidates, labelled), -bound, bound) + wrong
    return found


def log_ratio(candidates: Marks, labelled: Marks) -> Scores:
    """Return the logarithm of the density of candidates over that of labelled items, at each candidate."""
    found = np.zeros(len(candidates))
    if len(candidates) < _FOLDS or len(labelled) < _FOLDS:
        return found
    mine, theirs = matrix(candidates), matrix(labelled)
    for fold in range(_FOLDS):
        weights = _separated(mine[1 - fold :: _FOLDS], theirs[1 - fold :: _FOLDS])
        found[fold::_FOLDS] = mine[fold::_FOLDS] @ weights[:-1] + weights[-1]
    return found


def _separated(candidates: csr_array, labelled: csr_array) -> Floats:
    """Return coefficients and intercept of a logistic regression in which both sides weigh the same."""
    x = vstack([candidates, labelled]).tocsr()
    sides = ((1.0, candidates.shape[0]), (-1.0, labelled.shape[0]))
    y = np.concatenate([np.full(n, side) for side, n in sides])
    weight = np.concatenate([np.full(n, 0.5 / n) for _, n in sides])

    def loss(theta: Floats) -> tuple[float, Floats]:
        margin = y * (x @ theta[:-1] + theta[-1])
        value = weight @ np.logaddexp(0.0, -margin) + 0.5 * _PENALTY * theta[:-1] @ theta[:-1]
        pull = -weight * y * expit(-margin)
        gradient = np.append(x.T @ pull + _PENALTY * theta[:-1], pull.sum())
        return float(value), gradient

    start = np.zeros(x.shape[1] + 1)
    found: Floats = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}).x
    return found
