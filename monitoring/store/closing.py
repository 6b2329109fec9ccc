"""How does a bucket close exactly once, whoever closes it?

A watcher reads a model's unclaimed flushes and its detector in one transaction, computes, and hands all it
changes to one other transaction. That one commits only while the lease has not changed hands and the
detector is at the revision that was read; otherwise it raises `Fenced` and has changed nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa

from model_store.bundles.bundle import ModelKey
from monitoring.clock import Clock
from monitoring.detection.expectation import Expectations
from monitoring.recording import meterings
from monitoring.recording.reservoir import EPOCH_SECONDS
from monitoring.store.alarm import Alarm, Dated, Ended
from monitoring.store.alarms import (
    clear_alarms,
    clear_superseded,
    insert_alarm,
    note_batch,
    note_later,
    note_meaning,
)
from monitoring.store.announcements import read_announced, take_announced
from monitoring.store.audit import insert_audit
from monitoring.store.batches import NewBatch, insert_batch
from monitoring.store.candidates import Population, attach_candidates, read_population
from monitoring.store.codec import sparse
from monitoring.store.counts import (
    Claim,
    ModelRow,
    first_unclaimed,
    insert_sources,
    read_claim,
    read_model,
    take_flushes,
)
from monitoring.store.database import Database
from monitoring.store.detectors import DetectorRow, read_detector, read_others, write_detector
from monitoring.store.erasure import without_erased
from monitoring.store.grid import Stretch, due
from monitoring.store.lease import Lease, holds
from monitoring.store.load import Load, read_load
from monitoring.store.tables import alarms, buckets, detectors
from monitoring.store.taken import Taken, read_taken
from monitoring.store.thinning import Thinning, apply_thinning, read_thinning

FencedBy: TypeAlias = Literal["lease", "detector", "flushes", "batches"]


class Fenced(Exception):
    """Somebody else was faster; nothing was changed. `by` says which fence held."""

    def __init__(self, by: FencedBy) -> None:
        super().__init__(by)
        self.by = by


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


@dataclass(frozen=True, slots=True)
class Span:
    """The traffic a wave is about: epochs of a model as counted up to bucket `seq`.

    `claim` holds the flushes that this bucket takes, while it is not committed.
    """

    model_key: ModelKey
    first_epoch: int
    last_epoch: int
    seq: int
    claim: Claim | None


@dataclass(frozen=True, slots=True)
class ClosedBucket:
    """The bucket's place in time, and what the detector made of it."""

    seq: int
    start: float
    end: float
    state: str
    statistic: float | None
    threshold: float | None


@dataclass(frozen=True, slots=True)
class WaveInput:
    """What a wave is computed from; when its batch is stored it must not have become out of date."""

    population: Population
    taken: Taken
    load: Load


@dataclass(frozen=True, slots=True)
class Closing:
    """Everything one closed bucket changes.

    `later` and `ended` are about the alarm that was open before, `raised` is a new one. `idle_since` is given
    with the version's first baseline: open alarms of versions without traffic since then are superseded.
    `batch` comes with the load under which it was allowed. `thinning` is of the bucket's candidates.
    """

    read: Open
    bucket: ClosedBucket
    detector: DetectorRow
    raised: Alarm | None = None
    later: tuple[Dated, ...] = ()
    ended: Ended | None = None
    idle_since: float | None = None
    batch: tuple[NewBatch, Load] | None = None
    thinning: Thinning = field(default_factory=Thinning)


class ClosingStore:
    """The watcher's transactions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def read(self, model_key: ModelKey, *, bucket_seconds: float) -> Open | None:
        """Return what the next bucket of the model takes; None when none is due.

        What a bucket holds follows from when flushes were committed, not from when a watcher looked: after
        an outage the buckets are closed one by one, as they would have been.
        """
        now = self._clock.now()
        with self._database.read() as connection:
            model = read_model(connection, model_key)
            detector = read_detector(connection, model_key)
            stretch = _due(connection, model_key, detector, now=now, bucket_seconds=bucket_seconds)
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

    def due_at(self, model_key: ModelKey, *, bucket_seconds: float) -> float | None:
        """Return when the next bucket of the model ends, None when none is due yet."""
        with self._database.read() as connection:
            stretch = _due(
                connection,
                model_key,
                read_detector(connection, model_key),
                now=self._clock.now(),
                bucket_seconds=bucket_seconds,
            )
        return None if stretch is None else stretch.end

    def read_wave(self, span: Span, *, at: float) -> WaveInput:
        """Return what a wave is computed from; `at` tells the day whose budget counts."""
        with self._database.read() as connection:
            return WaveInput(
                population=read_population(
                    connection,
                    span.model_key,
                    first_epoch=span.first_epoch,
                    last_epoch=span.last_epoch,
                    seq=span.seq,
                    claimed=span.claim,
                ),
                taken=read_taken(connection, since=float(span.first_epoch * EPOCH_SECONDS)),
                load=read_load(connection, now=at),
            )

    def read_thinning(self, read: Open) -> Thinning:
        """Return which of the candidates that the bucket takes say nothing new."""
        with self._database.read() as connection:
            return read_thinning(connection, read.model_key, read.claim.flush_ids, classes=read.classes)

    def commit(self, closing: Closing, *, lease: Lease) -> None:
        """Take the claimed flushes into the bucket, with everything that follows from it, or raise Fenced."""
        model_key, claim = closing.read.model_key, closing.read.claim
        read = 0 if closing.read.detector is None else closing.read.detector.revision
        with self._fenced(lease) as connection:
            if not write_detector(connection, model_key, closing.detector, read=read):
                raise Fenced("detector")
            if read == 0 and not take_announced(connection, model_key, read=closing.read.announced):
                raise Fenced("detector")
            if take_flushes(connection, claim.flush_ids) != len(claim.flush_ids):
                raise Fenced("flushes")
            attach_candidates(connection, claim.flush_ids, seq=closing.bucket.seq)
            apply_thinning(connection, model_key, closing.thinning, seq=closing.bucket.seq)
            if claim.items:
                _insert_bucket(connection, model_key, closing.bucket, claim)
                insert_sources(connection, model_key, closing.bucket.seq, claim)
            if closing.later:
                note_later(connection, model_key, closing.later)
            if closing.ended is not None:
                clear_alarms(connection, model_key, closing.ended)
            if closing.idle_since is not None:
                clear_superseded(connection, model_key, at=closing.bucket.end, idle_since=closing.idle_since)
                _note_baseline(connection, model_key, closing)
            if closing.batch is not None:
                _store_batch(connection, *closing.batch)
            if closing.raised is not None:
                insert_alarm(connection, closing.raised)

    def commit_batch(self, batch: NewBatch, *, load: Load, lease: Lease) -> None:
        """Store the batch of an alarm that was raised earlier, or raise Fenced."""
        with self._fenced(lease) as connection:
            if batch.alarm_id is None or not _waits(connection, batch.alarm_id):
                raise Fenced("batches")
            _store_batch(connection, batch, load)
            note_batch(connection, batch.alarm_id, batch_id=batch.id, note=None)

    def note(self, alarm: Alarm, note: str, *, lease: Lease) -> None:
        """Record why an alarm still has no batch, or raise Fenced."""
        with self._fenced(lease) as connection:
            if _waits(connection, alarm.id):
                note_batch(connection, alarm.id, batch_id=None, note=note)

    def note_meaning(
        self,
        model_key: ModelKey,
        meaning: Mapping[str, Any],
        *,
        revision: int,
        alarm_id: str | None,
        lease: Lease,
    ) -> None:
        """Record what the traffic means, with the open alarm too, or raise Fenced.

        `revision` is the detector's when it was read: by-hand changes since then make it out of date.
        """
        with self._fenced(lease) as connection:
            changed = connection.execute(
                detectors.update()
                .where(detectors.c.model_key == model_key, detectors.c.revision == revision)
                .values(meaning=dict(meaning))
            ).rowcount
            if not changed:
                raise Fenced("detector")
            if alarm_id is not None:
                note_meaning(connection, alarm_id, meaning)

    def add_by_hand(self, batch: NewBatch, *, load: Load, who: str) -> None:
        """Store a batch that somebody asked for, audited; Fenced when another was made meanwhile."""
        with self._write() as connection:
            _store_batch(connection, batch, load)
            insert_audit(
                connection,
                at=batch.created_at,
                who=who,
                action="batch",
                model_key=batch.model_key,
                details={"batch": batch.id, "items": len(batch.items)},
            )

    @contextmanager
    def _fenced(self, lease: Lease) -> Iterator[sa.Connection]:
        with self._write() as connection:
            if not holds(connection, lease):
                raise Fenced("lease")
            yield connection

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        try:
            with self._database.write(durable=True) as connection:
                yield connection
        except sa.exc.IntegrityError as error:  # two open batches with one item, or one batch twice
            raise Fenced("batches") from error


def _due(
    connection: sa.Connection,
    model_key: ModelKey,
    detector: DetectorRow | None,
    *,
    now: float,
    bucket_seconds: float,
) -> Stretch | None:
    last = None if detector is None else detector.last_closed_at
    return due(now, bucket_seconds, last=last, first=first_unclaimed(connection, model_key))


def _store_batch(connection: sa.Connection, batch: NewBatch, load: Load) -> None:
    now = read_load(connection, now=batch.created_at)
    if now.open_batches > load.open_batches or now.items_today > load.items_today:
        raise Fenced("batches")
    insert_batch(connection, without_erased(connection, batch))


def _note_baseline(connection: sa.Connection, model_key: ModelKey, closing: Closing) -> None:
    """Enter the version's first baseline, which nobody froze by hand, into the audit."""
    baseline = closing.detector.status["baseline"]
    insert_audit(
        connection,
        at=closing.bucket.end,
        who=baseline["by"],
        action="freeze_baseline",
        model_key=model_key,
        details={"why": baseline["why"], "force": False},
    )


def _insert_bucket(
    connection: sa.Connection, model_key: ModelKey, bucket: ClosedBucket, claim: Claim
) -> None:
    connection.execute(
        buckets.insert().values(
            model_key=model_key,
            seq=bucket.seq,
            start_at=bucket.start,
            end_at=bucket.end,
            items=claim.items,
            counts=sparse(claim.counts),
            score_bins=sparse(claim.score_bins),
            meters=meterings.to_json(claim.meters),
            state=bucket.state,
            statistic=bucket.statistic,
            threshold=bucket.threshold,
            coarse=False,
        )
    )


def _waits(connection: sa.Connection, alarm_id: str) -> bool:
    query = sa.select(alarms.c.alarm_id).where(alarms.c.alarm_id == alarm_id, alarms.c.batch_id.is_(None))
    return connection.scalar(query) is not None
