"""What may be chosen about a detector, and which threshold follows from it?"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from monitoring.scanning.scan import formula_threshold
from monitoring.scanning.streams import DEFAULT_SHARES
from monitoring.scanning.windows import DEFAULT_CAP

DEFAULT_TOLERANCE: Final = 0.10
DEFAULT_WHOLE_MIX: Final = 0.30
OTHERS: Final = "*"  # in `watch`: every class that is not named


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """What may be chosen about a detector; everything else follows.

    Attributes
    ----------
    bucket_seconds : float
        Length of a bucket; with `false_alarm_seconds` it sets the threshold.
    false_alarm_seconds : float
        At most one false alarm in this time on average, if items are independent.
    tolerance, tolerance_abs : float
        Changes of a share within this ratio or this difference are no drift.
    tolerances, tolerances_abs : mapping of str to float
        The same for single classes, by name.
    whole_mix : float
        Share of a mix's false-alarm budget for the mix as a whole, in [0, 1).
    shares : mapping of str to float
        Of the false-alarm budget: `classes`, `scores` and `inputs`, relative to each other.
    watch : mapping of str to float
        Weights of classes in the classes' budget. A class that is not named has that of `"*"`, by default 1;
        with 0 a class counts in the whole mix only. Names that a model does not have are passed over.
    season_seconds : float, optional
        Period of a season, a day for instance; fitted when a baseline holds at least two.
    deduplicate : bool
        Classes are counted once per item id within ten minutes and worker. Whoever builds the buckets sees
        to it.
    max_window_buckets : int, optional
        Longest window; by default as many buckets as `false_alarm_seconds` holds.
    baseline_items, baseline_seconds
        When both are reached the baseline freezes by itself.
    blind_after_seconds : float
        Traffic is called gone after this long without an item.
    """

    bucket_seconds: float = 10.0
    false_alarm_seconds: float = 90 * 86_400.0
    tolerance: float = DEFAULT_TOLERANCE
    tolerance_abs: float = 0.0
    tolerances: Mapping[str, float] = field(default_factory=dict)
    tolerances_abs: Mapping[str, float] = field(default_factory=dict)
    whole_mix: float = DEFAULT_WHOLE_MIX
    shares: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_SHARES))
    watch: Mapping[str, float] = field(default_factory=dict)
    season_seconds: float | None = None
    deduplicate: bool = False
    max_window_buckets: int | None = None
    cap: int = DEFAULT_CAP
    baseline_items: int = 20_000
    baseline_seconds: float = 86_400.0
    blind_after_seconds: float = 900.0

    def __post_init__(self) -> None:
        if not 0.0 < self.bucket_seconds <= self.false_alarm_seconds:
            raise ValueError(
                f"bucket_seconds {self.bucket_seconds}, false_alarm_seconds {self.false_alarm_seconds}: "
                "expected 0 < bucket_seconds <= false_alarm_seconds"
            )
        if self.tolerance < 0.0 or not (0.0 <= self.tolerance_abs < 1.0 and 0.0 <= self.whole_mix < 1.0):
            raise ValueError(
                f"tolerance {self.tolerance}, {self.tolerance_abs} absolute, whole_mix {self.whole_mix}: "
                "expected a ratio >= 0, a difference of shares in [0, 1) and a budget in [0, 1)"
            )

    @property
    def important(self) -> frozenset[str]:
        """The classes that are watched with more weight than those that are not named."""
        others = self.watch.get(OTHERS, 1.0)
        return frozenset(name for name, weight in self.watch.items() if name != OTHERS and weight > others)

    @property
    def n_buckets(self) -> float:
        """Buckets in which at most one false alarm is accepted on average."""
        return self.false_alarm_seconds / self.bucket_seconds

    @property
    def window_limit(self) -> int:
        """Longest window in buckets."""
        return self.max_window_buckets or math.ceil(self.n_buckets)

    @property
    def threshold(self) -> float:
        """The statistic at which an alarm is raised, in nats."""
        return formula_threshold(self.n_buckets, self.window_limit)
