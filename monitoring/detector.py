"""Is traffic drifting, since when and in which classes: the state machine around the scan.

One detector watches one model version. It is fed closed buckets in the order in which they were closed, holds
no clock and no store, and a snapshot restores it exactly: the same buckets give the same state, whoever fed
them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from monitoring.baseline import AUTOMATIC, Baseline, BaselineCollector, freezable
from monitoring.errors import BaselineRefused
from monitoring.finding import (
    CategoryStatus,
    ClassShift,
    Direction,
    Event,
    EventKind,
    Finding,
    State,
    Status,
    share_interval,
)
from monitoring.scan import ScanResult, Weights, class_weights, formula_threshold, items_to_detect, scan
from monitoring.windows import (
    DEFAULT_CAP,
    NO_CLASS_PASSES,
    Counts,
    Windows,
    WindowSet,
    as_counts,
    single_window,
)

__all__ = [
    "Bucket",
    "CategoryStatus",
    "ClassShift",
    "Detector",
    "DetectorConfig",
    "Direction",
    "Event",
    "EventKind",
    "Finding",
    "State",
    "Status",
]

DECLARED_RATIO: Final = 2.0  # the change that planning and `warming` speak of: a class at twice its share
NAMING_ERROR_RATE: Final = 0.01  # of naming any category that did not move, in the alarm's window
STATUS_ITEMS: Final = 1_000  # current shares are those of the newest window of at least this many items
CALM_BLOCKS: Final = 2  # fresh blocks in a row that must be calm before an alarm clears
SNAPSHOT_FORMAT: Final = 1


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
    max_window_buckets : int, optional
        Longest window; by default as many buckets as `false_alarm_seconds` holds.
    baseline_items, baseline_seconds
        When both are reached the baseline freezes by itself.
    blind_after_seconds : float
        Traffic is called gone after this long without an item.
    """

    bucket_seconds: float = 10.0
    false_alarm_seconds: float = 90 * 86_400.0
    tolerance: float = 0.10
    tolerance_abs: float = 0.0
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
        if self.tolerance < 0.0 or not 0.0 <= self.tolerance_abs < 1.0:
            raise ValueError(
                f"tolerance {self.tolerance}, tolerance_abs {self.tolerance_abs}: "
                "expected a ratio >= 0 and a difference of shares in [0, 1)"
            )

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
class _Recovery:
    """Fresh data since an alarm, judged in blocks of as many items as it took to raise it.

    `fresh` holds everything since the last block that was not calm, `block` the counts of the unfinished one.
    """

    fresh: Windows
    block: Counts
    calm_blocks: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "fresh": self.fresh.to_json(),
            "block": self.block.tolist(),
            "calm_blocks": self.calm_blocks,
        }

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> Self:
        block = as_counts(snapshot["block"], len(snapshot["block"]))
        return cls(Windows.from_json(snapshot["fresh"]), block, snapshot["calm_blocks"])


@dataclass(slots=True)
class _Times:
    """UTC seconds; NaN-free: infinite before the first bucket."""

    first: float = math.inf
    latest: float = -math.inf
    last_items: float = -math.inf

    def note(self, bucket: Bucket, *, has_items: bool) -> None:
        self.first = min(self.first, bucket.start)
        self.latest = max(self.latest, bucket.end)
        if has_items:
            self.last_items = max(self.last_items, bucket.end)

    @property
    def quiet_seconds(self) -> float:
        if self.latest == -math.inf:
            return 0.0
        return self.latest - (self.last_items if math.isfinite(self.last_items) else self.first)


@dataclass(slots=True)
class _Scanned:
    """The newest scan and the windows it looked at."""

    windows: WindowSet
    result: ScanResult


@dataclass(slots=True)
class Detector:
    """Watches the shares of `categories`; see the module.

    Parameters
    ----------
    categories : tuple of str
        Names in the order of the counts, at least two; `windows.drift_categories` makes them from the
        classes.
    config : DetectorConfig
    """

    categories: tuple[str, ...]
    config: DetectorConfig = field(default_factory=DetectorConfig)
    _items: int = field(default=0, init=False)
    _times: _Times = field(default_factory=_Times, init=False)
    _collector: BaselineCollector = field(init=False, repr=False)
    _frozen: Baseline | None = field(default=None, init=False, repr=False)
    _weights: Weights = field(init=False, repr=False)
    _needed: float = field(default=math.inf, init=False)
    _windows: Windows = field(init=False, repr=False)
    _scanned: _Scanned | None = field(default=None, init=False, repr=False)
    _warm: bool = field(default=False, init=False)
    _alarm: Finding | None = field(default=None, init=False)
    _recovery: _Recovery | None = field(default=None, init=False, repr=False)
    _state: State = field(default="warming", init=False)
    _since: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.categories = tuple(self.categories)
        if len(self.categories) < 2 or len(set(self.categories)) != len(self.categories):
            raise ValueError(f"categories {self.categories}: expected at least two, all different")
        self._collector = BaselineCollector(
            len(self.categories), items=self.config.baseline_items, seconds=self.config.baseline_seconds
        )
        self._windows = self._new_windows()

    @property
    def threshold(self) -> float:
        """The statistic at which an alarm is raised, in nats."""
        return self.config.threshold

    @property
    def baseline(self) -> Baseline | None:
        """The frozen baseline, else the provisional one, else (before the first item) None."""
        return self._frozen or self._collector.baseline

    @property
    def alarm(self) -> Finding | None:
        """What the open alarm says; None without one."""
        return self._alarm

    @property
    def state(self) -> State:
        """`drift` while an alarm is open, else `blind` without traffic, else `warming` or `calm`.

        `warming` says that a class at twice its share would not have been noticed yet.
        """
        return self._state

    def close(self, bucket: Bucket) -> Event | None:
        """Take in the next closed bucket; return what it changed about the alarm, if anything.

        Raises
        ------
        ValueError
            The counts have another shape, are not integers or are negative.
        """
        counts = as_counts(bucket.counts, len(self.categories))
        items = int(counts.sum())
        self._items += items
        self._times.note(bucket, has_items=items > 0)
        event = self._take(counts, bucket) if items else None
        self._settle(bucket.end)
        return event

    def freeze(self, *, at: float, by: str, why: str, force: bool = False) -> Event | None:
        """Make recent traffic the baseline and start anew; return the alarm this cleared, if any.

        While the baseline is provisional it is frozen as it stands. Later the newest `baseline_items` items
        (or all since the last baseline, if fewer) replace it; during an alarm, only what came since the
        change began.

        Raises
        ------
        BaselineRefused
            Fewer than 500 items, or an alarm is open: its traffic would become what is normal. `force`
            overrides both, except that one item is the least.
        """
        if self._alarm is not None and not force:
            raise BaselineRefused(
                "an alarm is open and its traffic would become the normal; clear it or force it"
            )
        candidate = freezable(self._recent() if self._frozen else self._collector.baseline, force=force)
        cleared = self._alarm
        self._start_from(candidate.frozen(at=at, by=by, why=why))
        self._settle(at)
        return None if cleared is None else Event("alarm_cleared", at, cleared, "the baseline was replaced")

    def status(self) -> Status:
        """Return all there is to say now."""
        baseline, window = self.baseline, self._status_window()
        return Status(
            state=self._state,
            since=self._since,
            statistic=0.0 if self._scanned is None else self._scanned.result.statistic,
            threshold=self.threshold,
            categories=tuple(self._category(k, window) for k in range(len(self.categories))),
            baseline=None if baseline is None else baseline.to_json(),
            window_items=0 if window is None else int(window[0].sum()),
            window_buckets=0 if window is None else window[1],
            items=self._items,
            last_items_at=self._times.last_items if math.isfinite(self._times.last_items) else None,
            alarm=self._alarm,
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able snapshot; `from_json` restores it exactly, to the last bit of the statistic."""
        baseline, times, recovery = self.baseline, self._times, self._recovery
        finite = {name: getattr(times, name) for name in ("first", "latest", "last_items")}
        return {
            "format": SNAPSHOT_FORMAT,
            "categories": list(self.categories),
            "items": self._items,
            "times": {name: value for name, value in finite.items() if math.isfinite(value)},
            "baseline": None if baseline is None else baseline.to_json(),
            "windows": self._windows.to_json(),
            "warm": self._warm,
            "alarm": None if self._alarm is None else self._alarm.to_json(),
            "recovery": None if recovery is None else recovery.to_json(),
            "state": self._state,
            "since": self._since,
        }

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any], *, config: DetectorConfig) -> Self:
        """Restore what `to_json` returned; `config` is not part of it, so that settings can change."""
        detector = cls(tuple(snapshot["categories"]), config)
        detector._items = snapshot["items"]
        detector._times = _Times(**snapshot["times"])
        if snapshot["baseline"] is not None:
            baseline = Baseline.from_json(snapshot["baseline"])
            if baseline.kind == "frozen":
                detector._compare_with(baseline)
            else:
                detector._collector.restore(baseline)
        detector._windows = Windows.from_json(snapshot["windows"])
        detector._warm = snapshot["warm"]
        detector._alarm = None if snapshot["alarm"] is None else Finding.from_json(snapshot["alarm"])
        if (recovery := snapshot["recovery"]) is not None:
            detector._recovery = _Recovery.from_json(recovery)
        detector._state, detector._since = snapshot["state"], snapshot["since"]
        detector._scanned = detector._scan(detector._windows)
        return detector

    def _take(self, counts: Counts, bucket: Bucket) -> Event | None:
        if self._frozen is None:
            self._collector.add(counts, start=bucket.start, end=bucket.end)
            if self._collector.complete and (collected := self._collector.baseline) is not None:
                self._start_from(collected.frozen(at=bucket.end, by=AUTOMATIC, why=self._collector.rule))
            return None
        self._windows.add(counts, start=bucket.start)
        self._scanned = self._scan(self._windows)
        if self._alarm is None:
            return self._judge(bucket.end)
        return self._recover(counts, bucket)

    def _judge(self, at: float) -> Event | None:
        self._warm = self._warm or self._windows.items >= self._needed
        if self._scanned is None or self._scanned.result.statistic < self.threshold:
            return None
        self._alarm = self._finding(self._scanned)
        self._recovery = self._new_recovery()
        self._warm = True
        return Event("alarm_raised", at, self._alarm, "the statistic reached the threshold")

    def _recover(self, counts: Counts, bucket: Bucket) -> Event | None:
        recovery, alarm, baseline = self._recovery, self._alarm, self._frozen
        if recovery is None or alarm is None or baseline is None:
            return None
        recovery.fresh.add(counts, start=bucket.start)
        recovery.block = recovery.block + counts
        if recovery.block.sum() < alarm.window_items:
            return None
        if not self._is_calm(recovery, alarm, baseline):
            self._recovery = self._new_recovery()
            return None
        recovery.calm_blocks += 1
        if recovery.calm_blocks < CALM_BLOCKS:
            recovery.block = np.zeros_like(recovery.block)
            return None
        self._windows, self._scanned = recovery.fresh, self._scan(recovery.fresh)
        self._alarm = self._recovery = None
        return Event("alarm_cleared", bucket.end, alarm, f"{CALM_BLOCKS} fresh windows in a row were calm")

    def _is_calm(self, recovery: _Recovery, alarm: Finding, baseline: Baseline) -> bool:
        """Return whether the block, and all fresh blocks as one, hold less than half the alarm's evidence.

        ln L is left out on both sides: it pays for the search over windows, and each of these is tested once.
        The blocks as one keep a lasting change from passing by luck: the same bar, twice the data.
        """
        bar = (self.threshold - math.log(alarm.window_buckets)) / 2.0
        fresh = recovery.fresh.suffixes().counts[-1]
        return all(self._compare(single_window(c), baseline).statistic < bar for c in (recovery.block, fresh))

    def _settle(self, at: float) -> None:
        state = self._present_state()
        if state != self._state or self._since is None:
            self._state, self._since = state, at

    def _present_state(self) -> State:
        if self._alarm is not None:
            return "drift"
        if self._times.quiet_seconds >= self.config.blind_after_seconds:
            return "blind"
        return "calm" if self._warm else "warming"

    def _start_from(self, baseline: Baseline) -> None:
        self._compare_with(baseline)
        self._windows = self._new_windows()
        self._scanned = None
        self._alarm = self._recovery = None
        self._warm = False

    def _compare_with(self, baseline: Baseline) -> None:
        self._frozen = baseline
        self._weights = class_weights(baseline.counts)
        self._needed = self._least_detectable()

    def _new_windows(self) -> Windows:
        return Windows(len(self.categories), cap=self.config.cap, max_buckets=self.config.window_limit)

    def _new_recovery(self) -> _Recovery:
        return _Recovery(self._new_windows(), np.zeros(len(self.categories), dtype=np.int64))

    def _scan(self, windows: Windows) -> _Scanned | None:
        if self._frozen is None or not windows.buckets:
            return None
        suffixes = windows.suffixes()
        return _Scanned(suffixes, self._compare(suffixes, self._frozen))

    def _compare(self, windows: WindowSet, baseline: Baseline) -> ScanResult:
        return scan(
            windows,
            baseline.counts,
            weights=self._weights,
            tolerance=self.config.tolerance,
            tolerance_abs=self.config.tolerance_abs,
        )

    def _recent(self) -> Baseline | None:
        """Return the newest `baseline_items` items, or those since the change began, as a baseline."""
        suffixes = self._windows.suffixes()
        if not len(suffixes.items):
            return None
        if self._alarm is None:
            i = int(np.searchsorted(suffixes.items, self.config.baseline_items))
        else:
            i = int((suffixes.starts >= self._alarm.since_time).sum()) - 1
        i = min(max(i, 0), len(suffixes.items) - 1)
        return Baseline(
            counts=suffixes.counts[i],
            items=int(suffixes.items[i]),
            buckets=int(suffixes.lengths[i]),
            start=float(suffixes.starts[i]),
            end=self._times.last_items,
            kind="provisional",
        )

    def _finding(self, scanned: _Scanned) -> Finding:
        windows, result = scanned.windows, scanned.result
        i = result.window
        classes = tuple(
            sorted(
                (self._shift(k, windows.counts[i], result) for k in self._named(windows, result)),
                key=lambda c: (-c.evidence, c.name),
            )
        )
        return Finding(
            since_time=float(windows.starts[i]),
            since_items=int(windows.items[i]),
            window_items=int(windows.items[i]),
            window_buckets=int(windows.lengths[i]),
            statistic=result.statistic,
            threshold=self.threshold,
            classes=classes,
            watched=watched_classes(classes),
        )

    def _named(self, windows: WindowSet, result: ScanResult) -> list[int]:
        """Return the alarm's category, and those that pass a family-wise 1 % test in its window alone."""
        bar = math.log(windows.lengths[result.window]) - math.log(NAMING_ERROR_RATE)
        named = {int(result.strongest.argmax()), *np.flatnonzero(result.strongest >= bar).tolist()}
        return sorted(named)

    def _shift(self, k: int, counts: Counts, result: ScanResult) -> ClassShift:
        count, items = int(counts[k]), int(counts.sum())
        low, high = share_interval(count, items)
        return ClassShift(
            name=self.categories[k],
            reference=self._reference_share(k) or 0.0,
            current=count / items,
            low=low,
            high=high,
            direction="rise" if result.strongest_rises[k] else "fall",
            evidence=float(result.strongest[k]),
        )

    def _reference_share(self, k: int) -> float | None:
        baseline = self.baseline
        return None if baseline is None else int(baseline.counts[k]) / baseline.items

    def _status_window(self) -> tuple[Counts, int] | None:
        """Return counts and buckets of the newest STATUS_ITEMS items; of the baseline before it is frozen."""
        if self._scanned is None:
            baseline = self.baseline
            return None if baseline is None else (baseline.counts, baseline.buckets)
        windows = self._scanned.windows
        i = min(int(np.searchsorted(windows.items, STATUS_ITEMS)), len(windows.items) - 1)
        return windows.counts[i], int(windows.lengths[i])

    def _category(self, k: int, window: tuple[Counts, int] | None) -> CategoryStatus:
        count, items = (0, 0) if window is None else (int(window[0][k]), int(window[0].sum()))
        low, high = share_interval(count, items)
        evidence = 0.0 if self._scanned is None else float(self._scanned.result.evidence[k])
        rises = self._scanned is not None and bool(self._scanned.result.rises[k])
        return CategoryStatus(
            name=self.categories[k],
            reference=self._reference_share(k),
            current=count / items if items else None,
            low=low,
            high=high,
            evidence=evidence,
            direction=None if evidence == 0.0 else "rise" if rises else "fall",
            detectable_items=self._detectable(k),
        )

    def _detectable(self, k: int) -> int | None:
        """Return after how many items category `k` at twice its share would be noticed."""
        baseline = self.baseline
        if baseline is None:
            return None
        return items_to_detect(
            int(baseline.counts[k]) / baseline.items,
            DECLARED_RATIO,
            threshold=self.threshold,
            weight=float(class_weights(baseline.counts)[0, k]),
            bucket_items=baseline.items / baseline.buckets,
            reference_items=float(baseline.items),
            tolerance=self.config.tolerance,
            tolerance_abs=self.config.tolerance_abs,
        )

    def _least_detectable(self) -> float:
        found = (self._detectable(k) for k in range(len(self.categories)))
        return min((n for n in found if n is not None), default=math.inf)


def watched_classes(shifts: Sequence[ClassShift]) -> tuple[str, ...]:
    """Return the classes whose items are worth labelling: those that rose, or fell if none rose.

    When one class rises all others lose share; labels of those would say nothing new. `no_class_passes` is no
    class that an item can be searched by.
    """
    classes = [s for s in shifts if s.name != NO_CLASS_PASSES]
    rose = tuple(s.name for s in classes if s.direction == "rise")
    return rose or tuple(s.name for s in classes)
