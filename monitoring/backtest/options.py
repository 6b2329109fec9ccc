"""What may be chosen about a backtest; without a choice the log decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from monitoring.backtest.series import Series
from monitoring.detection.baseline import MINIMUM_ITEMS
from monitoring.detection.detector_config import DEFAULT_TOLERANCE, DetectorConfig
from monitoring.errors import MonitoringError

DAY_SECONDS: Final = 86_400.0
WEEK_SECONDS: Final = 7 * DAY_SECONDS
BASELINE_ITEMS: Final = 20_000
LARGEST_SHARE: Final = 1 / 3  # of a log that becomes the baseline by itself
LIVE_SECONDS: Final = 90 * DAY_SECONDS  # a false alarm at most, as a service is set
LOGS_A_FALSE_ALARM: Final = 20


class BacktestRefused(MonitoringError):
    """A log cannot be scanned as asked for; the reason says what to change."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot backtest: {self.reason}"


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """Choices; None leaves one to the log.

    Attributes
    ----------
    bucket_seconds : float
        Length of a bucket.
    baseline_items : int
        The baseline is the first so many rows, ...
    baseline_seconds : float
        ... or the first stretch of this length, ...
    baseline_between : (float, float)
        ... or what is between two times, UTC seconds; rows before it are left out.
    season_seconds : float
        A cycle of traffic without drift, 0 for none; by default a day where the baseline holds two.
    false_alarm_seconds : float
        At most one false alarm in this time; by default 90 days, or 20 times the log if that is longer.
    tolerance : float
        Changes of a share within this ratio are no drift.
    watch : mapping
        Class -> weight in the false-alarm budget; `*` for the others.
    """

    bucket_seconds: float | None = None
    baseline_items: int | None = None
    baseline_seconds: float | None = None
    baseline_between: tuple[float, float] | None = None
    season_seconds: float | None = None
    false_alarm_seconds: float | None = None
    tolerance: float = DEFAULT_TOLERANCE
    watch: Mapping[str, float] = field(default_factory=dict)


def baseline_range(series: Series, options: BacktestOptions) -> tuple[int, int]:
    """Return the first tick of the baseline and the first one after it.

    Raises
    ------
    BacktestRefused
        It would hold fewer than 500 rows, or nothing comes after it.
    """
    ticks, rows = series.rows_by_tick()
    if options.baseline_between is not None:
        low, high = (int(-(-moment // series.bucket_seconds)) for moment in options.baseline_between)
    else:
        low, high = int(ticks[0]), int(ticks[0]) + _length(series, options)
    items = int(rows[(ticks >= low) & (ticks < high)].sum())
    after = int(rows[ticks >= high].sum())
    if items < MINIMUM_ITEMS:
        raise BacktestRefused(
            f"the baseline would hold {items:,} of {series.rows:,} rows and needs {MINIMUM_ITEMS}; "
            "give a longer --baseline or a longer log"
        )
    if not after:
        raise BacktestRefused(
            f"the baseline takes all {items:,} rows and leaves none to scan; shorten --baseline"
        )
    return low, high


def _length(series: Series, options: BacktestOptions) -> int:
    """Return how many ticks from the first one on are the baseline."""
    ticks, rows = series.rows_by_tick()
    since = ticks - ticks[0] + 1
    seconds = since * series.bucket_seconds
    held = rows.cumsum()
    if options.baseline_items is not None:
        enough = held >= options.baseline_items
    elif options.baseline_seconds is not None:
        enough = seconds >= options.baseline_seconds
    else:
        # A week has its own cycle; of a shorter log a day is what one can have.
        cycle = WEEK_SECONDS if seconds[-1] >= 4 * WEEK_SECONDS else DAY_SECONDS
        enough = (held >= BASELINE_ITEMS) & (seconds >= cycle)
        enough |= held >= max(series.rows * LARGEST_SHARE, MINIMUM_ITEMS)
    place = int(enough.argmax()) if enough.any() else len(ticks) - 1
    return int(since[place])


def detector_config(
    series: Series, options: BacktestOptions, *, baseline_seconds: float, detectors: int
) -> DetectorConfig:
    """Return what the detector is set to.

    Parameters
    ----------
    baseline_seconds : float
        Length of the baseline.
    detectors : int
        How many scan the same log; the false alarms that are accepted are those of all of them together.
    """
    season = options.season_seconds
    if season is None:
        season = DAY_SECONDS if baseline_seconds >= 2 * DAY_SECONDS else 0.0
    ticks = series.ticks
    length = float(ticks[-1] - ticks[0] + 1) * series.bucket_seconds
    accepted = options.false_alarm_seconds or max(LIVE_SECONDS, LOGS_A_FALSE_ALARM * length)
    # A cycle shorter than eight buckets cannot be seen in them.
    return DetectorConfig(
        bucket_seconds=series.bucket_seconds,
        false_alarm_seconds=max(accepted * detectors, series.bucket_seconds),
        tolerance=options.tolerance,
        watch={name: weight for name, weight in options.watch.items() if name in {*series.labels, "*"}},
        season_seconds=season if season >= 8 * series.bucket_seconds else None,
        baseline_items=series.rows + 1,  # never by itself: `freeze` is called where the baseline ends
        blind_after_seconds=float("inf"),
    )
