"""Shift reference: how are the items of every class answered, as validation rows tell it?

Under a shift of the class mix alone, items of a class are answered as ever. Then live traffic over *joint
bins* (most probable class x how confident) is a mixture of what each class looks like on validation rows, and
the weights of that mixture are the new priors. This holds those histograms, and where the bins are cut.

A joint bin of few rows says little, so bins of a class are merged into *cells* of at least `ENOUGH_ITEMS`
rows each, and a class with fewer is one cell. How confident answers are is then still seen in the *quarters*:
the bins of all classes added up.

A bundle keeps neither weights nor groups of its validation rows: each row counts as one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.bundles.bundle import Bundle, read_validation
from model_store.calibrating.calibration import AnyLabels, Float64s, Probabilities
from model_store.joint_cells import ENOUGH_ITEMS, MOST_BINS, JointCells, confidence_cuts
from model_store.soft_confusion import SoftConfusion

Integers: TypeAlias = npt.NDArray[np.int64]


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
        In the first form `n_classes` for a row of no class.
    histograms : int64 array of shape (n_components, MOST_BINS * n_classes)
        Rows per true class and joint bin. Rows of no class, if any, are a component of their own, the last.
        With several labels an item there are no joint bins, hence no columns.
    starts : int64 array of shape (n_cells,)
        The first joint bin of each cell.
    soft : SoftConfusion, optional
        None with several labels an item, and where rows of no class make more components than probabilities.
    sample : bool
        The rows are a sample of traffic; else items of a class may be answered differently in traffic.
    """

    classes: tuple[str, ...]
    multilabel: bool
    probabilities: Probabilities
    labels: AnyLabels
    histograms: Integers
    starts: Integers
    soft: SoftConfusion | None = None
    sample: bool = True

    @property
    def counts(self) -> Integers:
        """Rows of each component, shape (n_components,)."""
        if self.labels.ndim == 1:
            return np.bincount(self.labels, minlength=len(self.histograms))
        per_label: Integers = self.labels.sum(axis=0, dtype=np.int64)
        return per_label

    @property
    def priors(self) -> Float64s:
        """Shares of the components among the rows; they sum to 1 but for several labels an item."""
        return self.counts / max(len(self.labels), 1)

    def cells(self, bins: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return numbers of joint bins (last axis) added up over each cell."""
        cells: npt.NDArray[Any] = np.add.reduceat(bins, self.starts, axis=-1)
        return cells

    def quarters(self, bins: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return numbers of joint bins (last axis) added up over the classes, the least confident first."""
        quarters: npt.NDArray[Any] = bins.reshape(*bins.shape[:-1], -1, MOST_BINS).sum(axis=-2)
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
    """Count calibrated validation rows; `labels` as a bundle keeps them, -1 for no class."""
    k = len(classes)
    if labels.ndim == 2:
        nothing = np.zeros((k, 0), np.int64)
        return ShiftReference(tuple(classes), True, probabilities, labels, nothing, nothing[0], sample=sample)
    of = np.where(labels >= 0, labels, k).astype(np.int64)
    components = k + int((labels < 0).any())
    bins = JointCells(confidence_cuts(probabilities)).of_probabilities(probabilities)
    width = MOST_BINS * k
    histograms = np.bincount(of * width + bins, minlength=components * width).reshape(components, width)
    return ShiftReference(
        tuple(classes),
        False,
        probabilities,
        of,
        histograms.astype(np.int64),
        _starts(histograms.sum(axis=0)),
        SoftConfusion.of(probabilities, of, k) if components == k else None,
        sample,
    )


def _starts(rows: Integers) -> Integers:
    """Return where cells begin: within a class bins are merged upwards until each has enough rows."""
    starts = []
    for k, quarters in enumerate(rows.reshape(-1, MOST_BINS)):
        starts.append(MOST_BINS * k)
        for quarter in range(1, MOST_BINS):
            behind = starts[-1] - MOST_BINS * k
            if min(quarters[behind:quarter].sum(), quarters[quarter:].sum()) >= ENOUGH_ITEMS:
                starts.append(MOST_BINS * k + quarter)
    return np.array(starts, dtype=np.int64)
