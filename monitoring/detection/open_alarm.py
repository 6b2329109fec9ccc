"""What is known of an open alarm: what raised it, what was found since, and whether it is over?"""

from collections.abc import Mapping
from typing import Any, Final, Self

from monitoring.detection.comparison import Comparison, Scanned, Scope
from monitoring.detection.finding import EndedBy, Event, Finding, Strongest
from monitoring.detection.naming import describe
from monitoring.detection.recovery import CALM_BLOCKS, Recovery, fresh_items
from monitoring.scanning.streams import Stream
from monitoring.scanning.windows import Counts, Waves, Windows

MAX_FURTHER: Final = 8  # findings of one alarm; more would say that everything moved


class OpenAlarm:
    """Follows an alarm until fresh traffic is calm.

    A second, different shift is looked for on traffic since the last finding, with the categories that are
    already named set aside: their change must not be found again in what the others lost to them. Who only
    made room is not: among the rest its share is as ever, and it may move next. Measured quantities are set
    aside too, because a changed mix of classes changes them all.

    Parameters
    ----------
    finding : Finding
        What raised it.
    recovery : Recovery
    others : Windows
        Empty; where the second shift is looked for.
    """

    __slots__ = ("_others", "finding", "further", "recovery", "strongest")

    def __init__(self, finding: Finding, *, at: float, recovery: Recovery, others: Windows) -> None:
        self.finding = finding
        self.further: tuple[Finding, ...] = ()
        self.strongest = Strongest(finding.statistic, finding.since_time, finding.since_items, at)
        self.recovery = recovery
        self._others = others

    @classmethod
    def raised(cls, scanned: Scanned, comparison: Comparison, *, at: float, empty: Windows) -> Self:
        """Return the alarm that a scan raises; `empty` windows are of the detector's kind."""
        finding = describe(scanned, comparison)
        recovery = Recovery(empty, block_items=fresh_items(finding, comparison))
        return cls(finding, at=at, recovery=recovery, others=empty.empty())

    def follow(
        self,
        row: Counts,
        scanned: Scanned,
        comparison: Comparison,
        *,
        start: float,
        at: float,
        waves: Waves | None,
    ) -> Event | None:
        """Take in a bucket's raw row and the scan after it; return what it changed."""
        self._note(scanned, comparison, at=at)
        if self.recovery.take(row, start=start, waves=waves, alarm=self.finding, comparison=comparison):
            why = f"{CALM_BLOCKS} times in a row {self.recovery.block_items} fresh items were calm"
            return self.ended(why, at=at, by="calm")
        self._others.add(row, start=start, waves=waves)
        return self._second(comparison, at=at)

    def ended(self, why: str, *, at: float, by: EndedBy) -> Event:
        """Return the event of its end."""
        return Event("alarm_cleared", at, self.finding, why, ended_by=by, strongest=self.strongest)

    def restart(self) -> None:
        """Judge from here on: what is tested has changed."""
        self.recovery.restart()
        self._others = self._others.empty()

    def limit(self, max_buckets: int) -> None:
        """Hold at most so many buckets from now on."""
        self.recovery.fresh.limit(max_buckets)
        self._others.limit(max_buckets)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able snapshot; `from_json` restores it exactly."""
        return {
            "finding": self.finding.to_json(),
            "further": [each.to_json() for each in self.further],
            "strongest": self.strongest.to_json(),
            "recovery": self.recovery.to_json(),
            "others": self._others.to_json(),
        }

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned."""
        alarm = cls(
            Finding.from_json(snapshot["finding"]),
            at=0.0,
            recovery=Recovery.from_json(snapshot["recovery"]),
            others=Windows.from_json(snapshot["others"]),
        )
        alarm.further = tuple(Finding.from_json(each) for each in snapshot["further"])
        alarm.strongest = Strongest(**snapshot["strongest"])
        return alarm

    def _note(self, scanned: Scanned, comparison: Comparison, *, at: float) -> None:
        result, windows = scanned.result, scanned.windows
        if result.statistic > self.strongest.statistic:
            items = int(comparison.layout.items(windows.counts[result.window]))
            since = float(windows.starts[result.window])
            self.strongest = Strongest(result.statistic, since, items, at)

    def _second(self, comparison: Comparison, *, at: float) -> Event | None:
        if len(self.further) >= MAX_FURTHER:
            return None
        rest = comparison.scoped(self._known(comparison))
        if not rest.yardstick.weights.any():
            return None
        scanned = rest.scan(self._others)
        if scanned is None or scanned.result.statistic < comparison.threshold:
            return None
        found = describe(scanned, rest)
        self.further = (*self.further, found)
        self._others = self._others.empty()
        return Event("finding_added", at, found, "another shift reached the threshold")

    def _known(self, comparison: Comparison) -> Scope:
        """Return what is already named, and the streams in which nothing can be told apart from it."""
        classes = comparison.layout.streams[0]
        findings = (self.finding, *self.further)
        muted = {stream.name for stream in comparison.layout.streams if stream.kind == "cuts"}
        muted |= {each.stream for each in findings if not each.classes}
        named = (_moved(each, of=classes) for each in findings)
        return Scope(left_out=frozenset().union(*named), muted=frozenset(muted))


def _moved(finding: Finding, *, of: Stream) -> set[str]:
    """Return the named classes, without those that only made room for the ones that rose.

    Their interval holds what their share would be if they had kept it among the classes that did not rise.
    """
    shifts = [shift for shift in finding.classes if shift.stream == of.name]
    rose = [shift for shift in shifts if shift.direction == "rise"]
    before, now = 1.0 - sum(shift.reference for shift in rose), 1.0 - sum(shift.current for shift in rose)
    if of.kind != "mix" or not rose or before <= 0.0:
        return {shift.name for shift in shifts}
    fell = {shift.name for shift in shifts if not shift.low <= shift.reference * now / before <= shift.high}
    return fell.union(shift.name for shift in rose)
