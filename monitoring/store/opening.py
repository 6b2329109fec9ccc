"""What does the next bucket of a model take, and when is it due?

What a bucket holds follows from when flushes were committed, not from when a watcher looked: after an outage
the buckets are closed one by one, as they would have been.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from model_store.bundles.bundle import ModelKey
from monitoring.detection.expectation import Expectations
from monitoring.store.announcements import read_announced
from monitoring.store.counts import Claim, ModelRow, first_unclaimed, read_claim, read_model
from monitoring.store.detectors import DetectorRow, read_detector, read_others
from monitoring.store.grid import Stretch, due


@dataclass(frozen=True, slots=True)
class Open:
    """What one transaction saw of a model before its bucket closes.

    Of a model without a detector, `formers` are those of other versions that it may take over, the latest
    first, and `announced` what its own is to expect.
    """

    model: ModelRow
    detector: DetectorRow | None
    claim: Claim
    stretch: Stretch
    formers: tuple[tuple[ModelKey, DetectorRow], ...] = ()
    announced: Expectations = ()

    @property
    def model_key(self) -> ModelKey:
        """The model's key."""
        return self.model.key

    @property
    def classes(self) -> tuple[str, ...]:
        """The model's classes."""
        return self.model.classes


def read_open(
    connection: sa.Connection, model_key: ModelKey, *, now: float, bucket_seconds: float
) -> Open | None:
    """Return what the next bucket of the model takes; None when none is due at `now`, UTC epoch seconds."""
    model = read_model(connection, model_key)
    detector = read_detector(connection, model_key)
    stretch = read_stretch(connection, model_key, detector, now=now, bucket_seconds=bucket_seconds)
    if stretch is None:
        return None
    claim = read_claim(
        connection,
        model_key,
        n_classes=len(model.classes),
        before=stretch.end,
        or_after=now + bucket_seconds,
    )
    if detector is not None:
        return Open(model, detector, claim, stretch)
    formers, announced = read_others(connection, model), read_announced(connection, model_key)
    return Open(model, None, claim, stretch, formers, announced)


def read_stretch(
    connection: sa.Connection,
    model_key: ModelKey,
    detector: DetectorRow | None,
    *,
    now: float,
    bucket_seconds: float,
) -> Stretch | None:
    """Return the time of the model's next bucket, after its detector's last one; None when none is due."""
    last = None if detector is None else detector.last_closed_at
    return due(now, bucket_seconds, last=last, first=first_unclaimed(connection, model_key))
