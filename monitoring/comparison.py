"""What do recent windows say against one baseline, and what could they say at all?"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from monitoring.baseline import Baseline
from monitoring.planning import items_to_detect
from monitoring.scan import ScanResult, Weights, class_weights, scan
from monitoring.windows import Counts, Windows, WindowSet, single_window

DECLARED_RATIO: Final = 2.0  # the change that planning and `warming` speak of: a class at twice its share
STATUS_ITEMS: Final = 1_000  # current shares are those of the newest window of at least this many items


@dataclass(frozen=True, slots=True, eq=False)
class Scanned:
    """A scan and the windows it looked at."""

    windows: WindowSet
    result: ScanResult

    def newest(self, items: int) -> tuple[Counts, int]:
        """Return counts and buckets of the shortest window of at least `items` items, else of the longest."""
        i = min(int(np.searchsorted(self.windows.items, items)), len(self.windows.items) - 1)
        return self.windows.counts[i], int(self.windows.lengths[i])


@dataclass(frozen=True, eq=False)
class Comparison:
    """A baseline and the rules by which traffic is compared with it; see `monitoring.scan`."""

    baseline: Baseline
    threshold: float
    tolerance: float
    tolerance_abs: float
    whole_mix: float = 0.0

    @cached_property
    def _weights(self) -> Weights:
        return class_weights(self.baseline.counts, whole_mix=self.whole_mix)

    def scan(self, windows: Windows) -> Scanned | None:
        """Return what all windows say; None when there are none."""
        if not windows.buckets:
            return None
        suffixes = windows.suffixes()
        return Scanned(suffixes, self._scan(suffixes))

    def evidence(self, counts: Counts) -> float:
        """Return the largest evidence in `counts` taken as one window, without a bonus for its length."""
        return self._scan(single_window(counts)).statistic

    def share(self, k: int) -> float:
        """Return category `k`'s share of the baseline."""
        return int(self.baseline.counts[k]) / self.baseline.items

    def detectable_items(self, k: int, ratio: float = DECLARED_RATIO) -> int | None:
        """Return after about how many items `k` at `ratio` times its share is noticed; None if never."""
        return items_to_detect(
            self.share(k),
            ratio,
            threshold=self.threshold,
            weight=float(self._weights[0 if ratio > 1.0 else 1, k]),
            bucket_items=self.baseline.items / self.baseline.buckets,
            reference_items=float(self.baseline.items),
            tolerance=self.tolerance,
            tolerance_abs=self.tolerance_abs,
        )

    @cached_property
    def least_items(self) -> float:
        """Return the smallest of the categories' `detectable_items`; infinite if none can be noticed.

        From so many items on the detector is no longer warming up, whatever the other categories need.
        """
        found = (self.detectable_items(k) for k in range(len(self.baseline.counts)))
        return min((n for n in found if n is not None), default=math.inf)

    def _scan(self, windows: WindowSet) -> ScanResult:
        return scan(
            windows,
            self.baseline.counts,
            weights=self._weights,
            tolerance=self.tolerance,
            tolerance_abs=self.tolerance_abs,
            whole_mix=self.whole_mix,
        )
