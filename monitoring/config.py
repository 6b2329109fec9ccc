"""What may be chosen about monitoring? `service.settings` builds these once from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitoring.detection.detector import DetectorConfig
from monitoring.recording.reservoir import KeepText


@dataclass(frozen=True, slots=True)
class WatcherConfig:
    """How a watcher works.

    Attributes
    ----------
    lease_seconds : float
        Another watcher takes over after this long without a sign of life.
    batch_size : int
        Items of a labeling batch, at most.
    max_open_batches : int
        No further batch is made while this many wait for labels.
    labels_per_day : int
        Labels asked for per UTC day, at most: a long alarm must not flood a team.
    overlap : int
        How many people label each item of a batch.
    source_caps : mapping of str to float
        The largest share of a batch that may come from a source, by name.
    retention_days : float
        Texts of items are removed after this long.
    announce_batches : bool
        Whether there is a webhook to tell of new batches.
    idle_seconds : float
        A model without traffic for this long is not watched until some comes.
    """

    detector: DetectorConfig = field(default_factory=DetectorConfig)
    lease_seconds: float = 15.0
    batch_size: int = 200
    max_open_batches: int = 3
    labels_per_day: int = 600
    overlap: int = 1
    source_caps: Mapping[str, float] = field(default_factory=dict)
    retention_days: float = 30.0
    announce_batches: bool = False
    idle_seconds: float = 86_400.0


@dataclass(frozen=True, slots=True)
class MonitoringConfig:
    """How the workers record, and how the watcher works.

    Attributes
    ----------
    sources : tuple of str
        Declared sources of items; every other counts as "other".
    keep_text : "full" or "none"
        Whether candidates for labeling carry their text.
    flush_seconds : float
        Time between two flushes of a worker: what a kill can lose.
    """

    sources: tuple[str, ...] = ()
    keep_text: KeepText = "full"
    flush_seconds: float = 1.0
    watcher: WatcherConfig = field(default_factory=WatcherConfig)
