"""What is a detector fed with: counts of one closed stretch of time, and for how long was there nothing?"""

import math
from dataclasses import dataclass

import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Bucket:
    """Counts per category of one closed stretch of time, summed over all workers.

    Attributes
    ----------
    counts : int array of shape (n_categories,)
    start, end : float
        UTC seconds. A bucket may begin before the last one ended: clocks are set back.
    """

    counts: npt.ArrayLike
    start: float
    end: float


@dataclass(slots=True)
class Times:
    """When traffic was seen, UTC seconds; infinite, never NaN, before the first bucket."""

    first: float = math.inf
    latest: float = -math.inf
    last_items: float = -math.inf

    def note(self, bucket: Bucket, *, has_items: bool) -> None:
        """Take in a closed bucket."""
        self.first = min(self.first, bucket.start)
        self.latest = max(self.latest, bucket.end)
        if has_items:
            self.last_items = max(self.last_items, bucket.end)

    def to_json(self) -> dict[str, float]:
        """Return what is known; `Times(**...)` restores it exactly."""
        readings = {"first": self.first, "latest": self.latest, "last_items": self.last_items}
        return {name: value for name, value in readings.items() if math.isfinite(value)}

    @property
    def quiet_seconds(self) -> float:
        """Seconds without an item up to the end of the newest bucket."""
        if self.latest == -math.inf:
            return 0.0
        return self.latest - (self.last_items if math.isfinite(self.last_items) else self.first)
