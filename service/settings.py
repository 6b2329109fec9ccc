"""What does the operator want? Every SEAMARK_* variable, read once, ranges checked."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from monitoring.config import MonitoringConfig, WatcherConfig
from monitoring.detection.detector_config import OTHERS, DetectorConfig
from service import values
from service.values import MAX_SOURCES, Pairs

__all__ = ["MAX_SOURCES", "ServiceError", "SettingInvalid", "Settings", "misspelt", "read_settings"]

PREFIX: Final = "SEAMARK_"
DAY_SECONDS: Final = 86_400
HIDDEN: Final = "..."
SHORTEST_SEASON_BUCKETS: Final = 32  # two harmonics need so many points of the period

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


def _from(parse: Callable[[str], T], *, separator: str = "", secret: bool = False) -> dict[str, Any]:
    """Return a field's metadata; `separator` stands between name and number of pairs.

    No error quotes a `secret`.
    """
    return {"parse": parse, "separator": separator, "secret": secret}


_WEIGHTS: Final = values.pairs(0.0, 1_000.0, separator="=", what="class")
_TOLERANCES: Final = values.pairs(0.0, 10.0, separator=":", what="class")
_SOURCE_CAPS: Final = values.pairs(0.0, 1.0, separator="=", what="source")
_STREAM_SHARES: Final = values.shares("classes", "scores", "inputs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One server's configuration; field `x` is the variable `SEAMARK_X`.

    Lengths are in bytes, times in seconds unless the name says days.
    """

    store: Path = field(default=Path("var/models"), metadata=_from(values.path))
    state: Path = field(default=Path("var/state"), metadata=_from(values.path))
    model: str | None = field(default=None, metadata=_from(values.text))
    host: str = field(default="127.0.0.1", metadata=_from(values.text))
    port: int = field(default=3000, metadata=_from(values.integer(1, 65_535)))
    workers: int = field(default=2, metadata=_from(values.integer(1, 256)))
    watcher_nice: int = field(default=10, metadata=_from(values.integer(0, 19)))
    bucket_seconds: float = field(default=10.0, metadata=_from(values.real(0.1, 86_400)))
    baseline_items: int = field(default=20_000, metadata=_from(values.integer(100, 1e9)))
    baseline_seconds: float = field(
        default=float(DAY_SECONDS), metadata=_from(values.real(0, 366 * DAY_SECONDS))
    )
    false_alarm_days: float = field(default=90.0, metadata=_from(values.real(0.01, 36_500)))
    tolerance_ratio: float = field(default=0.10, metadata=_from(values.real(0, 10)))
    tolerance_abs: float = field(default=0.0, metadata=_from(values.real(0, 0.5)))
    tolerance_by_class: Pairs = field(default=(), metadata=_from(_TOLERANCES, separator=":"))
    watch: Pairs = field(default=(), metadata=_from(_WEIGHTS, separator="="))
    whole_mix: float = field(default=0.3, metadata=_from(values.real(0, 0.9)))
    stream_shares: Pairs = field(
        default=(("classes", 0.6), ("scores", 0.25), ("inputs", 0.15)),
        metadata=_from(_STREAM_SHARES, separator="="),
    )
    season_seconds: float = field(default=0.0, metadata=_from(values.real(0, 31 * DAY_SECONDS)))
    deduplicate: Literal["off", "id", "content"] = field(
        default="off", metadata=_from(values.choice("off", "id", "content"))
    )
    batch_size: int = field(default=200, metadata=_from(values.integer(10, 5_000)))
    max_open_batches: int = field(default=3, metadata=_from(values.integer(1, 1_000)))
    labels_per_day: int = field(default=600, metadata=_from(values.integer(10, 1e6)))
    overlap: int = field(default=1, metadata=_from(values.integer(1, 5)))
    source_caps: Pairs = field(default=(), metadata=_from(_SOURCE_CAPS, separator="="))
    keep_text: Literal["full", "none"] = field(default="full", metadata=_from(values.choice("full", "none")))
    retention_days: float = field(default=30.0, metadata=_from(values.real(0.01, 3_650)))
    sources: tuple[str, ...] = field(default=(), metadata=_from(values.sources))
    webhook_url: str | None = field(default=None, repr=False, metadata=_from(values.address, secret=True))
    webhook_secret: str | None = field(
        default=None, repr=False, metadata=_from(values.signing_secret, secret=True)
    )
    keys_file: Path | None = field(default=None, metadata=_from(values.path))
    max_body_bytes: int = field(default=4 * 2**20, metadata=_from(values.integer(1024, 2**30)))
    lane: Literal["on", "off"] = field(default="on", metadata=_from(values.choice("on", "off")))
    lease_seconds: float = field(default=15.0, metadata=_from(values.real(1, 3_600)))
    flush_seconds: float = field(default=1.0, metadata=_from(values.real(0.05, 60)))

    def monitoring(self) -> MonitoringConfig:
        """Return what the watcher and the recorders are told of these settings."""
        detector = DetectorConfig(
            bucket_seconds=self.bucket_seconds,
            false_alarm_seconds=self.false_alarm_days * DAY_SECONDS,
            tolerance=self.tolerance_ratio,
            tolerance_abs=self.tolerance_abs,
            tolerances=dict(self.tolerance_by_class),
            whole_mix=self.whole_mix,
            shares=dict(self.stream_shares),
            watch=dict(self.watch),
            season_seconds=self.season_seconds or None,
            deduplicate=self.deduplicate != "off",
            baseline_items=self.baseline_items,
            baseline_seconds=self.baseline_seconds,
        )
        watcher = WatcherConfig(
            detector=detector,
            lease_seconds=self.lease_seconds,
            batch_size=self.batch_size,
            max_open_batches=self.max_open_batches,
            labels_per_day=self.labels_per_day,
            overlap=self.overlap,
            source_caps=dict(self.source_caps),
            retention_days=self.retention_days,
            announce_batches=self.webhook_url is not None,
        )
        return MonitoringConfig(self.sources, self.keep_text, self.flush_seconds, watcher)

    def to_environment(self) -> dict[str, str]:
        """Return the variables that make another process read these very settings."""
        given = {entry: getattr(self, entry.name) for entry in fields(self)}
        return {
            PREFIX + entry.name.upper(): _written(value, entry.metadata["separator"])
            for entry, value in given.items()
            if value not in (None, ())
        }


def _written(value: Any, separator: str) -> str:
    if separator:
        return values.written(value, separator)
    return ",".join(value) if isinstance(value, tuple) else str(value)


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of the variables that are set; the others keep their defaults.

    Raises
    ------
    SettingInvalid
        A value is out of range; the error names variable, value and range.
    """
    given = {}
    for entry in fields(Settings):
        variable = PREFIX + entry.name.upper()
        raw = environment.get(variable, "").strip()
        if not raw:
            continue
        try:
            given[entry.name] = entry.metadata["parse"](raw)
        except ValueError as error:
            shown = HIDDEN if entry.metadata["secret"] else raw
            raise SettingInvalid(variable, shown, str(error)) from None
    settings = Settings(**given)
    _check_together(settings)
    return settings


def _check_together(settings: Settings) -> None:
    """Raise SettingInvalid where values in range do not fit each other."""
    if settings.bucket_seconds > (longest := settings.false_alarm_days * DAY_SECONDS):
        allowed = f"at most SEAMARK_FALSE_ALARM_DAYS, which are {longest:.12g} seconds"
        raise SettingInvalid(PREFIX + "BUCKET_SECONDS", f"{settings.bucket_seconds:.12g}", allowed)
    if 0.0 < settings.season_seconds < (least := SHORTEST_SEASON_BUCKETS * settings.bucket_seconds):
        allowed = (
            f"0, or at least {SHORTEST_SEASON_BUCKETS} times SEAMARK_BUCKET_SECONDS, {least:.12g} seconds"
        )
        raise SettingInvalid(PREFIX + "SEASON_SECONDS", f"{settings.season_seconds:.12g}", allowed)
    if settings.webhook_url and not settings.webhook_secret:
        needed = "the secret that signs what SEAMARK_WEBHOOK_URL is told: whsec_ and base64"
        raise SettingInvalid(PREFIX + "WEBHOOK_SECRET", "", needed)
    if not any({OTHERS: 1.0, **dict(settings.watch)}.values()):
        raise SettingInvalid(PREFIX + "WATCH", values.written(settings.watch, "="), "a weight above 0")


def misspelt(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that look like settings and are none, each with the setting it resembles."""
    known = [PREFIX + entry.name.upper() for entry in fields(Settings)]
    strange = [name for name in environment if name.startswith(PREFIX) and name not in known]
    alike = {name: get_close_matches(name, known, n=1, cutoff=0.85) for name in sorted(strange)}
    return {name: matches[0] for name, matches in alike.items() if matches}
