"""Is traffic drifting, since when and in which classes: the state machine around the scan.

One detector watches one model version. It is fed closed buckets in the order in which they were closed, holds
no clock and no store, and a snapshot restores it exactly: the same buckets give the same state, whoever fed
them.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Self

from monitoring.detection.baseline import Baseline, freezable
from monitoring.detection.bucket import Bucket, Times
from monitoring.detection.comparison import DECLARED_RATIO, Scope
from monitoring.detection.detector_config import DEFAULT_TOLERANCE, DetectorConfig
from monitoring.detection.detector_status import CategoryStatus, State, Status
from monitoring.detection.expectation import (
    Expectation,
    Expectations,
    expected_scope,
    with_expected,
    without_expected,
)
from monitoring.detection.finding import ClassShift, Direction, EndedBy, Event, EventKind, Finding
from monitoring.detection.phases import Phases
from monitoring.detection.shadow import Shadow, matching_order
from monitoring.detection.snapshot import packed, unpacked
from monitoring.detection.status_reading import read_status
from monitoring.errors import BaselineRefused, NoOpenAlarm
from monitoring.scanning.streams import Layout, Stream

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
        "_phases",
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
        self._phases = Phases(self.layout, self.config)
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
        return self._phases.statistic

    @property
    def threshold(self) -> float:
        """The statistic at which an alarm is raised, in nats."""
        return self.config.threshold

    @property
    def baseline(self) -> Baseline | None:
        """The frozen baseline, else the provisional one, else (before the first item) None."""
        return self._phases.baseline

    @property
    def alarm(self) -> Finding | None:
        """What raised the open alarm; None without one."""
        return None if self._phases.alarm is None else self._phases.alarm.finding

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
        comparison = self._phases.comparison
        if comparison is None:
            return None
        return comparison.detectable_items(self.categories.index(category), ratio)

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
        event = self._phases.take(row, bucket) if row.any() else None
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
        candidate = freezable(self._phases.candidate(end=self._times.last_items), force=force)
        cleared = self._phases.end_alarm("the baseline was replaced", at=at, by="baseline")
        self._phases.judge_by(candidate.frozen(at=at, by=by, why=why))
        self._settle(at)
        return cleared

    def dismiss(self, *, at: float, by: str, why: str) -> Event:
        """End the open alarm as a false one: the windows start anew against the same baseline.

        Raises
        ------
        NoOpenAlarm
            There is none.
        """
        event = self._phases.end_alarm(f"{by} called it false: {why}", at=at, by="false")
        if event is None:
            raise NoOpenAlarm
        self._settle(at)
        return event

    def retire(self, *, at: float, why: str, by: EndedBy) -> Event | None:
        """End the open alarm because another version was put in force; None without one.

        The windows start anew against the same baseline: what comes back to this version is judged afresh.
        """
        event = self._phases.end_alarm(why, at=at, by=by)
        if event is not None:
            self._settle(at)
        return event

    def dismiss_shadow(self, of: str, *, at: float, by: str, why: str) -> bool:
        """End the alarm that the shadow of that version carries, as `dismiss` does; False without one."""
        shadow = self._shadow
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
        self._phases.set_aside(self._scope, anew=False)
        if self._shadow is not None:
            self._shadow.expect(expected)
        return expected

    def unexpect(self, category: str, *, at: float) -> None:
        """End an expectation before its time; ExpectationRefused when there is none of that class."""
        self._expect_only(without_expected(self._expectations, category))
        if self._shadow is not None:
            self._shadow.unexpect(category, at=at)
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
        handed_on = former._shadow
        if former._phases.judge is None and handed_on is not None:
            same = same_scores and handed_on.same_scores
            return self.carry(handed_on.to_json()["detector"], of=handed_on.of, same_scores=same)
        order = matching_order(former.streams[0], self.streams[0])
        if former._phases.judge is None or self._phases.judge is not None or order is None:
            return False
        self._phases.provisional.shadow = Shadow(former, of=of, same_scores=same_scores, order=order)
        self._expectations = former._expectations
        self._phases.set_aside(self._scope, anew=False)
        return True

    def status(self) -> Status:
        """Return all there is to say now; while the baseline is provisional, current shares are its own."""
        return read_status(
            self._phases,
            state=self._state,
            since=self._since,
            items=self._items,
            last_items_at=self._times.last_items,
            expectations=self._expectations,
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able snapshot; `from_json` restores it exactly, to the last bit of the statistic."""
        return packed(
            {
                "streams": [stream.to_json() for stream in self.streams],
                "items": self._items,
                "times": self._times.to_json(),
                **self._phases.to_json(),
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
        detector._phases.restore(parts, scope=detector._scope, detector=partial(cls.from_json, config=config))
        detector._state, detector._since = parts["state"], parts["since"]
        return detector

    @property
    def _shadow(self) -> Shadow | None:
        return self._phases.provisional.shadow

    @property
    def _scope(self) -> Scope:
        """What is set aside because it is expected."""
        return expected_scope(self._expectations, self.streams)

    def _check_freezable(self, *, force: bool) -> None:
        if force:
            return
        if self._phases.alarm is not None:
            raise BaselineRefused(
                "an alarm is open and its traffic would become the normal; wait until it clears, or force it"
            )
        if waiting := self._phases.provisional.waiting:
            raise BaselineRefused(f"{waiting}; wait until it is over, or force it")

    def _settle(self, at: float) -> None:
        state = self._present_state()
        if state != self._state or self._since is None:
            self._state, self._since = state, at

    def _present_state(self) -> State:
        if self._phases.alarm is not None:
            return "drift"
        if self._times.quiet_seconds >= self.config.blind_after_seconds:
            return "blind"
        return "calm" if self._phases.warm else "warming"

    def _expect_only(self, expectations: Iterable[Expectation]) -> None:
        """End all other expectations; what came meanwhile is not judged by what is tested from now on."""
        left = tuple(expectations)
        if len(left) == len(self._expectations):
            return
        self._expectations = left
        self._phases.set_aside(self._scope, anew=True)
