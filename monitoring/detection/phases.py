"""What is traffic compared with now: a baseline that is still collected, or the frozen one it became?"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from monitoring.detection.baseline import AUTOMATIC, Baseline
from monitoring.detection.bucket import Bucket
from monitoring.detection.comparison import STATUS_ITEMS, Comparison, Scanned, Scope
from monitoring.detection.detector_config import DetectorConfig
from monitoring.detection.finding import EndedBy, Event
from monitoring.detection.judging import Judge
from monitoring.detection.open_alarm import OpenAlarm
from monitoring.detection.provisional import Provisional
from monitoring.detection.shadow import Restore
from monitoring.scanning.streams import Layout
from monitoring.scanning.windows import Counts


class Phases:
    """Collects a baseline and, from when it is frozen on, judges traffic by it.

    Attributes
    ----------
    provisional : Provisional
        Empty once a baseline is frozen.
    judge : Judge or None
        There is one as soon as a baseline is frozen.
    """

    __slots__ = ("_scope", "config", "judge", "layout", "provisional")

    def __init__(self, layout: Layout, config: DetectorConfig) -> None:
        self.layout = layout
        self.config = config
        self.provisional = Provisional(layout, config)
        self.judge: Judge | None = None
        self._scope = Scope()

    @property
    def baseline(self) -> Baseline | None:
        """The frozen baseline, else the provisional one, else (before the first item) None."""
        return self.provisional.baseline if self.judge is None else self.judge.baseline

    @property
    def comparison(self) -> Comparison | None:
        """With that baseline; None without one."""
        if self.judge is not None:
            return self.judge.comparison
        baseline = self.provisional.baseline
        return None if baseline is None else Comparison(baseline, self.layout, self.config, self._scope)

    @property
    def scanned(self) -> Scanned | None:
        """The last scan; None without one."""
        return None if self.judge is None else self.judge.scanned

    @property
    def statistic(self) -> float:
        """The largest evidence of the last scan, in nats; 0 without one."""
        return 0.0 if (scanned := self.scanned) is None else scanned.result.statistic

    @property
    def alarm(self) -> OpenAlarm | None:
        """The open alarm."""
        return None if self.judge is None else self.judge.alarm

    @property
    def warm(self) -> bool:
        """Whether a class at twice its share would have been noticed by now."""
        return self.judge is not None and self.judge.warm

    @property
    def aside(self) -> int:
        """Buckets that were set aside as bursts since the windows last started anew."""
        return 0 if self.judge is None else self.judge.aside

    def take(self, row: Counts, bucket: Bucket) -> Event | None:
        """Take in a bucket's raw row, which has items; return what it changed about the alarm."""
        if self.judge is not None:
            return self.judge.take(row, bucket)
        ready = self.provisional.take(row, start=bucket.start, end=bucket.end)
        if ready is not None:
            self.judge_by(ready.frozen(at=bucket.end, by=AUTOMATIC, why=self.provisional.rule))
        return None

    def candidate(self, *, end: float) -> Baseline | None:
        """Return what would be frozen now; `end`, UTC seconds, is that of the newest bucket with items."""
        return self.provisional.candidate() if self.judge is None else self.judge.candidate(end=end)

    def judge_by(self, baseline: Baseline) -> None:
        """Judge by this frozen baseline from here on; what was collected, and the shadow, are let go."""
        self.judge = Judge(Comparison(baseline, self.layout, self.config, self._scope))
        self.provisional = Provisional(self.layout, self.config)

    def end_alarm(self, why: str, *, at: float, by: EndedBy) -> Event | None:
        """End the open alarm and start the windows anew; None without one."""
        return None if self.judge is None else self.judge.end_alarm(why, at=at, by=by)

    def set_aside(self, scope: Scope, *, anew: bool) -> None:
        """Test without what the scope names; `anew`, only from here on."""
        self._scope = scope
        if self.judge is not None:
            self.judge.set_aside(scope, anew=anew)

    def newest(self) -> tuple[Counts, int]:
        """Return the newest traffic, as a raw row, and its buckets; of a provisional baseline, all of it."""
        found = None if self.judge is None else self.judge.newest(STATUS_ITEMS)
        if found is not None:
            return found
        baseline = self.baseline
        if baseline is not None:
            return baseline.counts, baseline.buckets
        return np.zeros(self.layout.width, dtype=np.int64), 0

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able snapshot; `restore` takes it in again."""
        return {
            "provisional": None if self.judge is not None else self.provisional.to_json(),
            "judge": None if self.judge is None else self.judge.to_json(),
        }

    def restore(self, snapshot: Mapping[str, Any], *, scope: Scope, detector: Restore) -> None:
        """Continue from what `to_json` returned; `detector` restores a shadow's."""
        self._scope = scope
        if snapshot["judge"] is not None:
            self.judge = Judge.from_json(
                snapshot["judge"], layout=self.layout, config=self.config, scope=scope
            )
        if snapshot["provisional"] is not None:
            self.provisional.restore(snapshot["provisional"], detector=detector)
