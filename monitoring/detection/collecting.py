"""How does live traffic become a baseline: added up until there is enough, then asked how it varied."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from monitoring.detection.baseline import Baseline
from monitoring.detection.series import Series, SeriesRows
from monitoring.scanning.bursts import Bursts, find_bursts
from monitoring.scanning.clumps import find_clumps
from monitoring.scanning.dispersion import estimate
from monitoring.scanning.planning import DAY_SECONDS, baseline_reading
from monitoring.scanning.season import basis, fit_season
from monitoring.scanning.streams import Layout
from monitoring.scanning.windows import Counts

TWO_WEEKS_SECONDS: Final = 14 * DAY_SECONDS  # such a baseline has days and weeks twice: no cycle is as slow


class BaselineCollector:
    """Adds up live traffic until it may be frozen: `items` and `seconds` have both been reached.

    Enough items alone would freeze one busy hour of a service whose nights look different.
    """

    __slots__ = ("_buckets", "_counts", "_end", "_start", "items", "layout", "seconds", "series")

    def __init__(self, layout: Layout, *, items: int, seconds: float) -> None:
        self.layout = layout
        self.items = items
        self.seconds = seconds
        self.series = Series(layout.width)
        self._counts = np.zeros(layout.width, dtype=np.int64)
        self._buckets = 0
        self._start = math.inf
        self._end = -math.inf

    def add(self, row: Counts, *, start: float, end: float) -> None:
        """Add the raw row of one closed bucket; one without items changes nothing."""
        if not row.any():
            return
        self._counts = self._counts + row
        self._buckets += 1
        self._start = min(self._start, start)
        self._end = max(self._end, end)
        self.series.add(row, middle=(start + end) / 2.0)

    @property
    def complete(self) -> bool:
        """Both conditions are met."""
        enough = int(self.layout.items(self._counts)) >= self.items
        return enough and self._end - self._start >= self.seconds

    @property
    def rule(self) -> str:
        """The condition in words."""
        return f"{self.items} items and {self.seconds:g} seconds of traffic were reached"

    @property
    def baseline(self) -> Baseline | None:
        """What was collected so far, provisional; None before the first item."""
        if not self._buckets:
            return None
        return Baseline(
            counts=self._counts,
            items=int(self.layout.items(self._counts)),
            buckets=self._buckets,
            start=self._start,
            end=self._end,
            kind="provisional",
        )

    def restore(self, baseline: Baseline, series: Series) -> None:
        """Continue from a provisional baseline."""
        self._counts = baseline.counts
        self._buckets = baseline.buckets
        self._start, self._end = baseline.start, baseline.end
        self.series = series


def measured(
    baseline: Baseline,
    series: Series,
    layout: Layout,
    *,
    season_seconds: float | None,
    bucket_seconds: float,
    threshold: float = math.inf,
    deduplicated: bool = False,
    example: Callable[[Baseline], tuple[str, int] | None] = lambda _baseline: None,
) -> Baseline:
    """Return the baseline with what its series says of bursts, clumps, the variance of traffic, its season.

    Buckets that hold bursts are taken out of it; `threshold` is the scan's, without one none are. Where the
    baseline is too short, `example` says of it which class takes how many items to be noticed.
    """
    baseline, bursts, rows = _without_bursts(baseline, series.rows(), layout, threshold=threshold)
    tested, items = layout.tested(rows.counts), layout.items_by_stream(rows.counts)
    swings = baseline.end - baseline.start < TWO_WEEKS_SECONDS
    dispersion = estimate(tested.counts, tested.items, layout.spans, unit=rows.unit, swings=swings)
    season = waves = None
    exposures: npt.NDArray[Any] = tested.items
    if season_seconds is not None:
        season = fit_season(
            tested.counts,
            tested.items,
            rows.middles,
            period_seconds=season_seconds,
            row_seconds=rows.row_seconds,
            dispersion=dispersion,
        )
    if season is not None and season_seconds is not None:
        by_stream = items[:, :, None] * basis(rows.middles, season_seconds)[:, None, :]
        waves = by_stream.sum(axis=0).reshape(-1)
        exposures = season.exposures(tested.items, by_stream[:, layout.stream_of].transpose(0, 2, 1))
        dispersion = estimate(
            tested.counts,
            exposures,
            layout.spans,
            unit=rows.unit,
            reference_factor=season.reference_factor,
            swings=swings,
        )
    found = replace(
        baseline,
        dispersion=dispersion,
        season=season,
        waves=waves,
        bursts=bursts,
        clumps=find_clumps(tested.counts, exposures, dispersion),
    )
    reading = baseline_reading(
        dispersion,
        bucket_seconds=bucket_seconds,
        baseline_seconds=baseline.end - baseline.start,
        period_seconds=season_seconds,
        example=example(found),
        deduplicated=deduplicated,
    )
    return replace(found, reading=reading or "")


def _without_bursts(
    baseline: Baseline, rows: SeriesRows, layout: Layout, *, threshold: float
) -> tuple[Baseline, Bursts, SeriesRows]:
    """Return baseline and rows without those that hold bursts, and by what bursts are told."""
    tested = layout.tested(rows.counts)
    bursts, aside = find_bursts(
        tested.counts, tested.items, layout.spans, threshold=threshold, unit=rows.unit
    )
    counts = baseline.counts - rows.counts[aside].sum(axis=0)
    kept = replace(
        baseline,
        counts=counts,
        items=int(layout.items(counts)),
        buckets=baseline.buckets - rows.unit * int(aside.sum()),
    )
    return kept, bursts, replace(rows, counts=rows.counts[~aside], middles=rows.middles[~aside])
