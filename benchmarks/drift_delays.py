"""What did a detector do after one change, over all runs: how late, how often, how often too early?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.drift_problems import Floats


@dataclass(frozen=True)
class Delays:
    """Mean items from the change to the alarm over the runs that found it.

    Attributes
    ----------
    mean : float
        Infinite when no run found it.
    power : float
        Share of the runs, without those that alarmed early, that found it.
    early : float
        Share of all runs that alarmed before the change.
    """

    mean: float
    power: float
    early: float

    @classmethod
    def of(cls, items: Sequence[int | None], *, early: float) -> "Delays":
        """Return the delays of the runs that were silent before the change; None where it was not found."""
        hits = [each for each in items if each is not None]
        mean = float(np.mean(hits)) if hits else float("inf")
        return cls(mean, len(hits) / max(len(items), 1), early)

    def cell(self, oracle: float) -> str:
        """Return mean, ratio to the oracle's, and power and early alarms where they are not 1 and 0."""
        if not np.isfinite(self.mean):
            return "never"
        text = f"{self.mean:,.0f} ({self.mean / oracle:.1f}x)"
        if self.power < 1.0:
            text += f" power {self.power:.2f}"
        return text + (f" early {self.early:.2f}" if self.early else "")


@dataclass(frozen=True)
class Ratio:
    """Mean delay of one detector over that of another in the same runs, and its standard error."""

    value: float
    error: float

    @classmethod
    def of(cls, ours: Sequence[int], theirs: Sequence[int]) -> "Ratio":
        """Return the ratio over runs in which both found the change; errors by the delta method.

        Infinite where neither did in any run; no error is known of a single one.
        """
        a, b = np.array(ours, np.float64), np.array(theirs, np.float64)
        if len(a) < 2:
            return cls(float(a[0] / b[0]) if len(a) else float("inf"), float("nan"))
        ratio = float(a.mean() / b.mean())
        return cls(ratio, float((a - ratio * b).std(ddof=1) / (b.mean() * np.sqrt(len(a)))))

    def __str__(self) -> str:
        return f"{self.value:.3f} (s.e. {self.error:.3f})"


def delays(calm: Floats, changed: Floats, *, threshold: float, bucket_items: int) -> Delays:
    """Return the delays of a detector that ran over all streams side by side.

    Parameters
    ----------
    calm, changed : float64 arrays of shape (n_buckets, n_runs)
        The statistic before and after the change.
    """
    early = (calm >= threshold).any(axis=0)
    over = changed[:, ~early] >= threshold
    first = np.where(over.any(axis=0), (over.argmax(axis=0) + 1) * bucket_items, 0)
    return Delays.of([int(items) or None for items in first], early=float(early.mean()))
