"""What a backtest found, made up."""

from typing import Final

import numpy as np

from monitoring.backtest.outcome import Backtest, LogAlarm, Noticeable, Scan, Shares
from monitoring.detection.finding import ClassShift, Direction, Finding

NOON: Final = 1_714_564_800.0


def shift(name: str = "fraud", *, current: float = 0.029, stream: str = "classes") -> ClassShift:
    """Return a class that was at 1 %."""
    direction: Direction = "rise" if current > 0.01 else "fall"
    return ClassShift(name, 0.01, current, current * 0.8, current * 1.2, direction, 20.0, stream)


def finding(*classes: ClassShift, stream: str = "classes") -> Finding:
    """Return a finding dated at noon, 640 rows before the alarm."""
    return Finding(NOON, 640, 640, 4, 20.0, 16.0, classes, ("fraud",), stream)


SHARES: Final = Shares(("billing", "fraud"), np.array([990, 10]), np.array([970, 30]))
ALARM: Final = LogAlarm(NOON + 3_600, 5_000, finding(shift()), SHARES)
SCAN: Final = Scan(
    source=None,
    rows=90_000,
    start=NOON - 9e5,
    end=NOON + 9e5,
    bucket_seconds=600.0,
    season_seconds=86_400.0,
    baseline_rows=20_000,
    baseline_start=NOON - 9e5,
    baseline_end=NOON - 6e5,
    seasonal=False,
    dispersed=False,
    reading="",
    skipped_rows=0,
    threshold=16.0,
    false_alarm_seconds=7_776_000.0,
    alarms=(),
    times=np.array([NOON]),
    statistics=np.array([7.25]),
    shares=SHARES,
    noticeable=(
        Noticeable("billing", 0.3, 200),
        Noticeable("fraud", 0.01, 2_508),
        Noticeable("rare", 1e-4, None),
    ),
)


def found(*scans: Scan) -> Backtest:
    """Return a backtest of these scans."""
    return Backtest(scans, 0, (), (), (), {})
