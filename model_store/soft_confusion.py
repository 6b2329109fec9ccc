"""Soft confusion: which probabilities does an item of each class get, and how much do they vary?

Under a shift of the class mix alone the mean probabilities of traffic are those of each class, weighted by
the new priors: mass = priors @ means. So priors = mass @ inverse (black box shift estimation with soft
predictions, Lipton, Wang and Smola 2018). It needs no calibration to be right, only less noise with it.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from model_store.calibrating.calibration import Float64s, Labels, Probabilities

_SINGULAR: Final = 1e-6  # classes that get the same probabilities cannot be told apart


@dataclass(frozen=True, slots=True, eq=False)
class SoftConfusion:
    """Per class of validation rows; a class without rows has zeros.

    Parameters
    ----------
    means : float64 array of shape (n_classes, n_classes)
        Mean probabilities (columns) of the rows of each class.
    inverse : float64 array of shape (n_classes, n_classes)
        Its pseudo-inverse.
    spread : float64 array of shape (n_classes, n_classes)
        Of the rows of class k the variance of column j of (probabilities @ inverse), which says what one item
        adds to the estimate of prior j.
    """

    means: Float64s
    inverse: Float64s
    spread: Float64s

    @classmethod
    def of(cls, probabilities: Probabilities, labels: Labels, n_classes: int) -> Self:
        """Measure calibrated probabilities, shape (n_rows, n_classes), of rows of one known class each."""
        order = np.argsort(labels, kind="stable")
        counts = np.bincount(labels, minlength=n_classes)
        means = _class_means(probabilities[order].astype(np.float64), counts)
        inverse = np.linalg.pinv(means, rcond=_SINGULAR).astype(np.float64)
        votes = (probabilities[order] @ inverse.astype(np.float32)).astype(np.float64)
        centred = votes - np.repeat(_class_means(votes, counts), counts, axis=0)
        return cls(means, inverse, _class_means(centred**2, counts))


def _class_means(rows: Float64s, counts: Labels) -> Float64s:
    """Return the mean of the rows of each class, which lie together in the order of the classes."""
    means = np.zeros((len(counts), rows.shape[1]))
    present = np.flatnonzero(counts)
    if len(present):
        starts = (np.cumsum(counts) - counts)[present]
        means[present] = np.add.reduceat(rows, starts, axis=0) / counts[present, np.newaxis]
    return means
