"""How is a status read off a detector: the newest traffic, the baseline, and the last scan?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from monitoring.detection.comparison import Comparison, Scanned
from monitoring.detection.detector_status import CategoryStatus, State, Status, StreamStatus
from monitoring.detection.expectation import Expectations
from monitoring.detection.finding import Direction, share_interval
from monitoring.detection.phases import Phases
from monitoring.scanning.streams import Layout
from monitoring.scanning.windows import Counts


def read_status(
    phases: Phases,
    *,
    state: State,
    since: float | None,
    items: int,
    last_items_at: float,
    expectations: Expectations,
) -> Status:
    """Return all there is to say now; while the baseline is provisional, current shares are its own.

    Parameters
    ----------
    last_items_at : float
        UTC seconds; infinite before the first item.
    """
    layout, baseline, alarm = phases.layout, phases.baseline, phases.alarm
    shadow, (row, buckets) = phases.provisional.shadow, phases.newest()
    readings = Readings.of(layout, row, comparison=phases.comparison, scanned=phases.scanned, buckets=buckets)
    return Status(
        state=state,
        since=since,
        statistic=phases.statistic,
        threshold=phases.config.threshold,
        categories=readings.categories(),
        streams=readings.streams(),
        baseline=None if baseline is None else baseline.summary(layout),
        window_items=int(layout.items(row)),
        window_buckets=buckets,
        buckets_set_aside=phases.aside,
        items=items,
        last_items_at=last_items_at if math.isfinite(last_items_at) else None,
        alarm=None if alarm is None else alarm.finding,
        findings=() if alarm is None else alarm.further,
        strongest=None if alarm is None else alarm.strongest,
        expectations=expectations,
        shadow=None if shadow is None else shadow.status(),
        waiting=phases.provisional.waiting,
    )


@dataclass(frozen=True, slots=True)
class Readings:
    """What there is to say of each column, as plain numbers: an array asked one by one costs as much again.

    `layout`, `comparison` and `scanned` are what they were read off. `counts` and `items` are the recent
    traffic's, `inflation` is by how much its counts vary more than those of independent items.
    """

    layout: Layout
    comparison: Comparison | None
    scanned: Scanned | None
    counts: Sequence[int]
    items: Sequence[int]
    inflation: Sequence[float]
    shares: Sequence[float | None]
    evidence: Sequence[float]
    rises: Sequence[bool]

    @classmethod
    def of(
        cls,
        layout: Layout,
        row: Counts,
        *,
        comparison: Comparison | None,
        scanned: Scanned | None,
        buckets: int = 1,
    ) -> Self:
        """Read off a baseline and a scan, where there are any, and the recent traffic's row and buckets."""
        n, recent = layout.n_columns, layout.tested(row[None])
        inflation = np.ones(n) if comparison is None else comparison.inflation(slice(None), buckets)
        return cls(
            layout=layout,
            comparison=comparison,
            scanned=scanned,
            counts=recent.counts[0].tolist(),
            items=recent.items[0].tolist(),
            inflation=inflation.tolist(),
            shares=[None] * n if comparison is None else comparison.shares,
            evidence=[0.0] * n if scanned is None else scanned.result.evidence.tolist(),
            rises=[False] * n if scanned is None else scanned.result.rises.tolist(),
        )

    def categories(self) -> tuple[CategoryStatus, ...]:
        """Return the status of every category of the classes."""
        n_classes = len(self.layout.streams[0].columns)
        detectable = [None] * n_classes if self.comparison is None else self.comparison.detectable
        return tuple(self._category(k, detectable=detectable[k]) for k in range(n_classes))

    def streams(self) -> tuple[StreamStatus, ...]:
        """Return the status of every stream."""
        layout, found = self.layout, []
        for stream in layout.streams:
            whole = _whole(stream.name, self.comparison, self.scanned)
            each = range(*layout.columns[stream.name].indices(layout.n_columns))
            found.append(
                StreamStatus(
                    name=stream.name,
                    kind=stream.kind,
                    share=stream.share,
                    statistic=max(*self.evidence[each.start : each.stop], whole or 0.0),
                    whole_mix=whole,
                    columns=None if stream is layout.streams[0] else tuple(map(self._category, each)),
                )
            )
        return tuple(found)

    def _category(self, column: int, *, detectable: int | None = None) -> CategoryStatus:
        """Return the status of a column."""
        count, items, evidence = self.counts[column], self.items[column], self.evidence[column]
        low, high = share_interval(count, items, inflation=self.inflation[column])
        direction: Direction = "rise" if self.rises[column] else "fall"
        return CategoryStatus(
            name=self.layout.names[column][1],
            reference=self.shares[column],
            current=count / items if items else None,
            low=low,
            high=high,
            evidence=evidence,
            direction=direction if evidence else None,
            detectable_items=detectable,
        )


def _whole(name: str, comparison: Comparison | None, scanned: Scanned | None) -> float | None:
    if comparison is None or scanned is None or scanned.result.mix is None:
        return None
    return scanned.result.statistic if comparison.mixes[scanned.result.mix] == name else None
