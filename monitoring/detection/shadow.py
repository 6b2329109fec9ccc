"""What would the version before this one say of the traffic, until the new one has a baseline of its own?"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, Self

from monitoring.detection.bucket import Bucket
from monitoring.detection.expectation import Expectation
from monitoring.detection.finding import Event, Finding
from monitoring.errors import ExpectationRefused
from monitoring.scanning.streams import Stream
from monitoring.scanning.windows import Counts


class Watching(Protocol):
    """What a shadow needs of a detector."""

    @property
    def streams(self) -> tuple[Stream, ...]:
        """What it watches, the classes first."""
        ...

    @property
    def state(self) -> str:
        """Its state."""
        ...

    @property
    def statistic(self) -> float:
        """Its statistic, in nats."""
        ...

    @property
    def threshold(self) -> float:
        """Its threshold, in nats."""
        ...

    @property
    def since(self) -> float | None:
        """When it entered its state, UTC seconds."""
        ...

    @property
    def alarm(self) -> Finding | None:
        """What its open alarm says."""
        ...

    def close(self, bucket: Bucket) -> tuple[Event, ...]:
        """Take in a bucket."""
        ...

    def dismiss(self, *, at: float, by: str, why: str) -> Event:
        """End its open alarm as a false one."""
        ...

    def expect(self, category: str, *, at: float, until: float, by: str, why: str) -> Expectation:
        """Leave a class out of its tests."""
        ...

    def unexpect(self, category: str, *, at: float) -> None:
        """Test a class again."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return its snapshot."""
        ...


Restore = Callable[[Mapping[str, Any]], Watching]


class Shadow:
    """An older version's detector, fed the classes that the new version predicts.

    Parameters
    ----------
    of : str
        The older version's model key.
    same_scores : bool
        Both versions answer alike: what is drift to the shadow would be drift to the new version.
    order : sequence of int
        Where in the new version's row of the classes the older one's categories are.
    """

    __slots__ = ("_detector", "_order", "of", "same_scores")

    def __init__(self, detector: Watching, *, of: str, same_scores: bool, order: Sequence[int]) -> None:
        self._detector = detector
        self._order = list(order)
        self.of = of
        self.same_scores = same_scores

    @property
    def blocks_freezing(self) -> bool:
        """Whether the traffic is known not to be normal."""
        return self.same_scores and self._detector.state == "drift"

    def close(self, row: Counts, *, start: float, end: float) -> bool:
        """Feed it the new version's row of the classes; return whether that ended its alarm."""
        classes = self._detector.streams[0].name
        events = self._detector.close(Bucket({classes: row[self._order]}, start, end))
        return any(event.kind == "alarm_cleared" for event in events)

    def dismiss(self, *, at: float, by: str, why: str) -> bool:
        """End its open alarm as a false one; return whether it had one."""
        if self._detector.alarm is None:
            return False
        self._detector.dismiss(at=at, by=by, why=why)
        return True

    def expect(self, expected: Expectation) -> None:
        """Leave a class out of its tests, as the new version does."""
        self._detector.expect(**expected.to_json())

    def unexpect(self, category: str, *, at: float) -> None:
        """Test a class again; it may be over here already."""
        with suppress(ExpectationRefused):
            self._detector.unexpect(category, at=at)

    def status(self) -> dict[str, Any]:
        """Return what it sees, as JSON."""
        alarm = self._detector.alarm
        return {
            "of": self.of,
            "same_scores": self.same_scores,
            "state": self._detector.state,
            "statistic": self._detector.statistic,
            "threshold": self._detector.threshold,
            "since": self._detector.since,
            "classes": [] if alarm is None else alarm.to_json()["classes"],
        }

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able snapshot; `from_json` restores it exactly."""
        return {
            "of": self.of,
            "same_scores": self.same_scores,
            "order": self._order,
            "detector": self._detector.to_json(),
        }

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any], *, restore: Restore) -> Self:
        """Restore what `to_json` returned."""
        detector = restore(snapshot["detector"])
        return cls(detector, of=snapshot["of"], same_scores=snapshot["same_scores"], order=snapshot["order"])


def matching_order(former: Stream, present: Stream) -> list[int] | None:
    """Return where the former stream's columns are in the present one; None when they are not the same."""
    if former.kind != present.kind or set(former.columns) != set(present.columns):
        return None
    order = [present.columns.index(name) for name in former.columns]
    return order + list(range(len(order), former.width))
