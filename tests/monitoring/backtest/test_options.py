"""What the log decides where nothing was chosen."""

import numpy as np
import pytest

from monitoring.backtest.options import BacktestOptions, BacktestRefused, baseline_range, detector_config
from monitoring.backtest.series import Cells, Series

HOUR = 3_600_000


def hourly(hours: int, rows: int) -> Series:
    """Return a log with so many rows in each hour."""
    cells = Cells(np.arange(hours) + 1_000, np.zeros(hours, np.int64), np.full(hours, rows), 2)
    return Series(("a", "b"), HOUR, cells, None)


@pytest.mark.parametrize(
    ("hours", "rows", "options", "expected"),
    [
        (24 * 60, 200, BacktestOptions(), 7 * 24),
        (24 * 10, 10_000, BacktestOptions(), 24),
        (24 * 10, 200, BacktestOptions(), 80),
        (24 * 10, 3, BacktestOptions(), 167),
        (24 * 10, 200, BacktestOptions(baseline_items=1_000), 5),
        (24 * 10, 200, BacktestOptions(baseline_seconds=7_200.0 * 2), 4),
        (24 * 10, 200, BacktestOptions(baseline_between=(1_010 * 3_600.0, 1_020 * 3_600.0)), 10),
    ],
    ids=["a week of a long log", "a day", "a third of it", "500 rows", "rows", "a length", "two times"],
)
def test_the_baseline_is_a_cycle_or_what_is_asked_for(
    hours: int, rows: int, options: BacktestOptions, expected: int
):
    """By itself 20,000 rows and a week or a day, and no more than a third of the log."""
    low, high = baseline_range(hourly(hours, rows), options)
    assert high - low == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (BacktestOptions(baseline_items=100), "would hold 200 of 2,000 rows and needs 500"),
        (BacktestOptions(baseline_items=5_000), "takes all 2,000 rows and leaves none to scan"),
        (BacktestOptions(baseline_between=(0.0, 3_600.0)), "would hold 0 of 2,000 rows"),
    ],
    ids=["too small", "all", "before the log"],
)
def test_a_baseline_that_cannot_be_is_refused(options: BacktestOptions, words: str):
    """The reason has the numbers and what to change."""
    with pytest.raises(BacktestRefused, match=words):
        baseline_range(hourly(10, 200), options)


def test_false_alarms_are_rare_for_the_log_and_for_a_service():
    """At most one in 90 days, and at most one in twenty logs; several detectors share what is accepted."""
    day, week = 86_400.0, 7 * 86_400.0
    short = detector_config(hourly(24, 200), BacktestOptions(), baseline_seconds=0.0, detectors=1)
    long = detector_config(hourly(24 * 365, 200), BacktestOptions(), baseline_seconds=0.0, detectors=3)
    asked = BacktestOptions(false_alarm_seconds=week)
    assert short.false_alarm_seconds == 90 * day
    assert long.false_alarm_seconds == 3 * 20 * 365 * day
    assert (
        detector_config(hourly(24, 200), asked, baseline_seconds=0.0, detectors=1).false_alarm_seconds == week
    )


@pytest.mark.parametrize(
    ("baseline_days", "asked", "expected"),
    [
        (2.0, None, 86_400.0),
        (1.9, None, None),
        (9.0, 0.0, None),
        (1.0, 604_800.0, 604_800.0),
        (9.0, 7_200.0, None),
    ],
    ids=["two days", "less", "none", "asked for", "shorter than eight buckets"],
)
def test_a_daily_season_is_looked_for_where_the_baseline_holds_two(
    baseline_days: float, asked: float | None, expected: float | None
):
    """Another one is declared, or none."""
    options = BacktestOptions(season_seconds=asked)
    config = detector_config(
        hourly(240, 200), options, baseline_seconds=baseline_days * 86_400.0, detectors=1
    )
    assert config.season_seconds == expected
