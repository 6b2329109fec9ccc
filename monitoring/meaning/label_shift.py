"""Label shift with several labels an item: how many items have each label, if items of it look as ever?

Each label is a binary problem of its own, solved twice from what is counted: from its mean probability (black
box shift estimation, Lipton, Wang and Smola 2018) and from the share of items where it is at least even
(Rogan and Gladen 1978). Two numbers a label leave no goodness of fit to test beside their agreement.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from model_store.calibrating.calibration import Float64s
from model_store.shift_reference import Integers, ShiftReference
from monitoring.meaning.shift import Estimate

EVEN: Final = np.float32(0.5)
_APART: Final = 0.02  # means that are nearer do not tell items with the label from those without


@dataclass(frozen=True, slots=True, eq=False)
class LabelShares:
    """Shares of items with each label.

    Parameters
    ----------
    soft, hard : Estimate
        From mean probabilities, and from items where the label is at least even.
    told : bool array of shape (n_labels,)
        False where the model does not tell the label from the rest: both estimates are the old share.
    """

    soft: Estimate
    hard: Estimate
    told: npt.NDArray[np.bool_]


def label_shares(reference: ShiftReference, even: Integers, mass: Float64s, *, items: float) -> LabelShares:
    """Return both estimates for every label.

    Parameters
    ----------
    even : int64 array of shape (n_labels + 1,)
        Live items where each label's probability is at least `EVEN`, then all items, at least one.
    mass : float64 array of shape (n_labels,)
        Mean probabilities of live items.
    items : float
        How many independent items they are worth.
    """
    positive, p = reference.labels.astype(np.bool_), reference.probabilities.astype(np.float64)
    soft, told = _solved(p, positive, mass, reference.priors, items)
    hard, also = _solved(
        (p >= EVEN).astype(np.float64), positive, even[:-1] / even[-1], reference.priors, items
    )
    return LabelShares(soft, hard, told & also)


def _solved(
    votes: Float64s, positive: npt.NDArray[np.bool_], live: Float64s, before: Float64s, items: float
) -> tuple[Estimate, npt.NDArray[np.bool_]]:
    """Return the share of positives for which the mean vote is what it is among live items."""
    with_label, spread, n = _moments(votes, positive)
    without, other_spread, others = _moments(votes, ~positive)
    apart = with_label - without
    told = (apart > _APART) & (n > 1) & (others > 1)
    share = np.clip(np.divide(live - without, apart, out=before.copy(), where=told), 0.0, 1.0)
    rest = 1.0 - share
    validation = share**2 * spread / np.maximum(n, 1) + rest**2 * other_spread / np.maximum(others, 1)
    drawn = (share * spread + rest * other_spread + share * rest * apart**2) / items
    errors = np.divide(np.sqrt(validation + drawn), apart, out=np.ones_like(apart), where=told)
    return Estimate(share, errors), told


def _moments(votes: Float64s, which: npt.NDArray[np.bool_]) -> tuple[Float64s, Float64s, Integers]:
    """Return mean, variance and number of the rows of `which`, label by label."""
    n = which.sum(axis=0)
    some = np.maximum(n, 1)
    mean = np.where(which, votes, 0.0).sum(axis=0) / some
    variance = np.where(which, (votes - mean) ** 2, 0.0).sum(axis=0) / some
    return mean, variance, n
