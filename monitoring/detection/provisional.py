"""What happens before a baseline is frozen: traffic is collected, and the version before this one watches."""

from collections.abc import Mapping
from typing import Any

from monitoring.detection.baseline import Baseline
from monitoring.detection.collecting import BaselineCollector, measured
from monitoring.detection.comparison import Comparison
from monitoring.detection.detector_config import DetectorConfig
from monitoring.detection.series import Series
from monitoring.detection.shadow import Restore, Shadow
from monitoring.scanning.streams import Layout
from monitoring.scanning.windows import Counts


class Provisional:
    """Collects a baseline, and says when it may be frozen.

    Attributes
    ----------
    shadow : Shadow or None
        The detector of the version before this one.
    """

    __slots__ = ("_collector", "config", "layout", "shadow")

    def __init__(self, layout: Layout, config: DetectorConfig) -> None:
        self.layout = layout
        self.config = config
        self.shadow: Shadow | None = None
        self._collector = self._new_collector()

    @property
    def baseline(self) -> Baseline | None:
        """What was collected so far; None before the first item."""
        return self._collector.baseline

    @property
    def rule(self) -> str:
        """When the baseline freezes by itself, in words."""
        return self._collector.rule

    @property
    def waiting(self) -> str:
        """Why the collected traffic must not become the baseline now; empty if it may."""
        if self.shadow is None or not self.shadow.blocks_freezing:
            return ""
        return f"the detector of {self.shadow.of}, which answers alike, sees drift in this traffic"

    def take(self, row: Counts, *, start: float, end: float) -> Baseline | None:
        """Take in a bucket's raw row; return the baseline once it may be frozen without anybody's word."""
        self._collector.add(row, start=start, end=end)
        if self.shadow is not None:
            classes = row[self.layout.raw[self.layout.streams[0].name]]
            over = self.shadow.close(classes, start=start, end=end)
            if over and self.shadow.same_scores:
                self._collector = self._new_collector()  # what came during the drift is not normal
        return self.candidate() if self._collector.complete and not self.waiting else None

    def candidate(self) -> Baseline | None:
        """Return what would be frozen now, and how its traffic varied; None before the first item."""
        collected = self._collector.baseline
        if collected is None:
            return None
        return measured(
            collected,
            self._collector.series,
            self.layout,
            season_seconds=self.config.season_seconds,
            bucket_seconds=self.config.bucket_seconds,
            threshold=self.config.threshold,
            deduplicated=self.config.deduplicate,
            example=self._slowest,
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able snapshot; `restore` takes it in again."""
        return {
            "baseline": None if self.baseline is None else self.baseline.to_json(),
            "series": self._collector.series.to_json(),
            "shadow": None if self.shadow is None else self.shadow.to_json(),
        }

    def restore(self, snapshot: Mapping[str, Any], *, detector: Restore) -> None:
        """Continue from what `to_json` returned; `detector` restores a shadow's."""
        if snapshot["baseline"] is not None:
            series = snapshot["series"]
            known = Series(self.layout.width) if series is None else Series.from_json(series)
            self._collector.restore(Baseline.from_json(snapshot["baseline"]), known)
        if snapshot["shadow"] is not None:
            self.shadow = Shadow.from_json(snapshot["shadow"], restore=detector)

    def _slowest(self, baseline: Baseline) -> tuple[str, int] | None:
        """Return the class whose doubling would be noticed last, and after how many items; None of none."""
        needed = Comparison(baseline, self.layout, self.config).detectable
        named = zip(self.layout.streams[0].columns, needed, strict=True)
        noticed = [(name, items) for name, items in named if items is not None]
        return max(noticed, key=lambda each: each[1], default=None)

    def _new_collector(self) -> BaselineCollector:
        return BaselineCollector(
            self.layout, items=self.config.baseline_items, seconds=self.config.baseline_seconds
        )
