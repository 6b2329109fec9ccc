"""Is traffic drifting, since when and in which classes: the state machine around the scan.

One detector watches one model version. It is fed closed buckets in the order in which they were closed, holds
no clock and no store, and a snapshot restores it exactly: the same buckets give the same state, whoever fed
them.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import numpy as np

from monitoring.baseline import AUTOMATIC, Baseline, BaselineCollector, freezable, recent
from monitoring.bucket import Bucket, Times
from monitoring.comparison import STATUS_ITEMS, Comparison, Scanned
from monitoring.detector_config import DEFAULT_TOLERANCE, DetectorConfig
from monitoring.detector_status import CategoryStatus, State, Status, category_statuses
from monitoring.errors import BaselineRefused
from monitoring.expectation import Expectation
from monitoring.finding import ClassShift, Direction, Event, EventKind, Finding, describe
from monitoring.recovery import CALM_BLOCKS, Recovery, fresh_items
from monitoring.streams import Layout, Stream, class_stream
from monitoring.windows import Counts, Windows, as_counts

__all__ = [
    "DEFAULT_TOLERANCE",
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

SNAPSHOT_FORMAT: Final = 1


class Detector:
    """Watches the shares of `categories`; see the module.

    Parameters
    ----------
    streams : sequence of Stream
        What the buckets hold, the classes first; see `monitoring.streams`.
    config : DetectorConfig
    """

    __slots__ = (
        "_alarm",
        "_collector",
        "_comparison",
        "_items",
        "_recovery",
        "_scanned",
        "_since",
        "_state",
        "_times",
        "_warm",
        "_windows",
        "config",
        "layout",
    )

    def __init__(self, streams: Sequence[Stream], config: DetectorConfig | None = None) -> None:
        self.layout = Layout(tuple(streams))
        self.config = config or DetectorConfig()
        self._items = 0
        self._times = Times()
        self._collector = BaselineCollector(
            len(self.categories), items=self.config.baseline_items, seconds=self.config.baseline_seconds
        )
        self._comparison: Comparison | None = None  # there is one as soon as a baseline is frozen
        self._windows = self._new_windows()
        self._scanned: Scanned | None = None
        self._warm = False
        self._alarm: Finding | None = None
        self._recovery: Recovery | None = None
        self._state: State = "warming"
        self._since: float | None = None

    @property
    def streams(self) -> tuple[Stream, ...]:
        """What is watched, the classes first."""
        return self.layout.streams

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories of the classes, in the order of their counts."""
        return self.layout.streams[0].columns

    @property
    def threshold(self) -> float:
        """The statistic at which an alarm is raised, in nats."""
        return self.config.threshold

    @property
    def baseline(self) -> Baseline | None:
        """The frozen baseline, else the provisional one, else (before the first item) None."""
        return self._collector.baseline if self._comparison is None else self._comparison.baseline

    @property
    def alarm(self) -> Finding | None:
        """What the open alarm says; None without one."""
        return self._alarm

    @property
    def state(self) -> State:
        """`drift` while an alarm is open, else `blind` without traffic, else `warming` or `calm`.

        `warming` says that no class at twice its share would have been noticed yet, `calm` that at least one
        would have been; `detector_status.not_detectable` names those that never would be.
        """
        return self._state

    def close(self, bucket: Bucket) -> tuple[Event, ...]:
        """Take in the next closed bucket; return what it changed about the alarm, mostly nothing.

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
        return () if event is None else (event,)

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
                "an alarm is open and its traffic would become the normal; wait until it clears, or force it"
            )
        candidate = self._collector.baseline
        if self._comparison is not None:
            since = None if self._alarm is None else self._alarm.since_time
            candidate = recent(
                self._windows.suffixes(),
                items=self.config.baseline_items,
                since=since,
                end=self._times.last_items,
            )
        cleared = self._alarm
        self._start_from(freezable(candidate, force=force).frozen(at=at, by=by, why=why))
        self._settle(at)
        return None if cleared is None else Event("alarm_cleared", at, cleared, "the baseline was replaced")

    def dismiss(self, *, at: float, by: str, why: str) -> Event:
        """End the open alarm as a false one: the windows start anew against the same baseline.

        Raises
        ------
        NoOpenAlarm
            There is none.
        """
        raise NotImplementedError

    def expect(self, category: str, *, at: float, until: float, by: str, why: str) -> Expectation:
        """Leave a class out of all tests until a planned change is over; measured quantities too.

        Expecting the same class again replaces what was expected of it.

        Raises
        ------
        ExpectationRefused
            There is no such class, or `until` is not after `at`.
        """
        raise NotImplementedError

    def unexpect(self, category: str, *, at: float) -> None:
        """End an expectation before its time; ExpectationRefused when there is none of that class."""
        raise NotImplementedError

    def carry(self, shadow: Mapping[str, Any], *, of: str, same_scores: bool = False) -> bool:
        """Keep an older version's detector, by its snapshot, until the own baseline is frozen.

        It is fed the class stream and says in the status what it sees.

        Parameters
        ----------
        of : str
            The older version's model key.
        same_scores : bool
            Both versions answer alike, so what the shadow calls drift must not become the baseline: freezing
            waits until it is over.

        Returns
        -------
        bool
            False when there is nothing to carry: no frozen baseline, other categories, or an own frozen one.
        """
        raise NotImplementedError

    def status(self) -> Status:
        """Return all there is to say now; while the baseline is provisional, current shares are its own."""
        baseline, last = self.baseline, self._times.last_items
        if self._scanned is not None:
            counts, buckets = self._scanned.newest(STATUS_ITEMS)
        elif baseline is not None:
            counts, buckets = baseline.counts, baseline.buckets
        else:
            counts, buckets = np.zeros(len(self.categories), dtype=np.int64), 0
        comparison = None if baseline is None else self._compare_with(baseline)
        return Status(
            state=self._state,
            since=self._since,
            statistic=0.0 if self._scanned is None else self._scanned.result.statistic,
            threshold=self.threshold,
            categories=category_statuses(
                self.categories, counts, comparison=comparison, scanned=self._scanned
            ),
            baseline=None if baseline is None else baseline.to_json(),
            window_items=int(counts.sum()),
            window_buckets=buckets,
            items=self._items,
            last_items_at=last if math.isfinite(last) else None,
            alarm=self._alarm,
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able snapshot; `from_json` restores it exactly, to the last bit of the statistic."""
        return {
            "format": SNAPSHOT_FORMAT,
            "categories": list(self.categories),
            "items": self._items,
            "times": self._times.to_json(),
            "baseline": None if self.baseline is None else self.baseline.to_json(),
            "windows": self._windows.to_json(),
            "warm": self._warm,
            "alarm": None if self._alarm is None else self._alarm.to_json(),
            "recovery": None if self._recovery is None else self._recovery.to_json(),
            "state": self._state,
            "since": self._since,
        }

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any], *, config: DetectorConfig) -> Self:
        """Restore what `to_json` returned; `config` is not part of it, so that settings can change.

        Raises
        ------
        ValueError
            The snapshot has another format.
        """
        if snapshot["format"] != SNAPSHOT_FORMAT:
            found = snapshot["format"]
            raise ValueError(f"detector snapshot of format {found!r}: expected {SNAPSHOT_FORMAT}")
        detector = cls((class_stream(snapshot["categories"]),), config)
        detector._items = snapshot["items"]
        detector._times = Times(**snapshot["times"])
        if snapshot["baseline"] is not None:
            detector._restore_baseline(Baseline.from_json(snapshot["baseline"]))
        detector._windows = Windows.from_json(snapshot["windows"])
        detector._windows.limit(config.window_limit)
        detector._warm = snapshot["warm"]
        if snapshot["alarm"] is not None:
            detector._alarm = Finding.from_json(snapshot["alarm"])
        if snapshot["recovery"] is not None:
            detector._recovery = Recovery.from_json(snapshot["recovery"])
            detector._recovery.fresh.limit(config.window_limit)
        detector._state, detector._since = snapshot["state"], snapshot["since"]
        if detector._comparison is not None:
            detector._scanned = detector._comparison.scan(detector._windows)
        return detector

    def _restore_baseline(self, baseline: Baseline) -> None:
        if baseline.kind == "frozen":
            self._comparison = self._compare_with(baseline)
        else:
            self._collector.restore(baseline)

    def _take(self, counts: Counts, bucket: Bucket) -> Event | None:
        if self._comparison is None:
            self._collect(counts, bucket)
            return None
        self._windows.add(counts, start=bucket.start)
        self._scanned = self._comparison.scan(self._windows)
        if self._alarm is not None and self._recovery is not None:
            return self._recover(counts, bucket, self._alarm, self._recovery, self._comparison)
        return self._judge(bucket.end, self._comparison)

    def _collect(self, counts: Counts, bucket: Bucket) -> None:
        self._collector.add(counts, start=bucket.start, end=bucket.end)
        collected = self._collector.baseline
        if collected is not None and self._collector.complete:
            self._start_from(collected.frozen(at=bucket.end, by=AUTOMATIC, why=self._collector.rule))

    def _judge(self, at: float, comparison: Comparison) -> Event | None:
        self._warm = self._warm or self._windows.items >= comparison.least_items
        if self._scanned is None or self._scanned.result.statistic < self.threshold:
            return None
        self._alarm = describe(self._scanned, comparison, self.categories)
        fresh = fresh_items(self._alarm, comparison, self.categories)
        self._recovery = Recovery(self._new_windows(), block_items=fresh)
        self._warm = True
        return Event("alarm_raised", at, self._alarm, "the statistic reached the threshold")

    def _recover(
        self, counts: Counts, bucket: Bucket, alarm: Finding, recovery: Recovery, comparison: Comparison
    ) -> Event | None:
        if not recovery.take(counts, start=bucket.start, alarm=alarm, comparison=comparison):
            return None
        self._windows, self._scanned = recovery.fresh, comparison.scan(recovery.fresh)
        self._alarm = self._recovery = None
        why = f"{CALM_BLOCKS} times in a row {recovery.block_items} fresh items were calm"
        return Event("alarm_cleared", bucket.end, alarm, why)

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
        self._comparison = self._compare_with(baseline)
        self._windows = self._new_windows()
        self._scanned = None
        self._alarm = self._recovery = None
        self._warm = False

    def _compare_with(self, baseline: Baseline) -> Comparison:
        return Comparison(
            baseline,
            self.threshold,
            self.config.tolerance,
            self.config.tolerance_abs,
            self.config.whole_mix,
        )

    def _new_windows(self) -> Windows:
        return Windows(len(self.categories), cap=self.config.cap, max_buckets=self.config.window_limit)
