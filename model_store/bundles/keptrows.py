"""Which rows does a bundle remember, and as what, since it may not keep their content?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from model_store.bundles.arrays import Array, Layout, load_arrays, save_arrays
from model_store.data.rowmarks import Binning
from model_store.data.wordmarks import MOST_KEPT, PER_TEXT, evenly, kept
from model_store.errors import BundleInvalid
from model_store.graphs.values import Column

_VALIDATION_LAYOUT: Final[Layout] = {"probabilities": ("float32", 2), "labels": ("int32", 1)}
_MULTILABEL_LAYOUT: Final[Layout] = {"probabilities": ("float32", 2), "labels": ("bool", 2)}
_RAW: Final[Layout] = {"log_probabilities": ("float32", 2)}
_SEEN_LAYOUT: Final[Layout] = {"signatures": ("uint32", 2), "vectors": ("float32", 2)}
_MARKS: Final[Layout] = {"marks": ("uint16", 2), "cuts": ("float64", 2)}

MOST_MARKED: Final = 5 * MOST_KEPT  # items of all versions together


@dataclass(frozen=True, slots=True)
class Validation:
    """Calibrated probabilities and labels of the rows that only thresholds were fitted on; no text.

    Parameters
    ----------
    probabilities : float32 array of shape (n, K)
        Columns in the order of the classes. Rows sum to 1, but for a multilabel model.
    labels : int32 array of shape (n,), or bool array of shape (n, K)
        Positions in the classes, -1 for none; for a multilabel model whether each label holds.
    log_probabilities : float32 array of shape (n, K), optional
        What the classifier said, so that a refit can calibrate anew; None in bundles of format 1.
    """

    probabilities: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int32] | npt.NDArray[np.bool_]
    log_probabilities: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What recognises an item that is already labelled, without its text.

    Parameters
    ----------
    signatures : uint32 array of shape (n, n_hashes)
        MinHash signatures.
    vectors : float32 array of shape (m, n_dimensions), optional
        Embeddings of some of the items; None when there are none.
    marks : uint16 array of shape (m, 64), optional
        Words of some of the texts, see `model_store.data.wordmarks`; of a table values of some of the rows.
    cuts : float64 array of shape (n_columns of numbers, 11), optional
        What makes marks of a row, see `model_store.data.rowmarks`.
    """

    signatures: npt.NDArray[np.uint32]
    vectors: npt.NDArray[np.float32] | None = None
    marks: npt.NDArray[np.uint16] | None = None
    cuts: npt.NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls,
        signatures: npt.NDArray[np.uint32],
        items: Sequence[Any],
        *,
        columns: Sequence[Column] = (),
        before: Self | None = None,
    ) -> Self:
        """Return what recognises labelled items: texts, or rows of a table with `columns`.

        Parameters
        ----------
        before : Seen, optional
            Of an earlier version that takes the same: these items come to its own, and rows of a table are
            marked by its cuts. Of its marks as many go, evenly, as are beyond `MOST_MARKED` together.
        """
        cuts = None
        if columns:
            earlier = None if before is None else before.cuts
            binning = Binning.of(columns, items) if earlier is None else Binning(tuple(columns), earlier)
            marks, cuts = binning.kept(items), binning.cuts
        else:
            marks = kept(items)
        if before is not None:
            signatures = np.unique(np.concatenate([before.signatures, signatures]), axis=0)
            if before.marks is not None:
                earlier_marks = before.marks[evenly(len(before.marks), MOST_MARKED - len(marks))]
                marks = np.concatenate([earlier_marks, marks])
        return cls(signatures, marks=marks, cuts=cuts)


def save_validation(file: Path, validation: Validation) -> None:
    """Write the validation rows."""
    arrays: dict[str, Array] = {"probabilities": validation.probabilities, "labels": validation.labels}
    if validation.log_probabilities is not None:
        arrays["log_probabilities"] = validation.log_probabilities
    save_arrays(file, arrays)


def load_validation(file: Path, n_classes: int, *, several: bool) -> Validation:
    """Return the validation rows of a model of `n_classes`, each with one label or with `several`.

    Raises
    ------
    BundleInvalid
        If an array is missing, of another type or shape, or a label is not one of the classes.
    """
    arrays = load_arrays(file, _MULTILABEL_LAYOUT if several else _VALIDATION_LAYOUT, _RAW)
    validation = Validation(**arrays)
    labels = arrays["labels"]
    expected = (len(labels), n_classes)
    for name, array in arrays.items():
        if array.ndim == 2 and array.shape != expected:
            raise BundleInvalid(file, f"{name} have shape {array.shape}, expected {expected}")
    if not several and len(labels) and not -1 <= labels.min() <= labels.max() < n_classes:
        raise BundleInvalid(file, f"a label is outside -1 to {n_classes - 1}")
    return validation


def save_seen(file: Path, seen: Seen) -> None:
    """Write the signatures, and vectors of no dimension where there are none."""
    none = np.zeros((0, 0), dtype=np.float32)
    arrays: dict[str, Array] = {
        "signatures": seen.signatures,
        "vectors": none if seen.vectors is None else seen.vectors,
    }
    if seen.marks is not None:
        arrays["marks"] = seen.marks
    if seen.cuts is not None:
        arrays["cuts"] = seen.cuts
    save_arrays(file, arrays)


def load_seen(file: Path) -> Seen:
    """Return what `save_seen` wrote; BundleInvalid if the arrays are not its."""
    arrays = load_arrays(file, _SEEN_LAYOUT, _MARKS)
    vectors, marks = arrays["vectors"], arrays.get("marks")
    if marks is not None and marks.shape[1] != PER_TEXT:
        raise BundleInvalid(file, f"marks have shape {marks.shape}, expected {PER_TEXT} a text")
    return Seen(arrays["signatures"], vectors if vectors.shape[1] else None, marks, arrays.get("cuts"))
