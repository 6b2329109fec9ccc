"""A past log of any system, scanned as a live service would have been."""

from monitoring.backtest.counting import Counted, count
from monitoring.backtest.options import BacktestOptions, BacktestRefused
from monitoring.backtest.outcome import Backtest, LogAlarm, Scan, Shares
from monitoring.backtest.run import backtest

__all__ = [
    "Backtest",
    "BacktestOptions",
    "BacktestRefused",
    "Counted",
    "LogAlarm",
    "Scan",
    "Shares",
    "backtest",
    "count",
]
