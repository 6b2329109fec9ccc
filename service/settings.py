"""What does the operator want? Every SEAMARK_* variable, read once, ranges checked."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from monitoring.config import MonitoringConfig, WatcherConfig
from monitoring.detector import DetectorConfig

PREFIX: Final = "SEAMARK_"
MAX_SOURCES: Final = 31  # with "other" at most 32 series
DAY_SECONDS: Final = 86_400

T = TypeVar("T")


class ServiceError(Exception):
    """Base of what keeps a server from starting."""


class SettingInvalid(ServiceError):
    """A variable holds something outside its range."""

    def __init__(self, variable: str, value: str, expected: str) -> None:
        super().__init__(variable, value, expected)
        self.variable, self.value, self.expected = variable, value, expected

    def __str__(self) -> str:
        return f"{self.variable}={self.value!r}: expected {self.expected}"


def _number(kind: Callable[[str], T], low: float, high: float, noun: str) -> Callable[[str], T]:
    def parse(raw: str) -> T:
        try:
            value = kind(raw.replace("_", "?"))  # Python would read 1_0 as ten
            if low <= float(value) <= high:  # type: ignore[arg-type]
                return value
        except ValueError:
            pass
        raise ValueError(f"{noun} in [{low:.12g}, {high:.12g}]")

    return parse


def _integer(low: float, high: float) -> Callable[[str], int]:
    return _number(int, low, high, "a whole number")


def _real(low: float, high: float) -> Callable[[str], float]:
    return _number(float, low, high, "a number")


def _choice(*allowed: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if raw not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return raw

    return parse


def _sources(raw: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in raw.split(",") if name.strip()))
    if len(names) > MAX_SOURCES or any(len(name) > 64 for name in names):
        raise ValueError(f"at most {MAX_SOURCES} names of at most 64 characters, separated by commas")
    return names


def _text(raw: str) -> str:
    if not raw or "\0" in raw:
        raise ValueError("a text that is not empty")
    return raw


def _path(raw: str) -> Path:
    if "://" in raw:  # which a path would quietly shorten to a directory of an odd name
        raise ValueError("a path on this machine; no address is supported yet")
    return Path(_text(raw))


def _from(parse: Callable[[str], T]) -> dict[str, Any]:
    return {"parse": parse}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One server's configuration; field `x` is the variable `SEAMARK_X`.

    Lengths are in bytes, times in seconds unless the name says days.
    """

    store: Path = field(default=Path("var/models"), metadata=_from(_path))
    state: Path = field(default=Path("var/state"), metadata=_from(_path))
    model: str | None = field(default=None, metadata=_from(_text))
    host: str = field(default="127.0.0.1", metadata=_from(_text))
    port: int = field(default=3000, metadata=_from(_integer(1, 65_535)))
    workers: int = field(default=2, metadata=_from(_integer(1, 256)))
    bucket_seconds: float = field(default=10.0, metadata=_from(_real(0.1, 86_400)))
    baseline_items: int = field(default=20_000, metadata=_from(_integer(100, 1e9)))
    baseline_seconds: float = field(default=float(DAY_SECONDS), metadata=_from(_real(0, 366 * DAY_SECONDS)))
    false_alarm_days: float = field(default=90.0, metadata=_from(_real(0.01, 36_500)))
    tolerance_ratio: float = field(default=0.10, metadata=_from(_real(0, 10)))
    batch_size: int = field(default=200, metadata=_from(_integer(10, 5_000)))
    max_open_batches: int = field(default=3, metadata=_from(_integer(1, 1_000)))
    labels_per_day: int = field(default=600, metadata=_from(_integer(10, 1e6)))
    keep_text: Literal["full", "none"] = field(default="full", metadata=_from(_choice("full", "none")))
    retention_days: float = field(default=30.0, metadata=_from(_real(0.01, 3_650)))
    sources: tuple[str, ...] = field(default=(), metadata=_from(_sources))
    keys_file: Path | None = field(default=None, metadata=_from(_path))
    max_body_bytes: int = field(default=4 * 2**20, metadata=_from(_integer(1024, 2**30)))
    lane: Literal["on", "off"] = field(default="on", metadata=_from(_choice("on", "off")))
    lease_seconds: float = field(default=15.0, metadata=_from(_real(1, 3_600)))
    flush_seconds: float = field(default=1.0, metadata=_from(_real(0.05, 60)))

    def monitoring(self) -> MonitoringConfig:
        """Return what the watcher and the recorders are told of these settings."""
        detector = DetectorConfig(
            bucket_seconds=self.bucket_seconds,
            false_alarm_seconds=self.false_alarm_days * DAY_SECONDS,
            tolerance=self.tolerance_ratio,
            baseline_items=self.baseline_items,
            baseline_seconds=self.baseline_seconds,
        )
        watcher = WatcherConfig(
            detector=detector,
            lease_seconds=self.lease_seconds,
            batch_size=self.batch_size,
            max_open_batches=self.max_open_batches,
            labels_per_day=self.labels_per_day,
            retention_days=self.retention_days,
        )
        return MonitoringConfig(self.sources, self.keep_text, self.flush_seconds, watcher)

    def to_environment(self) -> dict[str, str]:
        """Return the variables that make another process read these very settings."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {
            PREFIX + name.upper(): ",".join(value) if isinstance(value, tuple) else str(value)
            for name, value in values.items()
            if value not in (None, ())
        }


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of the variables that are set; the others keep their defaults.

    Raises
    ------
    SettingInvalid
        A value is out of range; the error names variable, value and range.
    """
    values = {}
    for entry in fields(Settings):
        variable = PREFIX + entry.name.upper()
        raw = environment.get(variable, "").strip()
        if not raw:
            continue
        try:
            values[entry.name] = entry.metadata["parse"](raw)
        except ValueError as error:
            raise SettingInvalid(variable, raw, str(error)) from None
    settings = Settings(**values)
    if settings.bucket_seconds > (longest := settings.false_alarm_days * DAY_SECONDS):
        allowed = f"at most SEAMARK_FALSE_ALARM_DAYS, which are {longest:.12g} seconds"
        raise SettingInvalid(PREFIX + "BUCKET_SECONDS", f"{settings.bucket_seconds:.12g}", allowed)
    return settings


def misspelt(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that look like settings and are none, each with the setting it resembles."""
    known = [PREFIX + entry.name.upper() for entry in fields(Settings)]
    strange = [name for name in environment if name.startswith(PREFIX) and name not in known]
    alike = {name: get_close_matches(name, known, n=1, cutoff=0.85) for name in sorted(strange)}
    return {name: matches[0] for name, matches in alike.items() if matches}
