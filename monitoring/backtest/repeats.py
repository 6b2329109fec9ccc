"""Which rows repeat an item that was counted before: each id counts once, as long as it is remembered."""

from typing import Final

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.int64]

REMEMBERED: Final = 1 << 22


class Repeats:
    """Remembers the newest ids by their hashes; at least `remembered`, at most twice as many.

    Two ids have the same hash in a log of ten million with a probability of three in a million.
    """

    def __init__(self, *, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._recent: Hashes = np.zeros(0, dtype=np.int64)  # sorted
        self._older: Hashes = np.zeros(0, dtype=np.int64)
        self.rows = 0

    def first(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Return which rows are the first of their id; a row without one (0) always is."""
        known = _within(hashes, self._recent) | _within(hashes, self._older)
        distinct, places = np.unique(hashes, return_index=True)
        first: npt.NDArray[np.bool_] = np.zeros(len(hashes), dtype=np.bool_)
        first[places] = True
        first &= ~known
        first |= hashes == 0
        self.rows += len(hashes) - int(first.sum())
        self._remember(distinct[(distinct != 0) & ~_within(distinct, self._recent)])
        return first

    def _remember(self, new: Hashes) -> None:
        if len(self._recent) >= self._remembered:
            self._older, self._recent = self._recent, new
        else:
            self._recent = np.sort(np.concatenate([self._recent, new]), kind="stable")


def _within(hashes: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    if not len(known):
        return np.zeros(len(hashes), dtype=np.bool_)
    places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    found: npt.NDArray[np.bool_] = known[places] == hashes
    return found
