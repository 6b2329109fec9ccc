"""What does traffic say against a frozen baseline: through windows and scan to an alarm and its end?"""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from monitoring.detection.baseline import Baseline, recent
from monitoring.detection.bucket import Bucket
from monitoring.detection.comparison import Comparison, Scanned, Scope
from monitoring.detection.detector_config import DetectorConfig
from monitoring.detection.finding import EndedBy, Event
from monitoring.detection.open_alarm import OpenAlarm
from monitoring.scanning.bursts import Gate
from monitoring.scanning.season import basis
from monitoring.scanning.streams import Layout
from monitoring.scanning.windows import Counts, Waves, Windows


class Judge:
    """Compares traffic with one baseline.

    Parameters
    ----------
    comparison : Comparison
        With a frozen baseline.

    Attributes
    ----------
    windows : Windows
    alarm : OpenAlarm or None
    warm : bool
        A class at twice its share would have been noticed by now.
    """

    __slots__ = ("_gate", "_is_scanned", "_scanned", "alarm", "comparison", "warm", "windows")

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self._scanned: Scanned | None = None
        self.start_anew()

    @property
    def baseline(self) -> Baseline:
        """The frozen baseline."""
        return self.comparison.baseline

    @property
    def scanned(self) -> Scanned | None:
        """The last scan; None before the first bucket.

        One that was just restored makes it when it is asked for: the next bucket scans in any case.
        """
        if not self._is_scanned:
            self._scan()
        return self._scanned

    def start_anew(self) -> None:
        """Forget all traffic, and the alarm."""
        bursts, waves = self.baseline.bursts, self.baseline.waves
        config = self.comparison.config
        self.windows = Windows(
            self.comparison.layout.width,
            cap=config.cap,
            max_buckets=config.window_limit,
            n_waves=0 if waves is None else len(waves),
        )
        self._gate = None if bursts is None else Gate(bursts)
        self._forget_scan()
        self.alarm: OpenAlarm | None = None
        self.warm = False

    def set_aside(self, scope: Scope, *, anew: bool) -> None:
        """Test without what the scope names; `anew`, only from here on."""
        if anew:
            self._forget_windows()
        elif not self._is_scanned:
            self._scan()  # by the rules the windows came under: others hold from the next bucket on
        self.comparison = Comparison(self.baseline, self.comparison.layout, self.comparison.config, scope)

    def take(self, row: Counts, bucket: Bucket) -> Event | None:
        """Take in a bucket's raw row, which has items; return what it changed about the alarm."""
        waves = self._waves(row, bucket)
        entered = self._enter(row, start=bucket.start, waves=waves)
        scanned = self._scan(guess=None if self._scanned is None else self._scanned.result.of_columns)
        if scanned is None or not entered:
            return None
        if self.alarm is None:
            return self._raise_alarm(scanned, at=bucket.end)
        event = self.alarm.follow(
            row, scanned, self.comparison, start=bucket.start, at=bucket.end, waves=waves
        )
        if event is not None and event.kind == "alarm_cleared":
            self.windows, self.alarm = self.alarm.recovery.fresh, None
            self._scan()
        return event

    def end_alarm(self, why: str, *, at: float, by: EndedBy) -> Event | None:
        """End the open alarm and start anew; None without one."""
        if self.alarm is None:
            return None
        event = self.alarm.ended(why, at=at, by=by)
        self.start_anew()
        return event

    def candidate(self, *, end: float) -> Baseline | None:
        """Return what would be frozen in place of the baseline now; None without traffic since.

        Parameters
        ----------
        end : float
            UTC seconds at which the newest bucket with items ended.
        """
        return recent(
            self.windows.suffixes(),
            self.comparison.layout,
            former=self.baseline,
            items=self.comparison.config.baseline_items,
            since=None if self.alarm is None else self.alarm.finding.since_time,
            end=end,
        )

    @property
    def aside(self) -> int:
        """Buckets that were set aside as bursts since the windows last started anew."""
        return 0 if self._gate is None else self._gate.aside

    def newest(self, items: int) -> tuple[Counts, int] | None:
        """Return raw row and buckets of the shortest window of so many items, else of the longest."""
        if self.scanned is None:
            return None
        windows = self.windows.suffixes()
        held = self.comparison.layout.items(windows.counts)
        i = min(int(np.searchsorted(held, items)), len(held) - 1)
        return windows.counts[i], int(windows.lengths[i])

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able snapshot; `from_json` restores it exactly."""
        return {
            "baseline": self.baseline.to_json(),
            "windows": self.windows.to_json(),
            "gate": None if self._gate is None else self._gate.to_json(),
            "warm": self.warm,
            "alarm": None if self.alarm is None else self.alarm.to_json(),
        }

    @classmethod
    def from_json(
        cls, snapshot: Mapping[str, Any], *, layout: Layout, config: DetectorConfig, scope: Scope
    ) -> Self:
        """Restore what `to_json` returned, under settings that may have changed."""
        judge = cls(Comparison(Baseline.from_json(snapshot["baseline"]), layout, config, scope))
        judge.windows = Windows.from_json(snapshot["windows"])
        judge.windows.limit(config.window_limit)
        if judge._gate is not None and snapshot["gate"] is not None:
            judge._gate.restore(snapshot["gate"])
        judge.warm = snapshot["warm"]
        if snapshot["alarm"] is not None:
            judge.alarm = OpenAlarm.from_json(snapshot["alarm"])
            judge.alarm.limit(config.window_limit)
        judge._is_scanned = False
        return judge

    def _scan(self, *, guess: float | None = None) -> Scanned | None:
        self._scanned = self.comparison.scan(self.windows, guess=guess)
        self._is_scanned = True
        return self._scanned

    def _forget_windows(self) -> None:
        self.windows = self.windows.empty()
        self._forget_scan()
        if self._gate is not None:
            self._gate.restart()
        if self.alarm is not None:
            self.alarm.restart()

    def _forget_scan(self) -> None:
        self._scanned = None
        self._is_scanned = True

    def _enter(self, row: Counts, *, start: float, waves: Waves | None) -> bool:
        """Add a bucket to the windows unless it is part of a burst; return whether it was added."""
        if self._gate is None:
            self.windows.add(row, start=start, waves=waves)
            return True
        tested = self.comparison.layout.tested(row[None])
        columns = (tested.counts[0], tested.items[0])
        return self._gate.enter(self.windows, row, tested=columns, start=start, waves=waves)

    def _raise_alarm(self, scanned: Scanned, *, at: float) -> Event | None:
        if not self.warm:
            held = int(self.comparison.layout.items(scanned.windows.counts[-1]))
            self.warm = held >= self.comparison.least_items
        if scanned.result.statistic < self.comparison.threshold:
            return None
        self.alarm = OpenAlarm.raised(scanned, self.comparison, at=at, empty=self.windows.empty())
        self.warm = True
        return Event("alarm_raised", at, self.alarm.finding, "the statistic reached the threshold")

    def _waves(self, row: Counts, bucket: Bucket) -> Waves | None:
        """Return a bucket's items times the waves of the season, where there is one."""
        season = self.baseline.season
        if season is None:
            return None
        at = basis([(bucket.start + bucket.end) / 2.0], season.period_seconds)[0]
        return np.outer(self.comparison.layout.items_by_stream(row), at).reshape(-1)
