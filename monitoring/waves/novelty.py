"""Which candidates are unlike everything that was ever labelled?

How much more often does traffic like this come than labelled items like this? A classifier that tells
traffic from labelled items says so (density ratio estimation; Sugiyama, Suzuki and Kanamori 2012, section 4),
each candidate judged by one that was not fitted on it. The ratio alone finds whatever traffic has more of;
what the model is sure of needs no label. So the odds that the model is wrong are added.

A single text is often unlike the others by chance; a kind of item that nobody knew comes in numbers. So of
texts the most novel are those in the midst of novel ones (decision 0019).
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.sparse import csr_array, diags_array, vstack
from scipy.special import expit, logit

from model_store.data.wordmarks import Marks, matrix
from monitoring.recording.ranking import Scores

MOST_RATIO: Final = 20.0
_PENALTY: Final = 1e-5  # on the coefficients, beside the mean log loss
_STEPS: Final = 30  # with 25, 40 and 60 batches find as much; 60 take twice as long
_FOLDS: Final = 2
_SUREST: Final = 1e-6
_LOOK: Final = 3  # of the candidates one in so many, the most novel, is compared with all
_BLOCK: Final = 256  # of these at once: long texts have marks in common, 6,000 took 300 MB, now 40
_ALIKE: Final = 7  # of those most like it count
_COMMON: Final = 0.05  # of the candidates; a mark of more of them does not make two alike
_ALONE: Final = 1.0  # how much the mean of all counts, in cosines: it pulls down what is like nothing

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


def among_alike(scores: Scores, candidates: Marks) -> Scores:
    """Return the largest third of the scores as means over the candidate and the seven most like it.

    Alike are candidates with uncommon marks in common; they count by the cosine. The other scores are lowered
    below these and keep their order.

    Parameters
    ----------
    scores : float64 array of shape (n,)
        Of the candidates.
    candidates : uint16 array of shape (n, 64)
        Their marks.
    """
    if not len(scores):
        return scores
    best = np.argsort(-scores, kind="stable")[: max(len(scores) // _LOOK, 1)]
    marks = _uncommon(matrix(candidates))
    blocks = (best[start : start + _BLOCK] for start in range(0, len(best), _BLOCK))
    mean = np.concatenate([_means(scores, marks, block) for block in blocks])
    found: Scores = scores + (mean.min() - scores.max() - 1.0)
    found[best] = mean
    return found


def _means(scores: Scores, marks: csr_array, rows: npt.NDArray[np.intp]) -> Scores:
    """Return the mean of each of the rows and the seven most like it, the mean of all as one more."""
    alike = (marks[rows] @ marks.T).tocsr()
    cosines = alike.data.round(9)
    of = np.repeat(np.arange(len(rows)), np.diff(alike.indptr))
    kept = np.flatnonzero(cosines >= _bars(cosines, alike.indptr)[of])  # the others need no sorting
    of, which, cosines = of[kept], alike.indices[kept], cosines[kept]
    order = np.lexsort((-scores[which], -cosines, of))  # whatever order they came in
    starts = np.searchsorted(of, np.arange(len(rows)))
    nearest = order[np.arange(len(order)) - starts[of] <= _ALIKE]  # itself and seven
    weight, neighbour = alike.data[kept[nearest]], scores[which[nearest]]
    total = np.bincount(of[nearest], weight * neighbour, minlength=len(rows)) + _ALONE * scores.mean()
    mean: Scores = total / (np.bincount(of[nearest], weight, minlength=len(rows)) + _ALONE)
    return mean


def _bars(cosines: Floats, ends: npt.NDArray[np.integer]) -> Floats:
    """Return the cosine of the seventh most like each row, itself not counted; 0 where there are fewer."""
    bars = np.zeros(len(ends) - 1)
    for row, mine in enumerate(np.split(cosines, ends[1:-1])):
        if len(mine) > _ALIKE:
            bars[row] = np.partition(mine, len(mine) - _ALIKE - 1)[len(mine) - _ALIKE - 1]
    return bars


def _uncommon(marks: csr_array) -> csr_array:
    """Return rows of length 1 (0 where nothing is left) without the columns that are common."""
    often = np.bincount(marks.indices, minlength=marks.shape[1])
    kept = marks[:, np.flatnonzero(often <= max(_COMMON * marks.shape[0], _ALIKE + 1))]
    length = np.sqrt(kept.multiply(kept).sum(axis=1))
    scaled: csr_array = diags_array(1.0 / np.maximum(length, _SUREST)) @ kept
    return scaled.tocsr()


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
    transposed = x.T.tocsr()
    sides = ((1.0, candidates.shape[0]), (-1.0, labelled.shape[0]))
    y = np.concatenate([np.full(n, side) for side, n in sides])
    weight = np.concatenate([np.full(n, 0.5 / n) for _, n in sides])

    def loss(theta: Floats) -> tuple[float, Floats]:
        margin = y * (x @ theta[:-1] + theta[-1])
        value = weight @ np.logaddexp(0.0, -margin) + 0.5 * _PENALTY * theta[:-1] @ theta[:-1]
        pull = -weight * y * expit(-margin)
        gradient = np.append(transposed @ pull + _PENALTY * theta[:-1], pull.sum())
        return float(value), gradient

    start = np.zeros(x.shape[1] + 1)
    found: Floats = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}).x
    return found
