"""Windows compared with a reference as a whole, also with one of its own for each."""

import numpy as np
import numpy.typing as npt

from monitoring.scanning.whole_mix import MixInflation, Reference, WholeMix


def whole_mix(
    counts: npt.ArrayLike,
    items: npt.ArrayLike,
    reference: npt.ArrayLike,
    reference_items: npt.ArrayLike,
    *,
    lengths: npt.ArrayLike,
    tolerance: npt.ArrayLike = 0.0,
    tolerance_abs: npt.ArrayLike = 0.0,
    inflation: MixInflation | None = None,
) -> WholeMix:
    """Return windows, flattened to rows, and what they are compared with; all but `lengths` broadcast."""
    if np.ndim(reference) == 1:
        other = Reference.of(
            reference, np.ravel(reference_items), tolerance=tolerance, tolerance_abs=tolerance_abs
        )
    else:
        shape = np.shape(counts)[:-1]
        each = (reference, reference_items, tolerance, tolerance_abs)
        other = Reference(*(_rows(values, shape) for values in each))
    return other.compared(counts, items, lengths=lengths, inflation=inflation)


def _rows(values: npt.ArrayLike, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Return a row for each window."""
    array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    return np.broadcast_to(array, (*shape, array.shape[-1])).reshape(-1, array.shape[-1])
