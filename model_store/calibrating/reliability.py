"""Reliability: how far are probabilities from the shares of what comes true?

Every figure works on one label an item and on several. Class by class, because what top-label calibration
error hides, a rare class behind the common one, is what a model with class weights gets wrong.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.calibrating.brokenlines import Float64s
from model_store.data.indicators import AnyLabels, LabelMatrix, indicators

Ratios: TypeAlias = npt.NDArray[np.floating[Any]]

BINS: Final = 15
# float32 holds nothing between 1 and 1 - 6e-8: the rest of a 1 is half of that, not 0.
_REST: Final = 3e-8
_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Curve:
    """Of each bin of items, ascending: mean probability, share of positives, and how many items.

    A bin with tied probabilities may hold more than its part, and then others are missing.
    """

    mean: tuple[float, ...]
    share: tuple[float, ...]
    items: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return three lists."""
        return {
            "mean": [round(each, _DIGITS) for each in self.mean],
            "share": [round(each, _DIGITS) for each in self.share],
            "items": list(self.items),
        }


def log_loss(probabilities: Ratios, labels: AnyLabels) -> float:
    """Return the mean negative log of the probability given to what is true, in nats; 0 for no items.

    With one label an item that is the probability of its class; with several the mean of `class_log_loss`.
    """
    if len(labels) == 0:
        return 0.0
    if labels.ndim == 2:
        return float(class_log_loss(probabilities, labels).mean())
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(own, 1e-300)).mean())


def class_log_loss(probabilities: Ratios, labels: AnyLabels) -> Float64s:
    """Return the mean over items of -log p where the class is true and -log(1 - p) where it is not, in nats.

    Shape (n_classes,): each class against the rest; 0 for no items.

    Examples
    --------
    >>> p = np.array([[0.5, 0.9], [0.5, 0.1]])
    >>> class_log_loss(p, np.array([[True, True], [False, False]])).round(3).tolist()
    [0.693, 0.105]
    """
    positive = indicators(labels, probabilities.shape[1])
    p = probabilities.astype(np.float64)
    own = np.where(positive, p, np.maximum(1 - p, _REST))
    total: Float64s = -np.log(np.maximum(own, 1e-300)).sum(axis=0)
    return total / max(len(p), 1)


def brier(probabilities: Ratios, labels: AnyLabels) -> float:
    """Return the Brier score: the mean squared distance of the probabilities from what is true.

    With one label an item the squares of its classes are added up, 0 to 2 as Brier (1950) has it; with
    several it is the mean over labels, 0 to 1.

    Examples
    --------
    >>> round(brier(np.array([[0.8, 0.2]]), np.array([0])), 2)
    0.08
    """
    per_class = class_brier(probabilities, labels)
    return float(per_class.sum() if labels.ndim == 1 else per_class.mean())


def class_brier(probabilities: Ratios, labels: AnyLabels) -> Float64s:
    """Return the mean of (p - 1)^2 where the class is true and p^2 where it is not, shape (n_classes,)."""
    positive = indicators(labels, probabilities.shape[1])
    squares: Float64s = ((probabilities.astype(np.float64) - positive) ** 2).mean(axis=0)
    return squares


def classwise_ece(probabilities: Ratios, labels: AnyLabels, *, bins: int = BINS) -> Float64s:
    """Return the expected calibration error of every class, shape (n_classes,), as a ratio in [0, 1].

    Per class the items are cut into `bins` bins of equal mass by their probability of *that* class (tied
    values share a bin), and the gaps between mean probability and share of positives are averaged by mass.
    Top-label ECE would hide a rare class behind the common one (Nixon et al. 2019).

    Examples
    --------
    >>> p = np.array([[0.8, 0.2], [0.8, 0.2], [0.8, 0.2], [0.8, 0.2]], dtype=np.float32)
    >>> classwise_ece(p, np.array([0, 0, 0, 1])).round(2).tolist()
    [0.05, 0.05]
    """
    n, n_classes = probabilities.shape
    if n == 0:
        raise ValueError("classwise_ece of no items: expected at least one")
    positive = indicators(labels, n_classes)
    errors = np.empty(n_classes)
    for k in range(n_classes):
        p = probabilities[:, k].astype(np.float64)
        gap = np.bincount(_bins(p, bins), weights=p - positive[:, k], minlength=bins)
        errors[k] = np.abs(gap).sum() / n
    return errors


def reliability_curve(p: Ratios, positive: LabelMatrix, bins: int = BINS) -> Curve:
    """Return mean probability and share of positives in bins of equal mass; tied values share a bin.

    Parameters
    ----------
    p : float array of shape (n_items,)
        Probabilities of one class.
    positive : bool array of shape (n_items,)

    Examples
    --------
    >>> reliability_curve(np.array([0.1, 0.1, 0.9, 0.9]), np.array([False, True, True, True]), bins=2)
    Curve(mean=(0.1, 0.9), share=(0.5, 1.0), items=(2, 2))
    """
    if len(p) == 0:
        return Curve((), (), ())
    exact = p.astype(np.float64)
    bin_of = _bins(exact, bins)
    items = np.bincount(bin_of, minlength=bins)
    filled = items > 0
    mean = np.bincount(bin_of, weights=exact, minlength=bins)[filled] / items[filled]
    share = np.bincount(bin_of, weights=positive, minlength=bins)[filled] / items[filled]
    return Curve(tuple(mean.tolist()), tuple(share.tolist()), tuple(items[filled].tolist()))


def _bins(p: Float64s, bins: int) -> npt.NDArray[np.intp]:
    starts = (np.arange(1, bins) * len(p)) // bins
    return np.searchsorted(np.sort(p)[starts], p, side="right")
