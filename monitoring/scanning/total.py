"""What do several buckets say as one window: counts that are added up without a search over windows."""

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from monitoring.scanning.windows import Counts, Waves, WindowSet, as_counts


class Total:
    """The sum of the buckets that were added.

    Parameters
    ----------
    width, n_waves : int
        Length of a row of counts, and of the waves beside it.
    """

    __slots__ = ("buckets", "counts", "start", "waves")

    def __init__(self, width: int, *, n_waves: int = 0) -> None:
        self.counts: Counts = np.zeros(width, dtype=np.int64)
        self.waves: Waves = np.zeros(n_waves)
        self.buckets = 0
        self.start = math.inf

    def add(self, counts: Counts, *, start: float, waves: Waves | None = None) -> None:
        """Add one bucket with items."""
        self.counts = self.counts + counts
        if waves is not None:
            self.waves = self.waves + waves
        self.buckets += 1
        self.start = min(self.start, start)

    def window(self) -> WindowSet:
        """Return it as the only window; at least one bucket was added."""
        return WindowSet(
            lengths=np.array([self.buckets]),
            counts=self.counts[None],
            starts=np.array([self.start]),
            waves=self.waves[None] if len(self.waves) else None,
        )

    def empty(self) -> "Total":
        """Return a sum of the same kind that holds nothing."""
        return Total(len(self.counts), n_waves=len(self.waves))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able snapshot; `from_json` restores it exactly."""
        return {
            "counts": self.counts.tolist(),
            "waves": self.waves.tolist(),
            "buckets": self.buckets,
            "start": self.start if self.buckets else None,
        }

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned."""
        total = cls(len(snapshot["counts"]), n_waves=len(snapshot["waves"]))
        total.counts = as_counts(np.array(snapshot["counts"], np.int64), len(total.counts))
        total.waves = np.array(snapshot["waves"], np.float64)
        total.buckets = snapshot["buckets"]
        total.start = math.inf if snapshot["start"] is None else snapshot["start"]
        return total
