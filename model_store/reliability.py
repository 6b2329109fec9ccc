"""Reliability: how far are probabilities from the shares of what comes true?

Every figure works on one label an item and on several. What top-label calibration error would hide, a rare
class behind the common one, shows per class.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from model_store.brokenlines import Float64s
from model_store.indicators import AnyLabels, indicators

BINS = 15


def log_loss(probabilities: npt.NDArray[np.floating[Any]], labels: AnyLabels) -> float:
    """Return the mean negative log of the probability given to what is true, in nats; 0 for no items.

    With one label an item that is the probability of its class; with several it is the mean over items and
    labels of -log p where the label is there, and of -log(1 - p) where it is not.
    """
    if len(labels) == 0:
        return 0.0
    if labels.ndim == 1:
        own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
        return float(-np.log(np.maximum(own, 1e-300)).mean())
    p = probabilities.astype(np.float64)
    own = np.where(indicators(labels, p.shape[1]), p, 1 - p)
    # float32 rounds what is above 1 - 6e-8 to 1: its rest is what was rounded away, not 0.
    return float(-np.log(np.maximum(own, 3e-8 if probabilities.dtype == np.float32 else 1e-300)).mean())


def classwise_ece(
    probabilities: npt.NDArray[np.floating[Any]], labels: AnyLabels, *, bins: int = BINS
) -> Float64s:
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
    starts = (np.arange(1, bins) * n) // bins
    errors = np.empty(n_classes)
    for k in range(n_classes):
        p = probabilities[:, k].astype(np.float64)
        bin_of = np.searchsorted(np.sort(p)[starts], p, side="right")
        gap = np.bincount(bin_of, weights=p - positive[:, k], minlength=bins)
        errors[k] = np.abs(gap).sum() / n
    return errors
