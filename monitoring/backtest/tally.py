"""How many rows of each code fell into each stretch of time: counted in any order, in bounded memory.

Rows are added to a grid of time as they come, so a log needs no sorting. The grid begins fine and becomes
coarser, one step of the ladder at a time, whenever more cells are filled than may be kept.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.errors import MonitoringError

Integers = npt.NDArray[np.int64]

_SECOND: Final = 1_000
_HOUR: Final = 3_600 * _SECOND
_DAY: Final = 24 * _HOUR
# Milliseconds; each divides the next, so that cells can be merged, and people can read them.
LADDER: Final = (
    *(10, 50, 100, 500, _SECOND, 5 * _SECOND, 10 * _SECOND, 30 * _SECOND),
    *(60 * _SECOND, 300 * _SECOND, 600 * _SECOND, 1_800 * _SECOND, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR),
    *(_DAY, 7 * _DAY, 28 * _DAY),
)
MOST_CELLS: Final = 1 << 20
CODE_BITS: Final = 20
_PENDING: Final = 1 << 17


class TooFine(MonitoringError):
    """The stretches that were asked for are too short to be kept for the whole log."""

    def __init__(self, milliseconds: int) -> None:
        super().__init__(milliseconds)
        self.milliseconds = milliseconds

    def __str__(self) -> str:
        return f"buckets of {self.milliseconds / 1e3:g} s are too many for this log; ask for longer ones"


class Tally:
    """Counts per stretch of time and code.

    Parameters
    ----------
    milliseconds : int, optional
        Length of a stretch; by default the finest of `LADDER` whose cells can be kept.
    most_cells : int
        Filled cells that are kept.
    """

    def __init__(self, milliseconds: int | None = None, *, most_cells: int = MOST_CELLS) -> None:
        self.milliseconds = milliseconds or LADDER[0]
        self._fixed = milliseconds is not None
        self._most = most_cells
        self._keys: Integers = np.zeros(0, dtype=np.int64)
        self._counts: Integers = np.zeros(0, dtype=np.int64)
        self._pending: list[tuple[Integers, Integers]] = []
        self._waiting = 0

    def add(self, milliseconds: Integers, codes: Integers) -> None:
        """Count rows at these times with these codes, each below 2**20.

        Raises
        ------
        TooFine
            A declared length makes more cells than are kept.
        """
        keys = ((milliseconds // self.milliseconds) << CODE_BITS) | codes
        self._hold(*np.unique(keys, return_counts=True))
        if self._waiting > max(_PENDING, len(self._keys)):
            self.settle()

    def cells(self) -> tuple[Integers, Integers, Integers]:
        """Return ticks (multiples of `milliseconds` since 1970), codes and counts, by tick, then code."""
        self.settle()
        return self._keys >> CODE_BITS, self._keys & ((1 << CODE_BITS) - 1), self._counts

    def coarsen(self, milliseconds: int) -> None:
        """Merge stretches into longer ones; a multiple of the present length."""
        self.settle()
        self._merge(milliseconds)

    def settle(self) -> None:
        """Add up what was counted so far; only then is the length of a stretch what it has to be."""
        if self._pending:
            keys = np.concatenate([self._keys, *(keys for keys, _ in self._pending)])
            counts = np.concatenate([self._counts, *(counts for _, counts in self._pending)])
            self._keys, self._counts = _summed(keys, counts)
            self._pending, self._waiting = [], 0
        while len(self._keys) > self._most:
            longer = next((each for each in LADDER if each > self.milliseconds), None)
            if self._fixed or longer is None:
                raise TooFine(self.milliseconds)
            self._merge(longer)

    def _hold(self, keys: Integers, counts: Integers) -> None:
        self._pending.append((keys, counts))
        self._waiting += len(keys)

    def _merge(self, milliseconds: int) -> None:
        if milliseconds % self.milliseconds:
            raise ValueError(f"{milliseconds} ms: expected a multiple of {self.milliseconds} ms")
        ticks = (self._keys >> CODE_BITS) // (milliseconds // self.milliseconds)
        keys = (ticks << CODE_BITS) | (self._keys & ((1 << CODE_BITS) - 1))
        self._keys, self._counts = _summed(keys, self._counts)
        self.milliseconds = milliseconds


def _summed(keys: Integers, counts: Integers) -> tuple[Integers, Integers]:
    """Return the distinct keys in order, and the sum of counts of each."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    first = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    return ordered[first], np.add.reduceat(counts[order], first) if len(first) else counts
