"""What do recent windows say against one baseline, and what could they say at all?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.detection.baseline import Baseline
from monitoring.detection.detector_config import OTHERS, DetectorConfig
from monitoring.scanning.budget import column_weights, watch_weights, whole_mix_budget
from monitoring.scanning.clumps import Clumps, believed
from monitoring.scanning.evidence import Yardstick
from monitoring.scanning.planning import items_to_detect
from monitoring.scanning.scan import RELIEF_OF_RISES, ScanResult, scan_columns
from monitoring.scanning.spans import Floats
from monitoring.scanning.streams import Layout, Stream
from monitoring.scanning.whole_mix import Mix
from monitoring.scanning.windows import DEFAULT_CAP, Counts, Windows, WindowSet

DECLARED_RATIO: Final = 2.0  # the change that planning and `warming` speak of: a class at twice its share
LARGEST_CUT_SHARE: Final = 0.10  # a larger one has no larger tolerance
_CLOSELY: Final = 3.0  # nats below the threshold, from which all windows are looked at and not every second
STATUS_ITEMS: Final = 1_000  # current shares are those of the newest window of at least this many items


@dataclass(frozen=True, slots=True)
class Scope:
    """What is set aside: categories of the classes, and streams as a whole.

    Shares, where categories exclude each other, are then those of the remaining items.
    """

    left_out: frozenset[str] = frozenset()
    muted: frozenset[str] = frozenset()

    def also(self, other: "Scope") -> "Scope":
        """Return both together."""
        return Scope(self.left_out | other.left_out, self.muted | other.muted)


@dataclass(frozen=True, slots=True, eq=False)
class Scanned:
    """A scan and what it looked at.

    Attributes
    ----------
    windows : WindowSet
        Raw rows, with everything in them.
    counts, tested_items : int64 arrays of shape (n_windows, n_columns)
        What was tested, of how many items.
    items : float64 array of shape (n_windows, n_columns)
        The same items, or exposures where a season was fitted.
    result : ScanResult
    """

    windows: WindowSet
    counts: Counts
    tested_items: Counts
    items: Floats
    result: ScanResult

    def cell(self, window: int, column: int) -> tuple[int, int]:
        """Return count and items of a column in a window."""
        return int(self.counts[window, column]), int(self.tested_items[window, column])


@dataclass(frozen=True, eq=False)
class Comparison:
    """A baseline and the rules by which traffic is compared with it; see `monitoring.scanning.scan`."""

    baseline: Baseline
    layout: Layout
    config: DetectorConfig
    scope: Scope = Scope()

    @cached_property
    def threshold(self) -> float:
        """The statistic at which an alarm is raised, in nats."""
        return self.config.threshold

    def scoped(self, scope: Scope) -> "Comparison":
        """Return the comparison of what is left when more is set aside."""
        both = self.scope.also(scope)
        return self if both == self.scope else replace(self, scope=both)

    def scan(self, windows: Windows, *, guess: float | None = None) -> Scanned | None:
        """Return what all windows say, every second one where an alarm is far; None when there are none.

        A guess of the largest evidence of single columns saves work.
        """
        if not windows.buckets:
            return None
        coarse = windows.cap < DEFAULT_CAP  # as an earlier release wrote them down
        scanned = self._scan(windows.suffixes(step=1 if coarse else 2), guess=guess)
        if not coarse and scanned.result.statistic > self.threshold - _CLOSELY:
            scanned = self._scan(windows.suffixes(), guess=scanned.result.of_columns)
        return scanned if self.baseline.clumps is None else self._believed(scanned, self.baseline.clumps)

    def evidence(self, window: WindowSet) -> float:
        """Return the largest evidence in a single window, without the bonus for its length."""
        statistic = self._scan(window).result.statistic
        return max(statistic - math.log(window.lengths[0]), 0.0) if statistic > 0.0 else 0.0

    def share(self, column: int) -> float | None:
        """Return a column's share of the baseline; None when that holds no items of its stream."""
        items = self._reference[1][column]
        return float(self._reference[0][column] / items) if items else None

    @cached_property
    def shares(self) -> tuple[float | None, ...]:
        """Each column's share of the baseline, with nothing set aside."""
        plain = self if self.scope == Scope() else replace(self, scope=Scope())
        return tuple(plain.share(column) for column in range(self.layout.n_columns))

    def detectable_items(self, column: int, ratio: float = DECLARED_RATIO) -> int | None:
        """Return after about how many items a column at `ratio` times its share is noticed; None if never."""
        yardstick, share = self.yardstick, self.share(column)
        if share is None:
            return None
        return items_to_detect(
            share,
            ratio,
            threshold=self.threshold,
            weight=math.exp(yardstick.log_weights[0 if ratio > 1.0 else 1, column]),
            bucket_items=self.baseline.items / self.baseline.buckets,
            reference_items=float(yardstick.items[column]),
            tolerance=float(yardstick.tolerance[column]),
            tolerance_abs=float(yardstick.tolerance_abs[column]),
            dispersion=yardstick.dispersion,
            column=column,
        )

    def inflation(self, columns: int | slice, buckets: int) -> Floats:
        """Return by how much counts of so many buckets vary more than those of independent items."""
        found = self.yardstick.inflation(np.array([buckets]))
        inflation = np.ones(self.layout.n_columns) if found is None else found.phi[0]
        return np.asarray(inflation[columns])

    @cached_property
    def detectable(self) -> tuple[int | None, ...]:
        """Each class category's `detectable_items` at twice its share."""
        return tuple(self.detectable_items(k) for k in range(len(self.layout.streams[0].columns)))

    @cached_property
    def least_items(self) -> float:
        """Return the smallest of the categories' `detectable_items`; infinite if none can be noticed.

        From so many items on the detector is no longer warming up, whatever the other categories need.
        """
        return min((n for n in self.detectable if n is not None), default=math.inf)

    @cached_property
    def mixes(self) -> tuple[str, ...]:
        """Names of the streams that are also tested as a whole, in the order of `yardstick.mixes`."""
        return tuple(stream.name for stream in self._active if self._whole_mix(stream) > 0.0)

    @cached_property
    def yardstick(self) -> Yardstick:
        """What windows are compared with, column by column."""
        counts, items = self._reference
        weights = np.zeros((2, self.layout.n_columns))
        mixes = []
        total = sum(stream.share for stream in self._active)
        for stream in self._active:
            columns, budget = self.layout.columns[stream.name], stream.share / total
            whole = self._whole_mix(stream)
            watched = self._watched(stream)
            weights[:, columns] = budget * column_weights(
                stream.kind, np.where(watched > 0.0, counts[columns], np.inf), watch=watched, whole_mix=whole
            )
            if whole > 0.0:
                mixes.append(Mix(columns.start, columns.stop, budget * whole))
        tolerance, tolerance_abs = self._tolerances
        return Yardstick(
            counts=counts,
            items=items,
            weights=weights,
            tolerance=tolerance,
            tolerance_abs=tolerance_abs,
            dispersion=self.baseline.dispersion,
            mixes=tuple(mixes),
            level=self.threshold,
            relief=self._relief,
        )

    @cached_property
    def _reference(self) -> tuple[Floats, Floats]:
        """Counts and items, or exposures, of the baseline."""
        rows, waves = self.baseline.counts[None], self.baseline.waves
        columns = self.layout.tested(self.layout.without(rows, self.scope.left_out))
        items = self._exposures(rows, columns.items, None if waves is None else waves[None])
        return columns.counts[0].astype(np.float64), items[0]

    @cached_property
    def _active(self) -> Sequence[Stream]:
        """The streams that are tested."""
        return [
            stream
            for stream in self.layout.streams
            if stream.name not in self.scope.muted
            and np.count_nonzero(self._kept(stream)) > (stream.kind == "mix")
            and self._watched(stream).any()
        ]

    @cached_property
    def _relief(self) -> Floats:
        """Return by how many nats less each column's rise is asked for, shape (n_columns,).

        Of a quantity's cuts none: a burst makes them rise that is too usual to be set aside.
        """
        relief = np.zeros(self.layout.n_columns)
        if self.baseline.independent:
            for stream in self.layout.streams:
                relief[self.layout.columns[stream.name]] = RELIEF_OF_RISES * (stream.kind != "cuts")
        return relief

    @cached_property
    def _tolerances(self) -> tuple[Floats, Floats]:
        """Return each column's tolerance: a ratio and a difference of shares.

        A quantity's cut has that of a class as frequent as its smaller side, and at most that of a class of
        10 %: a cut in the middle would be lenient to half of all items.
        """
        relative = np.full(self.layout.n_columns, self.config.tolerance)
        absolute = np.full(self.layout.n_columns, self.config.tolerance_abs)
        for k, name in enumerate(self.layout.streams[0].columns):
            relative[k] = self.config.tolerances.get(name, self.config.tolerance)
            absolute[k] = self.config.tolerances_abs.get(name, self.config.tolerance_abs)
        for stream in self.layout.streams:
            if stream.kind == "cuts":
                columns = self.layout.columns[stream.name]
                share = self._reference[0][columns] / np.maximum(self._reference[1][columns], 1.0)
                smaller = np.minimum(np.minimum(share, 1.0 - share), LARGEST_CUT_SHARE)
                absolute[columns] = np.maximum(absolute[columns], relative[columns] * smaller)
                relative[columns] = 0.0
        return relative, absolute

    def _kept(self, stream: Stream) -> npt.NDArray[np.bool_]:
        left_out = self.scope.left_out if stream.is_class_stream else ()
        return np.array([name not in left_out for name in stream.columns])

    def _watched(self, stream: Stream) -> Floats:
        """Return the relative weight of each of a stream's columns."""
        declared = self.config.watch if stream.is_class_stream else {}
        others = declared.get(OTHERS, 1.0)
        watch = {name: declared.get(name, others) for name in stream.columns}
        return watch_weights(stream.columns, watch if any(watch.values()) else None) * self._kept(stream)

    def _whole_mix(self, stream: Stream) -> float:
        columns = self.layout.columns[stream.name]
        if self.baseline.clumps is not None and self.baseline.clumps.at(columns.start):
            return 0.0  # a sum over all categories is no safer from clumps than its largest term
        return whole_mix_budget(stream.kind, int(self._kept(stream).sum()), self.config.whole_mix)

    def _exposures(self, rows: Counts, items: Counts, waves: Floats | None) -> Floats:
        """Return what items would count as without a season; the items themselves where there is none."""
        season = self.baseline.season
        if season is None or waves is None:
            return items.astype(np.float64)
        whole = self.layout.tested(rows).items if self.scope.left_out else items
        by_column = waves.reshape(len(rows), len(self.layout.streams), -1)[:, self.layout.stream_of]
        exposures = season.exposures(whole, by_column.transpose(0, 2, 1))
        # what is set aside is taken to follow the season of the rest
        return exposures * (items / np.maximum(whole, 1))

    def _scan(self, windows: WindowSet, *, guess: float | None = None) -> Scanned:
        columns = self.layout.tested(self.layout.without(windows.counts, self.scope.left_out))
        items = self._exposures(windows.counts, columns.items, windows.waves)
        result = scan_columns(windows.lengths, columns.counts, items, self.yardstick, guess=guess)
        return Scanned(windows, columns.counts, columns.items, items, result)

    def _believed(self, scanned: Scanned, clumps: Clumps) -> Scanned:
        result = believed(
            scanned.result,
            clumps,
            lengths=scanned.windows.lengths,
            counts=scanned.counts,
            items=scanned.items,
            yardstick=self.yardstick,
            threshold=self.threshold,
        )
        return scanned if result is scanned.result else replace(scanned, result=result)
