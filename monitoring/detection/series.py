"""How did counts vary from bucket to bucket while a baseline was collected: rows in the order of time.

The variance between rows is what independent traffic is told from dependent by. When the rows get too many,
neighbours are added in pairs and a row stands for twice as many buckets: longer spans are still measured
exactly, and only the shortest ones are no longer seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from monitoring.scanning.windows import Counts

MAX_ROWS: Final = 4_096
MAX_FILLED: Final = 50_000  # cells that are not 0: some 2.5 bytes each in a snapshot
MAX_CELLS: Final = 2**19  # 4 MB of memory


@dataclass(frozen=True, slots=True, eq=False)
class SeriesRows:
    """The rows of a series.

    Attributes
    ----------
    counts : int64 array of shape (n_rows, width)
    middles : float64 array of shape (n_rows,)
        Mean of the buckets' middles, UTC seconds.
    unit : int
        Buckets with items a row.
    """

    counts: Counts
    middles: npt.NDArray[np.float64]
    unit: int

    @property
    def row_seconds(self) -> float:
        """Mean distance of two rows; 0 with fewer than two."""
        if len(self.middles) < 2:
            return 0.0
        return float(self.middles[-1] - self.middles[0]) / (len(self.middles) - 1)


class Series:
    """Rows of `unit` successive buckets with items each; the last one may be unfinished."""

    __slots__ = (
        "_filled",
        "_held",
        "_middle",
        "_middles",
        "_rows",
        "_size",
        "_unfinished",
        "unit",
        "width",
    )

    def __init__(self, width: int) -> None:
        self.width = width
        self.unit = 1
        self._rows = np.zeros((64, width), dtype=np.int64)  # _size in use
        self._middles = np.zeros(64)
        self._size = 0
        self._filled = 0  # cells of the rows that are not 0
        self._unfinished = np.zeros(width, dtype=np.int64)
        self._middle = 0.0
        self._held = 0  # buckets in the unfinished row

    def add(self, row: Counts, *, middle: float) -> None:
        """Add a bucket with items; `middle` in UTC seconds."""
        self._unfinished = self._unfinished + row
        self._middle += (middle - self._middle) / (self._held + 1)
        self._held += 1
        if self._held == self.unit:
            self._finish()
            while self._is_full:
                self._coarsen()

    def rows(self) -> SeriesRows:
        """Return all finished rows."""
        return SeriesRows(self._rows[: self._size].copy(), self._middles[: self._size].copy(), self.unit)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able snapshot; `from_json` restores it exactly."""
        flat = self._rows[: self._size].reshape(-1)
        at = np.flatnonzero(flat)
        return {
            "width": self.width,
            "unit": self.unit,
            "size": self._size,
            "steps": np.diff(at, prepend=0).tolist(),
            "values": flat[at].tolist(),
            "middles": self._middles[: self._size].tolist(),
            "unfinished": self._unfinished.tolist(),
            "middle": self._middle,
            "held": self._held,
        }

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned."""
        series = cls(snapshot["width"])
        series.unit, series._size, series._held = snapshot["unit"], snapshot["size"], snapshot["held"]
        rows = np.zeros(max(series._size, 64) * series.width, dtype=np.int64)
        rows[np.cumsum(np.array(snapshot["steps"], np.int64))] = snapshot["values"]
        series._rows = rows.reshape(-1, series.width)
        series._middles = np.zeros(len(series._rows))
        series._middles[: series._size] = snapshot["middles"]
        series._filled = len(snapshot["values"])
        series._unfinished = np.array(snapshot["unfinished"], np.int64)
        series._middle = snapshot["middle"]
        return series

    @property
    def _is_full(self) -> bool:
        cells = self._size * self.width
        too_many = self._size > MAX_ROWS or cells > MAX_CELLS or self._filled > MAX_FILLED
        return too_many and self._size > 1

    def _finish(self) -> None:
        if self._size == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
            self._middles = np.concatenate([self._middles, np.zeros_like(self._middles)])
        self._rows[self._size], self._middles[self._size] = self._unfinished, self._middle
        self._size += 1
        self._filled += int(np.count_nonzero(self._unfinished))
        self._restart(np.zeros_like(self._unfinished), 0.0, held=0)

    def _restart(self, row: Counts, middle: float, *, held: int) -> None:
        self._unfinished, self._middle, self._held = row, middle, held

    def _coarsen(self) -> None:
        """Add neighbours in pairs; without a neighbour the newest row is unfinished again."""
        pairs, left = divmod(self._size, 2)
        rows, middles = self._rows[: self._size], self._middles[: self._size]
        if left:
            self._restart(rows[-1].copy(), float(middles[-1]), held=self.unit)
        self._rows[:pairs] = rows[: 2 * pairs : 2] + rows[1 : 2 * pairs : 2]
        self._middles[:pairs] = (middles[: 2 * pairs : 2] + middles[1 : 2 * pairs : 2]) / 2.0
        self._size, self.unit = pairs, 2 * self.unit
        self._filled = int(np.count_nonzero(self._rows[:pairs]))
