"""How many items were decided, from a worker's flush to a closed bucket, each counted exactly once?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from model_store.bundles.bundle import ModelKey
from model_store.graphs.outputs import Task
from monitoring.clock import Clock
from monitoring.errors import UnknownModel
from monitoring.recording import meterings
from monitoring.recording.ranking import Ranking
from monitoring.recording.recorder import N_DECISIONS, SCORE_BINS, Counts, Sealed
from monitoring.store import codec
from monitoring.store.candidates import insert_candidates
from monitoring.store.database import Database, in_parts
from monitoring.store.tables import bucket_sources, buckets, flushes, models, workers

# What every flush executes, put together once: SQLAlchemy takes 200 us to do so, more than to execute it.
_INSERT: Final = flushes.insert()
_ADVANCE: Final = workers.update().where(
    workers.c.worker_id == sa.bindparam("who"), workers.c.last_seq < sa.bindparam("below")
)
_FACTS, _HAS_FACTS = (
    sa.select(*columns).where(models.c.model_key == sa.bindparam("of"))
    for columns in (
        (models.c.measures, models.c.usual),
        (models.c.measures.is_not(None), models.c.usual.is_not(None)),
    )
)


@dataclass(frozen=True, slots=True)
class Claim:
    """The flushes of one model that no bucket holds yet, as one transaction read them.

    `source_counts` is per epoch and source; `candidates_lost` per epoch; `meters` by name, see
    `model_store.meters`.
    """

    flush_ids: tuple[int, ...]
    counts: Counts
    score_bins: Counts
    source_counts: Mapping[tuple[int, str], int]
    candidates_lost: Mapping[int, int]
    first_at: float | None
    last_at: float | None
    meters: Mapping[str, Counts] = field(default_factory=dict)

    @property
    def items(self) -> int:
        """Return how many items the flushes hold."""
        return int(self.counts.sum())


@dataclass(frozen=True, slots=True)
class BucketRow:
    """One closed bucket of the history."""

    seq: int
    start: float
    end: float
    counts: Counts
    score_bins: Counts
    state: str
    statistic: float | None
    threshold: float | None
    meters: Mapping[str, Counts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelRow:
    """What is known of a model whose traffic was counted.

    `measures` is what `model_store.meters.Meters.to_json` says of its meters, empty for a model whose traffic
    only older releases counted; `first_at` is UTC epoch seconds.
    """

    key: ModelKey
    classes: tuple[str, ...]
    first_at: float
    task: Task
    measures: Mapping[str, Any]


class CountsTable:
    """Flushes, models and closed buckets."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        # Seen to be stored: what 150 classes measure is 20 KB of JSON, too much to compare with every flush.
        self._registered: dict[ModelKey, Mapping[str, Any]] = {}

    def flush(self, worker_id: str, seq: int, sealed: Sealed) -> bool:
        """Store one flush; False when the store has it already.

        The row and the move of the worker's `last_seq` up to `seq` are one transaction, so however often
        a flush is repeated it counts once, also after its row went into a bucket.
        """
        now = self._clock.now()
        with self._database.write(durable=False) as connection:
            if not _advance(connection, worker_id, seq, sealed.model_key, now):
                return False
            known = self._registered.get(sealed.model_key) is sealed.measures
            _register(connection, sealed, now, known=known)
            row = {"worker_id": worker_id, "seq": seq, "committed_at": now, **_columns_of(sealed)}
            flush_id = connection.execute(_INSERT, row).inserted_primary_key
            if flush_id is None:  # pragma: no cover - every dialect returns the key of a single row
                raise RuntimeError("the database did not return the id of an inserted flush")
            insert_candidates(connection, int(flush_id[0]), sealed)
        self._registered[sealed.model_key] = sealed.measures
        return True

    def models(self) -> tuple[ModelKey, ...]:
        """Return the models whose traffic was ever counted, the oldest first."""
        with self._database.read() as connection:
            return tuple(
                connection.scalars(
                    sa.select(models.c.model_key).order_by(models.c.first_at, models.c.model_key)
                )
            )

    def classes(self, model_key: ModelKey) -> tuple[str, ...]:
        """Return a model's classes in the order of its counts."""
        with self._database.read() as connection:
            return read_classes(connection, model_key)

    def model(self, model_key: ModelKey) -> ModelRow:
        """Return what is known of a model; UnknownModel when it has no counted traffic."""
        with self._database.read() as connection:
            return read_model(connection, model_key)

    def meters_between(self, model_key: ModelKey, since: float, until: float) -> Mapping[str, Counts]:
        """Return the sum of the meters of all closed buckets that lie within [since, until], by name.

        UTC epoch seconds. Buckets without meters, of older releases, add nothing. What is older than two days
        is kept by the hour: an hour that only partly lies within is left out.
        """
        query = sa.select(buckets.c.meters).where(
            buckets.c.model_key == model_key, buckets.c.start_at >= since, buckets.c.end_at <= until
        )
        with self._database.read() as connection:
            read_classes(connection, model_key)
            return meterings.summed(connection.scalars(query))

    def total(self, model_key: ModelKey) -> Counts:
        """Return every item counted in flushes and buckets still kept, shape (n_classes, N_DECISIONS)."""
        with self._database.read() as connection:
            total = np.zeros((len(read_classes(connection, model_key)), N_DECISIONS), np.int64)
            for table in (flushes, buckets):
                for stored in connection.scalars(
                    sa.select(table.c.counts).where(table.c.model_key == model_key)
                ):
                    total += codec.dense(stored, columns=N_DECISIONS)
        return total

    def history(
        self, model_key: ModelKey, *, since: float = 0.0, until: float = float("inf"), limit: int = 10_000
    ) -> tuple[BucketRow, ...]:
        """Return the newest `limit` non-empty buckets that end in (since, until], oldest first."""
        query = (
            sa.select(buckets)
            .where(buckets.c.model_key == model_key, buckets.c.end_at > since)
            .order_by(buckets.c.seq.desc())
            .limit(limit)
        )
        if until != float("inf"):
            query = query.where(buckets.c.end_at <= until)
        with self._database.read() as connection:
            read_classes(connection, model_key)
            rows = connection.execute(query).all()
        return tuple(
            BucketRow(
                seq=row.seq,
                start=row.start_at,
                end=row.end_at,
                counts=codec.dense(row.counts, columns=N_DECISIONS),
                score_bins=codec.dense(row.score_bins),
                state=row.state,
                statistic=row.statistic,
                threshold=row.threshold,
                meters=meterings.from_json(row.meters),
            )
            for row in reversed(rows)
        )


def read_classes(connection: sa.Connection, model_key: ModelKey) -> tuple[str, ...]:
    """Return a model's classes; UnknownModel when it has no counted traffic."""
    return tuple(_row_of(connection, model_key, models.c.classes).classes)


def read_ranking(connection: sa.Connection, model_key: ModelKey) -> Ranking:
    """Return what ranks a model's candidates; UnknownModel when it has no counted traffic."""
    row = _row_of(connection, model_key, models.c.classes, models.c.usual)
    return Ranking.of(row.classes, row.usual)


def read_model(connection: sa.Connection, model_key: ModelKey) -> ModelRow:
    """Return what is known of a model; UnknownModel when it has no counted traffic."""
    row = _row_of(connection, model_key, *models.c)
    return ModelRow(
        key=row.model_key,
        classes=tuple(row.classes),
        first_at=row.first_at,
        task=row.task,
        measures=row.measures or {},
    )


def first_unclaimed(connection: sa.Connection, model_key: ModelKey) -> float | None:
    """Return when the oldest flush that no bucket holds was committed, UTC epoch seconds."""
    found: float | None = connection.scalar(
        sa.select(sa.func.min(flushes.c.committed_at)).where(flushes.c.model_key == model_key)
    )
    return found


def read_claim(
    connection: sa.Connection, model_key: ModelKey, *, n_classes: int, before: float, or_after: float
) -> Claim:
    """Return the flushes no bucket holds that were committed before a time, or after one that is to come.

    The latter were committed under a clock that was set back since.
    """
    counts = np.zeros((n_classes, N_DECISIONS), np.int64)
    score_bins = np.zeros((n_classes, SCORE_BINS), np.int64)
    ids: list[int] = []
    sources: dict[tuple[int, str], int] = {}
    lost: dict[int, int] = {}
    first_at: float | None = None
    last_at: float | None = None
    meters: dict[str, Counts] = {}
    for row in connection.execute(
        sa.select(flushes)
        .where(
            flushes.c.model_key == model_key,
            sa.or_(flushes.c.committed_at < before, flushes.c.committed_at > or_after),
        )
        .order_by(flushes.c.id)
    ):
        ids.append(row.id)
        counts += codec.dense(row.counts, columns=N_DECISIONS)
        score_bins += codec.dense(row.score_bins)
        for source, n in row.source_counts.items():
            sources[row.epoch, source] = sources.get((row.epoch, source), 0) + n
        lost[row.epoch] = lost.get(row.epoch, 0) + row.candidates_lost
        meters = meterings.added(meters, meterings.from_json(row.meters))
        first_at = row.first_at if first_at is None else min(first_at, row.first_at)
        last_at = row.last_at if last_at is None else max(last_at, row.last_at)
    return Claim(
        flush_ids=tuple(ids),
        counts=counts,
        score_bins=score_bins,
        source_counts=sources,
        candidates_lost=lost,
        first_at=first_at,
        last_at=last_at,
        meters=meters,
    )


def take_flushes(connection: sa.Connection, ids: Sequence[int]) -> int:
    """Remove the claimed flushes, whose counts the same transaction puts into a bucket; return how many."""
    return sum(
        connection.execute(flushes.delete().where(flushes.c.id.in_(part))).rowcount for part in in_parts(ids)
    )


def insert_sources(connection: sa.Connection, model_key: ModelKey, seq: int, claim: Claim) -> None:
    """Record how many occurrences of each source and epoch a bucket took."""
    rows = [
        {
            "model_key": model_key,
            "epoch": epoch,
            "seq": seq,
            "source": source,
            "items": n,
            "candidates_lost": claim.candidates_lost.get(epoch, 0),
        }
        for (epoch, source), n in sorted(claim.source_counts.items())
    ]
    if rows:
        connection.execute(bucket_sources.insert(), rows)


def _row_of(connection: sa.Connection, model_key: ModelKey, *columns: "sa.Column[Any]") -> "sa.Row[Any]":
    row = connection.execute(sa.select(*columns).where(models.c.model_key == model_key)).one_or_none()
    if row is None:
        raise UnknownModel(model_key, tuple(connection.scalars(sa.select(models.c.model_key))))
    return row


def _columns_of(sealed: Sealed) -> dict[str, Any]:
    """Return what is stored of a flush besides who sent it when."""
    return {
        "model_key": sealed.model_key,
        "epoch": sealed.epoch,
        "first_at": sealed.sealed_at if sealed.first_at is None else sealed.first_at,
        "last_at": sealed.sealed_at if sealed.last_at is None else sealed.last_at,
        "items": sealed.items,
        "counts": codec.sparse(sealed.counts),
        "score_bins": codec.sparse(sealed.score_bins),
        "source_counts": dict(sealed.source_counts),
        "candidates_lost": sealed.candidates_lost,
        "meters": meterings.to_json(sealed.meters),
    }


def _advance(connection: sa.Connection, worker_id: str, seq: int, model_key: ModelKey, now: float) -> bool:
    """Move the worker's last sequence number up to `seq`; False when it is there or beyond.

    A gap is let through: it means that the state was restored from a backup, and refusing would lose the
    worker's counts for good, while a number not reached cannot have been counted.
    """
    moved = connection.execute(
        _ADVANCE,
        {"who": worker_id, "below": seq, "last_seq": seq, "model_key": model_key, "last_flush_at": now},
    ).rowcount
    if moved:
        return True
    known = connection.scalar(sa.select(workers.c.last_seq).where(workers.c.worker_id == worker_id))
    if known is not None:
        return False
    connection.execute(
        workers.insert().values(
            worker_id=worker_id, last_seq=seq, model_key=model_key, first_flush_at=now, last_flush_at=now
        )
    )
    return True


def _register(connection: sa.Connection, sealed: Sealed, now: float, *, known: bool) -> None:
    """Note a model's first flush, and what is known of it when that was not known or has changed.

    With `known` it was the same at an earlier flush: then only that the row is still there is looked at.
    """
    facts = {"measures": dict(sealed.measures) or None, "usual": list(sealed.usual) or None}
    said = {name: fact for name, fact in facts.items() if fact is not None}
    query = _HAS_FACTS if known else _FACTS
    stored = connection.execute(query, {"of": sealed.model_key}).one_or_none()
    if stored is None:
        connection.execute(
            models.insert().values(
                model_key=sealed.model_key,
                classes=list(sealed.classes),
                first_at=now if sealed.first_at is None else sealed.first_at,
                task=sealed.task,
                **facts,
            )
        )
        return
    held = dict(zip(facts, stored, strict=True))
    if any(held[name] != (True if known else fact) for name, fact in said.items()):
        mine = models.c.model_key == sealed.model_key
        connection.execute(models.update().where(mine).values(task=sealed.task, **said))
