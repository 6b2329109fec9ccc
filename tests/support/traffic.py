"""Buckets of simulated traffic, and a detector that has frozen its baseline on some."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from monitoring.detection.detector import Bucket, Detector, DetectorConfig, Event
from monitoring.scanning.streams import class_stream

CATEGORIES = ("common", "rare", "no_class_passes")
STREAMS = (class_stream(CATEGORIES),)
USUAL = (0.93, 0.04, 0.03)
RARE_TRIPLED = (0.85, 0.12, 0.03)


@dataclass
class Traffic:
    """Draws buckets of `items` independent items, one every `seconds`."""

    seed: int
    items: int = 50
    seconds: float = 10.0
    time: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def bucket(self, shares: Sequence[float]) -> Bucket:
        """Return the next bucket."""
        start, self.time = self.time, self.time + self.seconds
        return Bucket(self.rng.multinomial(self.items, shares), start, self.time)

    def silence(self) -> Bucket:
        """Return the next bucket, without items."""
        start, self.time = self.time, self.time + self.seconds
        return Bucket(np.zeros(len(USUAL), dtype=np.int64), start, self.time)

    def feed(self, detector: Detector, shares: Sequence[float], *, items: int) -> Iterator[Event]:
        """Close buckets until `items` were drawn; yield what happens."""
        for _ in range(items // self.items):
            yield from detector.close(self.bucket(shares))

    def until_event(self, detector: Detector, shares: Sequence[float], *, within: int) -> Event:
        """Close buckets until something happens; AssertionError if nothing does within so many items."""
        event = next(self.feed(detector, shares, items=within), None)
        assert event is not None, f"nothing happened within {within} items"
        return event


def frozen_detector(
    traffic: Traffic, *, calm_items: int = 0, config: DetectorConfig | None = None
) -> Detector:
    """Return a detector with a frozen baseline of 20,000 usual items, after so many calm ones."""
    detector = Detector(STREAMS, config or DetectorConfig(baseline_items=20_000, baseline_seconds=0.0))
    events = list(traffic.feed(detector, USUAL, items=20_000 + calm_items))
    assert not events
    return detector
