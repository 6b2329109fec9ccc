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
from monitoring.recording import meterings
from monitoring.store.alarm import Alarm, Dated, Ended
from monitoring.store.alarms import (
    clear_alarms,
    clear_superseded,
    insert_alarm,
    note_batch,
    note_later,
    note_meaning,
)
from monitoring.store.announcements import take_announced
from monitoring.store.audit import FREEZE_BASELINE, MAKE_BATCH, insert_audit
from monitoring.store.batches import NewBatch, insert_batch
from monitoring.store.candidates import attach_candidates
from monitoring.store.codec import sparse
from monitoring.store.counts import Claim, insert_sources, take_flushes
from monitoring.store.database import Database
from monitoring.store.detectors import DetectorRow, read_detector, write_detector
from monitoring.store.erasure import without_erased
from monitoring.store.lease import Lease, holds
from monitoring.store.load import Load, read_load
from monitoring.store.opening import Open, read_open, read_stretch
from monitoring.store.tables import alarms, buckets, detectors
from monitoring.store.thinning import Thinning, apply_thinning, read_thinning
from monitoring.store.wave_input import Span, WaveInput, read_wave_input

FencedBy: TypeAlias = Literal["lease", "detector", "flushes", "batches"]


class Fenced(Exception):
    """Somebody else was faster; nothing was changed. `by` says which fence held."""

    def __init__(self, by: FencedBy) -> None:
        super().__init__(by)
        self.by = by


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
        """Return what the next bucket of the model takes; None when none is due."""
        now = self._clock.now()  # before what is read: no flush may be younger than that and count as older
        with self._database.read() as connection:
            return read_open(connection, model_key, now=now, bucket_seconds=bucket_seconds)

    def due_at(self, model_key: ModelKey, *, bucket_seconds: float) -> float | None:
        """Return when the next bucket of the model ends, None when none is due yet."""
        with self._database.read() as connection:
            stretch = read_stretch(
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
            return read_wave_input(connection, span, at=at)

    def read_thinning(self, read: Open) -> Thinning:
        """Return which of the candidates that the bucket takes say nothing new."""
        with self._database.read() as connection:
            return read_thinning(connection, read.model_key, read.claim.flush_ids)

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

    def add_by_hand(self, batch: NewBatch, *, load: Load, who: str, why: str = "") -> None:
        """Store a batch that somebody asked for, audited; Fenced when another was made meanwhile."""
        with self._write() as connection:
            _store_batch(connection, batch, load)
            insert_audit(
                connection,
                at=batch.created_at,
                who=who,
                action=MAKE_BATCH,
                model_key=batch.model_key,
                details={"batch": batch.id, "items": len(batch.items), "why": why},
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
        action=FREEZE_BASELINE,
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
