"""Past logs of any system: CSV, JSON lines or Parquet, of a timestamp and a predicted label a row."""

from monitoring.logs.columns import LogColumns
from monitoring.logs.problems import LogRefused, Problems
from monitoring.logs.reading import Log, LogRows

__all__ = ["Log", "LogColumns", "LogRefused", "LogRows", "Problems"]
