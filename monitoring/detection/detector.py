"""Is traffic drifting, since when and in which classes: the state machine around the scan.

One detector watches one model version. It is fed closed buckets in the order in which they were closed, holds
no clock and no store, and a snapshot restores it exactly: the same buckets give the same state, whoever fed
them.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Self

import numpy as np

from monitoring.detection.baseline import AUTOMATIC, Baseline, freezable
from monitoring.detection.bucket import Bucket, Times
from monitoring.detection.comparison import DECLARED_RATIO, STATUS_ITEMS, Comparison, Scope
from monitoring.detection.detector_config import DEFAULT_TOLERANCE, DetectorConfig
from monitoring.detection.detector_status import (
    CategoryStatus,
    State,
    Status,
    category_statuses,
    stream_statuses,
)
from monitoring.detection.expectation import (
    Expectation,
    Expectations,
    expected_scope,
    with_expected,
    without_expected,
)
from monitoring.detection.finding import ClassShift, Direction, EndedBy, Event, EventKind, Finding
from monitoring.detection.judging import Judge
from monitoring.detection.open_alarm import OpenAlarm
from monitoring.detection.provisional import Provisional
from monitoring.detection.shadow import Shadow, matching_order
from monitoring.detection.snapshot import packed, unpacked
from monitoring.errors import BaselineRefused, NoOpenAlarm
from monitoring.scanning.streams import Layout, Stream
from monitoring.scanning.windows import Counts

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


class Detector:
    """Watches streams of counts; see the module.

    Parameters
    ----------
    streams : sequence of Stream
        What the buckets hold, the classes first; see `monitoring.scanning.streams`.
    config : DetectorConfig
    """

    __slots__ = (
        "_expectations",
        "_items",
        "_judge",
        "_provisional",
        "_since",
        "_state",
        "_times",
        "config",
        "layout",
    )

    def __init__(self, streams: Sequence[Stream], config: DetectorConfig | None = None) -> None:
        self.layout = Layout(tuple(streams))
        self.config = config or DetectorConfig()
        self._items = 0
        self._times = Times()
        self._provisional = Provisional(self.layout, self.config)
        self._judge: Judge | None = None  # there is one as soon as a baseline is frozen
        self._expectations: Expectations = ()
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
    def statistic(self) -> float:
        """The largest evidence of the last scan, in nats; 0 without one."""
        scanned = None if self._judge is None else self._judge.scanned
        return 0.0 if scanned is None else scanned.result.statistic

    @property
    def threshold(self) -> float:
        """The statistic at which an alarm is raised, in nats."""
        return self.config.threshold

    @property
    def baseline(self) -> Baseline | None:
        """The frozen baseline, else the provisional one, else (before the first item) None."""
        return self._provisional.baseline if self._judge is None else self._judge.baseline

    @property
    def alarm(self) -> Finding | None:
        """What raised the open alarm; None without one."""
        return None if self._open is None else self._open.finding

    @property
    def state(self) -> State:
        """`drift` while an alarm is open, else `blind` without traffic, else `warming` or `calm`.

        `warming` says that no class at twice its share would have been noticed yet, `calm` that at least one
        would have been; `detector_status.not_detectable` names those that never would be.
        """
        return self._state

    @property
    def since(self) -> float | None:
        """When the state was entered, UTC seconds; None before the first closed bucket."""
        return self._since

    def detectable_items(self, category: str, ratio: float = DECLARED_RATIO) -> int | None:
        """Return after about how many items a class at `ratio` times its share would be noticed.

        None when it never would be, or there is no baseline yet.
        """
        comparison = self._comparison
        return (
            None
            if comparison is None
            else comparison.detectable_items(self.categories.index(category), ratio)
        )

    def close(self, bucket: Bucket) -> tuple[Event, ...]:
        """Take in the next closed bucket; return what it changed about the alarm, mostly nothing.

        Raises
        ------
        ValueError
            The counts are of unknown streams, have another shape, are not integers or are negative.
        """
        row = self.layout.flatten(bucket.counts)
        self._items += int(self.layout.items(row))
        self._times.note(bucket, has_items=bool(row.any()))
        self._expect_only(each for each in self._expectations if bucket.start < each.until)
        event = self._take(row, bucket) if row.any() else None
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
            Fewer than 500 items, or an alarm is open, here or in the version before this one: its traffic
            would become what is normal. `force` overrides all, except that one item is the least.
        """
        self._check_freezable(force=force)
        candidate = freezable(self._candidate(), force=force)
        cleared = None
        if self._judge is not None:
            cleared = self._judge.end_alarm("the baseline was replaced", at=at, by="baseline")
        self._start_from(candidate.frozen(at=at, by=by, why=why))
        self._settle(at)
        return cleared

    def dismiss(self, *, at: float, by: str, why: str) -> Event:
        """End the open alarm as a false one: the windows start anew against the same baseline.

        Raises
        ------
        NoOpenAlarm
            There is none.
        """
        event = None
        if self._judge is not None:
            event = self._judge.end_alarm(f"{by} called it false: {why}", at=at, by="false")
        if event is None:
            raise NoOpenAlarm
        self._settle(at)
        return event

    def retire(self, *, at: float, why: str, by: EndedBy) -> Event | None:
        """End the open alarm because another version was put in force; None without one.

        The windows start anew against the same baseline: what comes back to this version is judged afresh.
        """
        event = None if self._judge is None else self._judge.end_alarm(why, at=at, by=by)
        if event is not None:
            self._settle(at)
        return event

    def dismiss_shadow(self, of: str, *, at: float, by: str, why: str) -> bool:
        """End the alarm that the shadow of that version carries, as `dismiss` does; False without one."""
        shadow = self._provisional.shadow
        return shadow is not None and shadow.of == of and shadow.dismiss(at=at, by=by, why=why)

    def expect(self, category: str, *, at: float, until: float, by: str, why: str) -> Expectation:
        """Leave a class out of all tests until a planned change is over; measured quantities too.

        Expecting the same class again replaces what was expected of it. When it ends, the windows start anew.
        The shadow of the version before this one expects the same.

        Raises
        ------
        ExpectationRefused
            There is no such class, or `until` is not after `at`.
        """
        expected = Expectation(category, at, until, by, why)
        self._expectations = with_expected(self._expectations, expected, categories=self.categories)
        self._set_aside(anew=False)
        if self._provisional.shadow is not None:
            self._provisional.shadow.expect(expected)
        return expected

    def unexpect(self, category: str, *, at: float) -> None:
        """End an expectation before its time; ExpectationRefused when there is none of that class."""
        self._expect_only(without_expected(self._expectations, category))
        if self._provisional.shadow is not None:
            self._provisional.shadow.unexpect(category, at=at)
        self._settle(at)

    def carry(self, shadow: Mapping[str, Any], *, of: str, same_scores: bool = False) -> bool:
        """Keep an older version's detector, by its snapshot, until the own baseline is frozen.

        It is fed the class stream and says in the status what it sees. An older version that has no frozen
        baseline of its own hands on the shadow it carries itself. What it expects, this version expects too:
        a change was announced of the world, not of a version.

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
        former = type(self).from_json(shadow, config=self.config)
        handed_on = former._provisional.shadow
        if former._judge is None and handed_on is not None:
            same = same_scores and handed_on.same_scores
            return self.carry(handed_on.to_json()["detector"], of=handed_on.of, same_scores=same)
        order = matching_order(former.streams[0], self.streams[0])
        if former._judge is None or self._judge is not None or order is None:
            return False
        self._provisional.shadow = Shadow(former, of=of, same_scores=same_scores, order=order)
        self._expectations = former._expectations
        return True

    def status(self) -> Status:
        """Return all there is to say now; while the baseline is provisional, current shares are its own."""
        baseline, last, alarm, comparison = (
            self.baseline,
            self._times.last_items,
            self._open,
            self._comparison,
        )
        row, buckets = self._newest()
        scanned = None if self._judge is None else self._judge.scanned
        shadow = self._provisional.shadow
        return Status(
            state=self._state,
            since=self._since,
            statistic=self.statistic,
            threshold=self.threshold,
            categories=category_statuses(
                self.layout, row, comparison=comparison, scanned=scanned, buckets=buckets
            ),
            streams=stream_statuses(
                self.layout, row, comparison=comparison, scanned=scanned, buckets=buckets
            ),
            baseline=None if baseline is None else baseline.summary(self.layout),
            window_items=int(self.layout.items(row)),
            window_buckets=buckets,
            buckets_set_aside=0 if self._judge is None else self._judge.aside,
            items=self._items,
            last_items_at=last if math.isfinite(last) else None,
            alarm=self.alarm,
            findings=() if alarm is None else alarm.further,
            strongest=None if alarm is None else alarm.strongest,
            expectations=self._expectations,
            shadow=None if shadow is None else shadow.status(),
            waiting=self._provisional.waiting,
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able snapshot; `from_json` restores it exactly, to the last bit of the statistic."""
        return packed(
            {
                "streams": [stream.to_json() for stream in self.streams],
                "items": self._items,
                "times": self._times.to_json(),
                "provisional": None if self._judge is not None else self._provisional.to_json(),
                "judge": None if self._judge is None else self._judge.to_json(),
                "expectations": [each.to_json() for each in self._expectations],
                "state": self._state,
                "since": self._since,
            }
        )

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any], *, config: DetectorConfig) -> Self:
        """Restore what `to_json` returned; `config` is not part of it, so that settings can change.

        Raises
        ------
        ValueError
            The snapshot has a format that this release does not know.
        """
        parts = unpacked(snapshot)
        detector = cls([Stream.from_json(each) for each in parts["streams"]], config)
        detector._items = parts["items"]
        detector._times = Times(**parts["times"])
        detector._expectations = tuple(Expectation(**each) for each in parts["expectations"])
        if parts["judge"] is not None:
            detector._judge = Judge.from_json(
                parts["judge"], layout=detector.layout, config=config, scope=detector._scope
            )
        if parts["provisional"] is not None:
            restore = partial(cls.from_json, config=config)
            detector._provisional.restore(parts["provisional"], detector=restore)
        detector._state, detector._since = parts["state"], parts["since"]
        return detector

    @property
    def _open(self) -> OpenAlarm | None:
        return None if self._judge is None else self._judge.alarm

    @property
    def _scope(self) -> Scope:
        """What is set aside because it is expected."""
        return expected_scope(self._expectations, self.streams)

    @property
    def _comparison(self) -> Comparison | None:
        """With the frozen baseline, else with the provisional one, else (before the first item) None."""
        if self._judge is not None:
            return self._judge.comparison
        baseline = self._provisional.baseline
        return None if baseline is None else Comparison(baseline, self.layout, self.config, self._scope)

    def _take(self, row: Counts, bucket: Bucket) -> Event | None:
        if self._judge is not None:
            return self._judge.take(row, bucket)
        ready = self._provisional.take(row, start=bucket.start, end=bucket.end)
        if ready is not None:
            self._start_from(ready.frozen(at=bucket.end, by=AUTOMATIC, why=self._provisional.rule))
        return None

    def _candidate(self) -> Baseline | None:
        """Return what would be frozen now."""
        if self._judge is None:
            return self._provisional.candidate()
        return self._judge.candidate(end=self._times.last_items)

    def _check_freezable(self, *, force: bool) -> None:
        if force:
            return
        if self._open is not None:
            raise BaselineRefused(
                "an alarm is open and its traffic would become the normal; wait until it clears, or force it"
            )
        if self._provisional.waiting:
            raise BaselineRefused(f"{self._provisional.waiting}; wait until it is over, or force it")

    def _newest(self) -> tuple[Counts, int]:
        """Return the newest traffic, as a raw row, and its buckets."""
        found = None if self._judge is None else self._judge.newest(STATUS_ITEMS)
        if found is not None:
            return found
        baseline = self.baseline
        if baseline is not None:
            return baseline.counts, baseline.buckets
        return np.zeros(self.layout.width, dtype=np.int64), 0

    def _settle(self, at: float) -> None:
        state = self._present_state()
        if state != self._state or self._since is None:
            self._state, self._since = state, at

    def _present_state(self) -> State:
        if self._open is not None:
            return "drift"
        if self._times.quiet_seconds >= self.config.blind_after_seconds:
            return "blind"
        return "calm" if self._judge is not None and self._judge.warm else "warming"

    def _start_from(self, baseline: Baseline) -> None:
        self._judge = Judge(Comparison(baseline, self.layout, self.config, self._scope))
        self._provisional = Provisional(self.layout, self.config)

    def _expect_only(self, expectations: Iterable[Expectation]) -> None:
        """End all other expectations; what came meanwhile is not judged by what is tested from now on."""
        left = tuple(expectations)
        if len(left) == len(self._expectations):
            return
        self._expectations = left
        self._set_aside(anew=True)

    def _set_aside(self, *, anew: bool) -> None:
        if self._judge is not None:
            self._judge.set_aside(self._scope, anew=anew)
