"""Shift reference: how are the items of every class answered, as validation rows tell it?

Under a shift of the class mix alone, items of a class are answered as ever. Then live traffic over *joint
bins* (most probable class x how confident) is a mixture of what each class looks like on validation rows, and
the weights of that mixture are the new priors. This holds those histograms, and where the bins are cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from model_store.bundles.bundle import Bundle
from model_store.calibrating.calibration import Float32s, Probabilities

CONFIDENCE_BINS: Final = 4
MIN_BIN_ITEMS: Final = 32


@dataclass(frozen=True, slots=True, eq=False)
class ShiftReference:
    """What validation rows say about each class, as counts; `shift_reference` makes it."""

    classes: tuple[str, ...]


def shift_reference(bundle: Bundle) -> ShiftReference:
    """Return what the validation rows of a verified bundle say; read once per model, not per alarm."""
    raise NotImplementedError(bundle.key)


def confidence_cuts(probabilities: Probabilities, classes: Sequence[str]) -> Float32s:
    """Return from which confidences on an item is in the next bin of its most probable class.

    A class that is the most probable one of at least `CONFIDENCE_BINS * MIN_BIN_ITEMS` rows is cut at its own
    quartiles, the others at the quartiles of all their rows together: quartiles of a few rows are biased, and
    a bias that all classes share adds up. Cuts lie between two values that occur, so that rounding moves no
    item across.

    Parameters
    ----------
    probabilities : float32 array of shape (n_rows, n_classes)
        Calibrated, of validation rows.
    classes : sequence of str
        Of the columns.

    Returns
    -------
    float32 array of shape (n_classes, CONFIDENCE_BINS - 1)
        Ascending along each row.
    """
    if probabilities.shape[1] != len(classes):
        raise ValueError(f"probabilities of {probabilities.shape[1]} classes: expected {len(classes)}")
    top, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1, initial=0.0)
    enough = np.bincount(top, minlength=len(classes)) >= CONFIDENCE_BINS * MIN_BIN_ITEMS
    scarce = confidence[~enough[top]]
    cuts = np.tile(_quartiles(scarce if len(scarce) else confidence), (len(classes), 1))
    for k in np.flatnonzero(enough):
        cuts[k] = _quartiles(confidence[top == k])
    return cuts


def joint_bins(
    top: npt.NDArray[np.integer[Any]], confidence: Float32s, cuts: Float32s
) -> npt.NDArray[np.intp]:
    """Return the joint bin of each item: `CONFIDENCE_BINS * class + quarter`, the least confident first.

    Parameters
    ----------
    top : int array of shape (n_items,)
        Index of the most probable class.
    confidence : float32 array of shape (n_items,)
        Its calibrated probability.
    cuts : float32 array of shape (n_classes, CONFIDENCE_BINS - 1)
        What `confidence_cuts` returned.

    Examples
    --------
    >>> cuts = np.array([[0.5, 0.6, 0.7], [0.8, 0.9, 0.95]], dtype=np.float32)
    >>> joint_bins(np.array([0, 1, 1]), np.array([0.65, 0.7, 0.99], dtype=np.float32), cuts).tolist()
    [2, 4, 7]
    """
    quarter = (confidence[:, np.newaxis] >= cuts[top]).sum(axis=1)
    bins: npt.NDArray[np.intp] = CONFIDENCE_BINS * top.astype(np.intp) + quarter
    return bins


def _quartiles(confidence: Float32s) -> Float32s:
    """Return cuts that leave about a quarter of the values in each bin, halfway between two distinct ones."""
    shares = np.arange(1, CONFIDENCE_BINS) / CONFIDENCE_BINS
    if len(confidence) == 0:
        return shares.astype(np.float32)
    values, counts = np.unique(confidence, return_counts=True)
    if len(values) == 1:
        return np.full(CONFIDENCE_BINS - 1, values[0] / 2, dtype=np.float32)
    below = np.cumsum(counts)[:-1] / len(confidence)
    at = np.abs(below - shares[:, np.newaxis]).argmin(axis=1)
    middle: Float32s = ((values[at].astype(np.float64) + values[at + 1]) / 2).astype(np.float32)
    return middle
