"""Into which cell of (most probable class, how probable) does an item fall?

These cells are what the mixture of classes in traffic is fitted over: fine enough to tell the classes apart,
coarse enough that validation says what each class puts into each of them.
"""

from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.calibrating.calibration import Probabilities

Cells: TypeAlias = npt.NDArray[np.intp]  # (n_items,)
Scores: TypeAlias = npt.NDArray[np.float32]  # (n_items,), top probability
ClassCuts: TypeAlias = tuple[tuple[float, ...], ...]  # ascending, by class

MOST_BINS: Final = 4
ENOUGH_ITEMS: Final = 32  # of validation, in each cell of a class that has quartiles of its own


@dataclass(frozen=True, slots=True, eq=False)
class JointCells:
    """Cells class by class, in each by ascending probability: one more than the class has cuts."""

    class_cuts: ClassCuts
    _cuts: npt.NDArray[np.float32] = field(init=False, repr=False)
    _first: Cells = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Lay the cuts out as one array, padded by cuts that nothing is above."""
        widest = max((len(cuts) for cuts in self.class_cuts), default=0)
        padded = np.full((len(self.class_cuts), widest), np.inf, np.float32)
        for row, cuts in zip(padded, self.class_cuts, strict=True):
            row[: len(cuts)] = cuts
        sizes = [len(cuts) + 1 for cuts in self.class_cuts]
        object.__setattr__(self, "_cuts", padded)
        object.__setattr__(self, "_first", np.cumsum([0, *sizes], dtype=np.intp))

    @property
    def n(self) -> int:
        """How many cells there are."""
        return int(self._first[-1])

    def of(self, top: npt.NDArray[np.integer], scores: Scores) -> Cells:
        """Return the cell of each item, whose most probable class is `top` with probability `scores`."""
        above = scores[:, None] > self._cuts.take(top, axis=0)
        cells: Cells = self._first.take(top) + np.count_nonzero(above, axis=1)
        return cells

    def of_probabilities(self, probabilities: Probabilities) -> Cells:
        """Return the cell of each row of calibrated probabilities, shape (n_items, n_classes)."""
        return self.of(probabilities.argmax(axis=1), probabilities.max(axis=1))


def confidence_cuts(probabilities: Probabilities) -> ClassCuts:
    """Return the cuts of each class, `MOST_BINS` - 1 of them: quartiles of top probabilities in validation.

    They are its own where it is the most probable class of enough rows for `ENOUGH_ITEMS` in each cell. The
    other classes share the quartiles of all their rows together: those of a few rows are biased, and a bias
    that many classes share adds up. Cuts are float32 between two probabilities that occur, so that rounding
    moves no item across.
    """
    k = probabilities.shape[1]
    top, scores = probabilities.argmax(axis=1), probabilities.max(axis=1, initial=0.0)
    enough = np.bincount(top, minlength=k) >= MOST_BINS * ENOUGH_ITEMS
    scarce = scores[~enough[top]]
    shared = _quartiles(scarce if len(scarce) else scores)
    return tuple(_quartiles(scores[top == each]) if enough[each] else shared for each in range(k))


def _quartiles(scores: Scores) -> tuple[float, ...]:
    shares = np.arange(1, MOST_BINS) / MOST_BINS
    values, counts = np.unique(scores, return_counts=True)
    if len(values) < 2:
        return tuple(shares.tolist())
    below = np.cumsum(counts)[:-1] / len(scores)
    at = np.abs(below - shares[:, np.newaxis]).argmin(axis=1)
    middle = (values[at].astype(np.float64) + values[at + 1]) / 2
    return tuple(middle.astype(np.float32).tolist())
