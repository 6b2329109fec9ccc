"""What a backtest found: records, and their JSON."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from monitoring.backtest.tally import Integers
from monitoring.detection.finding import Finding, share_interval
from monitoring.scanning.streams import CLASSES

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """Shares of the classes in a stretch of the log beside the baseline's.

    Attributes
    ----------
    names : tuple of str
    reference, current : int64 arrays of shape (n_classes,)
        Rows of each class.
    """

    names: tuple[str, ...]
    reference: Integers
    current: Integers

    def to_json(self) -> list[dict[str, Any]]:
        """Return a record a class, with the current share's 95 % interval; shares in [0, 1].

        Those that differ most come first.
        """
        before, now = max(int(self.reference.sum()), 1), int(self.current.sum())
        records = [
            {
                "class": name,
                "reference": int(self.reference[k]) / before,
                "current": int(self.current[k]) / now if now else None,
                **dict(zip(("low", "high"), share_interval(int(self.current[k]), now), strict=True)),
            }
            for k, name in enumerate(self.names)
        ]
        return sorted(records, key=lambda each: -abs((each["current"] or 0.0) - each["reference"]))


@dataclass(slots=True, eq=False)
class LogAlarm:
    """An alarm that would have been raised.

    Attributes
    ----------
    raised_at : float
        UTC seconds: the end of the bucket in which it would have been.
    rows : int
        Rows scanned until then.
    finding : Finding
        What it says; `since_time` dates the beginning.
    shares : Shares
        Of all classes between the beginning and the alarm.
    further : list of (float, Finding)
        Other changes that were found while it was open, each with its time.
    ended_at : float or None
        None when it is still open at the end of the log.
    """

    raised_at: float
    rows: int
    finding: Finding
    shares: Shares
    further: list[tuple[float, Finding]] = field(default_factory=list)
    ended_at: float | None = None
    ended_why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form; times are UTC seconds."""
        return {
            "raised_at": self.raised_at,
            "rows": self.rows,
            "since": self.finding.since_time,
            "ended_at": self.ended_at,
            "ended_why": self.ended_why,
            "finding": self.finding.to_json(),
            "shares": self.shares.to_json(),
            "further": [{"at": at, "finding": finding.to_json()} for at, finding in self.further],
        }


@dataclass(frozen=True, slots=True, eq=False)
class Noticeable:
    """After about how many rows a class at twice its share is noticed; None where it never is."""

    name: str
    reference: float
    rows: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """The scan of one source, or of the whole log.

    Attributes
    ----------
    source : str or None
    rows : int
        In all, those before the baseline included.
    start, end : float
        Of the log, UTC seconds.
    baseline_rows, baseline_start, baseline_end
        What later traffic was compared with.
    seasonal, dispersed : bool
        Whether the baseline shows a season of that length, and varies more than independent rows would; both
        are allowed for.
    reading : str
        What to know about a baseline that is too short; empty when it is long enough.
    skipped_rows : int
        Rows before the baseline.
    times, statistics : float64 arrays of shape (n_buckets,)
        End of each scanned bucket and the evidence then, in nats.
    shares : Shares
        Of all that was scanned beside the baseline's.
    """

    source: str | None
    rows: int
    start: float
    end: float
    bucket_seconds: float
    season_seconds: float | None
    baseline_rows: int
    baseline_start: float
    baseline_end: float
    seasonal: bool
    dispersed: bool
    reading: str
    skipped_rows: int
    threshold: float
    false_alarm_seconds: float
    alarms: tuple[LogAlarm, ...]
    times: Floats
    statistics: Floats
    shares: Shares
    noticeable: tuple[Noticeable, ...]

    @property
    def strongest(self) -> LogAlarm | None:
        """The alarm with the strongest evidence when it was raised."""
        return max(self.alarms, key=lambda alarm: alarm.finding.statistic, default=None)

    @property
    def moved(self) -> tuple[str, ...]:
        """Classes that the strongest alarm names."""
        named = () if self.strongest is None else self.strongest.finding.classes
        return tuple(each.name for each in named if each.stream == CLASSES)

    @property
    def telling(self) -> list[dict[str, Any]]:
        """`Shares.to_json` at the strongest alarm, what moved first; without one, of all that was scanned."""
        shown = (self if self.strongest is None else self.strongest).shares.to_json()
        return sorted(shown, key=lambda each: each["class"] not in self.moved)

    @property
    def scanned_rows(self) -> int:
        """Rows after the baseline."""
        return self.rows - self.baseline_rows - self.skipped_rows

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form without the evidence of every bucket; its largest is there."""
        plain = (
            *("source", "rows", "start", "end", "bucket_seconds", "season_seconds", "skipped_rows"),
            *("threshold", "false_alarm_seconds"),
        )
        return {
            **{name: getattr(self, name) for name in plain},
            "scanned_rows": self.scanned_rows,
            "baseline": {
                "rows": self.baseline_rows,
                "start": self.baseline_start,
                "end": self.baseline_end,
                "seasonal": self.seasonal,
                "dispersed": self.dispersed,
                "reading": self.reading,
            },
            "strongest": float(self.statistics.max(initial=0.0)),
            "alarms": [alarm.to_json() for alarm in self.alarms],
            "shares": self.shares.to_json(),
            "twice_is_noticed_after_rows": {each.name: each.rows for each in self.noticeable},
        }


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """All scans of a log, the source with most rows first.

    Attributes
    ----------
    repeated_rows : int
        Rows of an id that was counted before.
    small : tuple of (str, int)
        Sources with too few rows to scan, and how many each has.
    left_out : tuple of dict
        `Problems.to_json`.
    notes : tuple of str
        What the reader should know about how the log was read, a sentence each.
    """

    scans: tuple[Scan, ...]
    repeated_rows: int
    small: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]
    left_out: tuple[dict[str, Any], ...]
    columns: dict[str, str]

    @property
    def alarms(self) -> int:
        """How many there are in all."""
        return sum(len(scan.alarms) for scan in self.scans)

    def to_json(self) -> dict[str, Any]:
        """Return what ``seamark drift backtest --json`` prints."""
        return {
            "columns": self.columns,
            "alarms": self.alarms,
            "scans": [scan.to_json() for scan in self.scans],
            "left_out": list(self.left_out),
            "repeated_rows": self.repeated_rows,
            "small_sources": [{"source": name, "rows": rows} for name, rows in self.small],
            "notes": list(self.notes),
        }
