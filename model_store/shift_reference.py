"""Shift reference: how are the items of every class answered, as validation rows tell it?

Under a shift of the class mix alone, items of a class are answered as ever. Then live traffic over *joint
bins* (most probable class x how confident) is a mixture of what each class looks like on validation rows, and
the weights of that mixture are the new priors. This holds those histograms, and where the bins are cut.

A joint bin of few rows says little, so bins of a class are merged into *cells* of at least `MIN_BIN_ITEMS`
rows each, and a class with fewer is one cell. How confident answers are is then still seen in the *quarters*:
the bins of all classes added up.

A bundle keeps neither weights nor groups of its validation rows: each row counts as one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.bundles.bundle import Bundle, read_validation
from model_store.calibrating.calibration import AnyLabels, Float32s, Float64s, Probabilities
from model_store.data.indicators import indicators
from model_store.soft_confusion import SoftConfusion

Integers: TypeAlias = npt.NDArray[np.int64]

CONFIDENCE_BINS: Final = 4
MIN_BIN_ITEMS: Final = 32


@dataclass(frozen=True, slots=True, eq=False)
class ShiftReference:
    """What validation rows say about each class; `shift_reference` makes it of a bundle.

    Parameters
    ----------
    classes : tuple of str
    multilabel : bool
        An item may be of several classes; there are no joint bins then.
    probabilities : float32 array of shape (n_rows, n_classes)
        Calibrated.
    labels : int64 array of shape (n_rows,), or bool array of shape (n_rows, n_classes)
        Rows of no class are left out of the first form.
    cuts : float32 array of shape (n_classes, CONFIDENCE_BINS - 1)
        See `confidence_cuts`.
    histograms : int64 array of shape (n_classes, CONFIDENCE_BINS * n_classes)
        Rows per true class and joint bin; without joint bins of no column.
    starts : int64 array of shape (n_cells,)
        The first joint bin of each cell.
    soft : SoftConfusion, optional
        None with several labels an item.
    sample : bool
        The rows are a sample of traffic; else items of a class may be answered differently in traffic.
    """

    classes: tuple[str, ...]
    multilabel: bool
    probabilities: Probabilities
    labels: AnyLabels
    cuts: Float32s
    histograms: Integers
    starts: Integers
    soft: SoftConfusion | None = None
    sample: bool = True

    @property
    def counts(self) -> Integers:
        """Rows of each class, shape (n_classes,)."""
        if self.labels.ndim == 1:
            return np.bincount(self.labels, minlength=len(self.classes)).astype(np.int64)
        return indicators(self.labels, len(self.classes)).sum(axis=0).astype(np.int64)

    @property
    def priors(self) -> Float64s:
        """Shares of the classes among the rows; they sum to 1 but for several labels an item."""
        return self.counts / max(len(self.labels), 1)

    def cells(self, bins: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return numbers of joint bins (last axis) added up over each cell."""
        cells: npt.NDArray[Any] = np.add.reduceat(bins, self.starts, axis=-1)
        return cells

    def quarters(self, bins: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return numbers of joint bins (last axis) added up over the classes, the least confident first."""
        quarters: npt.NDArray[Any] = bins.reshape(*bins.shape[:-1], -1, CONFIDENCE_BINS).sum(axis=-2)
        return quarters


def shift_reference(bundle: Bundle) -> ShiftReference:
    """Return what the validation rows of a verified bundle say; read once per model, not per alarm."""
    validation = read_validation(bundle)
    return build_shift_reference(
        validation.probabilities,
        validation.labels,
        bundle.manifest.classes,
        sample=bundle.manifest.training.get("sample") is not False,
    )


def build_shift_reference(
    probabilities: Probabilities, labels: AnyLabels, classes: Sequence[str], *, sample: bool = True
) -> ShiftReference:
    """Count validation rows; rows of no class (-1) serve the cuts only, as they are part of the traffic."""
    cuts = confidence_cuts(probabilities, classes)
    k, several = len(classes), labels.ndim == 2
    if several:
        nothing = np.zeros((k, 0), np.int64)
        return ShiftReference(
            tuple(classes), True, probabilities, labels, cuts, nothing, nothing[0], sample=sample
        )
    known = labels >= 0
    rows, of = probabilities[known], labels[known].astype(np.int64)
    bins = joint_bins(rows.argmax(axis=1), rows.max(axis=1, initial=0.0), cuts)
    width = CONFIDENCE_BINS * k
    histograms = np.bincount(of * width + bins, minlength=k * width).reshape(k, width).astype(np.int64)
    starts = _starts(histograms.sum(axis=0))
    soft = SoftConfusion.of(rows, of, k)
    return ShiftReference(tuple(classes), False, rows, of, cuts, histograms, starts, soft, sample)


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


def _starts(rows: Integers) -> Integers:
    """Return where cells begin: within a class bins are merged upwards until each has enough rows."""
    starts = []
    for k, quarters in enumerate(rows.reshape(-1, CONFIDENCE_BINS)):
        starts.append(CONFIDENCE_BINS * k)
        for quarter in range(1, CONFIDENCE_BINS):
            behind = starts[-1] - CONFIDENCE_BINS * k
            if min(quarters[behind:quarter].sum(), quarters[quarter:].sum()) >= MIN_BIN_ITEMS:
                starts.append(CONFIDENCE_BINS * k + quarter)
    return np.array(starts, dtype=np.int64)
