"""When would the detector have raised an alarm on this log, since when, and for which classes?"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.backtest.counting import NO_OTHER, Counted
from monitoring.backtest.options import BacktestOptions, BacktestRefused, baseline_range, detector_config
from monitoring.backtest.outcome import Backtest, LogAlarm, Noticeable, Scan, Shares
from monitoring.backtest.series import Series
from monitoring.backtest.tally import Integers
from monitoring.detection.detector import Detector
from monitoring.detection.detector_config import OTHERS
from monitoring.detection.finding import Event
from monitoring.logs import Log
from monitoring.logs.chunk import Progress
from monitoring.meaning.wording import number_of
from monitoring.scanning.streams import SCORES, Stream, class_stream

MOST_DETECTORS: Final = 32
FEWEST_ROWS: Final = 1_000  # of a source that is scanned
_SHARES: Final = {"classes": 0.7, "scores": 0.3}
_PROGRESS_EVERY: Final = 200


def backtest(
    log: Log, counted: Counted, options: BacktestOptions | None = None, *, progress: Progress | None = None
) -> Backtest:
    """Scan what was counted of a log; with sources, each by a detector of its own, the 32 largest.

    Raises
    ------
    BacktestRefused
        There is one label and no score, nothing or what is not there is to be watched, no source has 1,000
        rows, or the baseline is impossible.
    """
    options = options or BacktestOptions()
    if len(counted.labels) < 2 and counted.cuts is None:
        raise BacktestRefused(
            f"every row of {log.path} has the same label, and its share cannot move; "
            "name another column with --label, or one of scores with --score"
        )
    if unknown := sorted(set(options.watch) - {*counted.labels, OTHERS}):
        raise BacktestRefused(
            f"--watch {unknown[0]}: no row has this label; labels are {_some(counted.labels)}"
        )
    others = options.watch.get(OTHERS, 1.0)
    if not any(options.watch.get(name, others) for name in counted.labels):
        raise BacktestRefused("--watch leaves every class without weight; give one above 0")
    chosen, small = _sources(counted)
    scans = [
        _scan(counted, source, options, of=len(chosen), step=(number, len(chosen)), progress=progress)
        for number, source in enumerate(chosen)
    ]
    return Backtest(
        scans=tuple(scans),
        repeated_rows=counted.repeated_rows,
        small=small,
        notes=_notes(log, counted),
        left_out=tuple(log.problems.to_json()),
        columns=log.columns.used(),
    )


def _sources(counted: Counted) -> tuple[list[int], tuple[tuple[str, int], ...]]:
    """Return the sources to scan, most rows first, and name and rows of the others."""
    if not counted.sources:
        return [0], ()
    rows = counted.rows_by_source()
    ranked = np.argsort(-rows, kind="stable").tolist()
    chosen = [source for source in ranked[:MOST_DETECTORS] if rows[source] >= FEWEST_ROWS]
    if not chosen:
        raise BacktestRefused(f"no source has {FEWEST_ROWS:,} rows; leave --by-source out")
    others = tuple((counted.sources[each], int(rows[each])) for each in ranked if each not in chosen)
    return chosen, others


def _scan(
    counted: Counted,
    source: int,
    options: BacktestOptions,
    *,
    of: int,
    step: tuple[int, int],
    progress: Progress | None,
) -> Scan:
    series = counted.series(source)
    series = series.in_buckets() if options.bucket_seconds is None else series
    low, high = baseline_range(series, options)
    length = (high - low) * series.bucket_seconds
    config = detector_config(series, options, baseline_seconds=length, detectors=of)
    detector = Detector(_streams(series.labels, counted.cuts), config)
    ticks, rows = series.rows_by_tick()
    for tick in ticks[(ticks >= low) & (ticks < high)].tolist():
        detector.close(series.bucket(tick))
    detector.freeze(at=series.seconds(high), by="backtest", why="the log's first part")
    after = ticks >= high
    watching = _Watching(detector, series, baseline=(low, high))
    watching.take(ticks[after], rows[after], step=step, progress=progress)
    frozen = detector.status().to_json()["baseline"]
    return Scan(
        source=counted.sources[source] if counted.sources else None,
        rows=series.rows,
        start=series.seconds(int(ticks[0])),
        end=series.seconds(int(ticks[-1]) + 1),
        bucket_seconds=series.bucket_seconds,
        season_seconds=config.season_seconds,
        baseline_rows=frozen["items"],
        baseline_start=series.seconds(low),
        baseline_end=series.seconds(high),
        seasonal=frozen["seasonal"],
        dispersed=frozen["dispersed"],
        reading=frozen["reading"],
        skipped_rows=int(rows[ticks < low].sum()),
        threshold=detector.threshold,
        false_alarm_seconds=config.false_alarm_seconds / of,
        alarms=tuple(watching.alarms),
        times=np.array([series.seconds(tick + 1) for tick in ticks[after].tolist()]),
        statistics=np.array(watching.statistics),
        shares=watching.shares(high, int(ticks[-1]) + 1),
        noticeable=_noticeable(detector),
    )


def _streams(labels: Sequence[str], cuts: npt.NDArray[np.float64] | None) -> tuple[Stream, ...]:
    classes = class_stream(labels, share=1.0 if cuts is None else _SHARES["classes"])
    if cuts is None:
        return (classes,)
    columns = tuple(f"score <= {cut!r}" for cut in cuts.tolist())
    return classes, Stream(SCORES, "cuts", columns, _SHARES["scores"])


class _Watching:
    """Feeds a detector and keeps what it says."""

    def __init__(self, detector: Detector, series: Series, *, baseline: tuple[int, int]) -> None:
        self._detector, self._series = detector, series
        self._reference = series.classes.within(*baseline)
        self.alarms: list[LogAlarm] = []
        self.statistics: list[float] = []

    def take(
        self, ticks: Integers, rows: Integers, *, step: tuple[int, int], progress: Progress | None
    ) -> None:
        """Scan the buckets of these ticks in order."""
        seen = rows.cumsum().tolist()
        done, parts = step[0] * len(ticks), step[1] * len(ticks)
        for number, tick in enumerate(ticks.tolist()):
            for event in self._detector.close(self._series.bucket(tick)):
                self._note(event, tick, seen[number])
            self.statistics.append(self._detector.statistic)
            if progress is not None and (number % _PROGRESS_EVERY == 0 or number + 1 == len(ticks)):
                progress("scan", done + number + 1, parts)

    def shares(self, low: int, high: int) -> Shares:
        """Return the shares between two ticks beside the baseline's."""
        return Shares(self._series.labels, self._reference, self._series.classes.within(low, high))

    def _note(self, event: Event, tick: int, rows: int) -> None:
        if event.kind == "alarm_raised":
            since = round(event.finding.since_time / self._series.bucket_seconds)
            shares = self.shares(since, tick + 1)
            self.alarms.append(LogAlarm(event.at, rows, event.finding, shares))
        elif event.kind == "finding_added":
            self.alarms[-1].further.append((event.at, event.finding))
        else:
            self.alarms[-1].ended_at, self.alarms[-1].ended_why = event.at, event.why


def _noticeable(detector: Detector) -> tuple[Noticeable, ...]:
    return tuple(
        Noticeable(each.name, each.reference, each.detectable_items)
        for each in detector.status().categories
        if each.reference is not None and each.name != NO_OTHER
    )


def _notes(log: Log, counted: Counted) -> tuple[str, ...]:
    """Return what the reader should know about how the log was read."""
    found = []
    if log.without_zone:
        found.append(f"{log.without_zone:,} timestamps name no zone and were taken as UTC")
    if counted.rows_out_of_order:
        were = ("row is out of order and was", "rows are out of order and were")
        found.append(f"{number_of(counted.rows_out_of_order, *were)} counted at their time")
    if counted.repeated_rows:
        were = ("row repeats an id and was", "rows repeat an id and were")
        found.append(f"{number_of(counted.repeated_rows, *were)} not counted again")
    if log.columns.score is not None and counted.cuts is None:
        found.append(f"column {log.columns.score!r} has no scores that differ and was not watched")
    elif log.unscored:
        found.append(f"{number_of(log.unscored, 'row has', 'rows have')} no score; their labels were counted")
    return tuple(found)


def _some(labels: Sequence[str]) -> str:
    return ", ".join(sorted(labels)[:20])
