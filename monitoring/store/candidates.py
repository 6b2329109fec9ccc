"""Which items may go into a batch? What the workers' reservoirs reported within a day."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np
import sqlalchemy as sa

from model_store.bundles.bundle import ModelKey
from monitoring.recording.recorder import Sealed
from monitoring.recording.reservoir import Candidate
from monitoring.store import codec
from monitoring.store.database import in_parts
from monitoring.store.tables import bucket_sources, candidates, models
from monitoring.store.tombstones import erased_of, kept_of, storable
from monitoring.waves.columns import Columns, held_for

_INSERT: Final = candidates.insert()
_READ: Final = (
    "epoch",
    "bucket_seq",
    "flush_id",
    "key",
    "item_id",
    "source",
    "text",
    "probabilities",
    "label",
    "decision",
    "at",
    "priority",
    "kinds",
)


@dataclass(frozen=True, slots=True)
class Population:
    """The occurrences a wave samples from, and those of them that the reservoirs held.

    `source_counts` counts every occurrence in the same epochs: the candidates with the smallest priorities of
    a source are a simple random sample of so many. `epoch_counts` has the same by source and epoch.
    """

    columns: Columns
    source_counts: Mapping[str, int]
    epochs_left_out: tuple[int, ...]
    epoch_counts: Mapping[str, Mapping[int, int]]


class Claimed(Protocol):
    """What a wave needs of flushes that a bucket is about to take; `monitoring.store.counts.Claim` is one."""

    @property
    def flush_ids(self) -> Sequence[int]:
        """Ids of the flushes."""
        ...

    @property
    def source_counts(self) -> Mapping[tuple[int, str], int]:
        """Occurrences per epoch and source."""
        ...

    @property
    def candidates_lost(self) -> Mapping[int, int]:
        """Candidates given up, per epoch."""
        ...


def insert_candidates(connection: sa.Connection, flush_id: int, sealed: Sealed) -> None:
    """Store the candidates that came with a flush, of erased items no more than that they were drawn."""
    if not sealed.candidates:
        return
    stored = [_storable(each) for each in sealed.candidates]
    gone = erased_of(connection, {each.key for each in stored})
    kept = [kept_of(each) if each.key in gone else each for each in stored]
    rows = [
        {
            **columns_of(each),
            "flush_id": flush_id,
            "bucket_seq": None,
            "model_key": sealed.model_key,
            "epoch": sealed.epoch,
        }
        for each in kept
        if each is not None
    ]
    if rows:
        connection.execute(_INSERT, rows)


def columns_of(one: Candidate) -> dict[str, object]:
    """Return what is stored of a candidate besides where it came with."""
    return {
        "key": one.key,
        "item_id": one.item_id,
        "source": one.source,
        "text": one.text,
        "probabilities": codec.floats(one.probabilities),
        "label": one.label,
        "decision": one.decision,
        "at": one.at,
        "priority": one.priority,
        "kinds": "\n".join(sorted(one.kinds)),
        "uncertainty": one.uncertainty,
    }


def _storable(one: Candidate) -> Candidate:
    words = (one.key, one.item_id or "", one.text or "")
    if all(each.isascii() for each in words):
        return one
    return replace(
        one,
        key=storable(one.key),
        item_id=None if one.item_id is None else storable(one.item_id),
        text=None if one.text is None else storable(one.text),
    )


def attach_candidates(connection: sa.Connection, flush_ids: Sequence[int], *, seq: int) -> None:
    """Note which bucket took the flushes that the candidates came with."""
    for part in in_parts(flush_ids):
        connection.execute(candidates.update().where(candidates.c.flush_id.in_(part)).values(bucket_seq=seq))


def read_population(
    connection: sa.Connection,
    model_key: ModelKey,
    *,
    first_epoch: int,
    last_epoch: int,
    seq: int,
    claimed: Claimed | None = None,
) -> Population:
    """Return the population of the epochs up to bucket `seq`, which will take `claimed` if not committed yet.

    Epochs in which a worker had to give candidates up are left out whole: what remains is an exact sample.
    """
    epochs = range(first_epoch, last_epoch + 1)
    counts: dict[tuple[int, str], int] = {}
    lost: set[int] = set()
    for row in connection.execute(
        sa.select(bucket_sources).where(
            bucket_sources.c.model_key == model_key,
            bucket_sources.c.epoch.between(first_epoch, last_epoch),
            bucket_sources.c.seq <= seq,
        )
    ):
        counts[row.epoch, row.source] = counts.get((row.epoch, row.source), 0) + row.items
        if row.candidates_lost:
            lost.add(row.epoch)
    flush_ids: frozenset[int] = frozenset()
    if claimed is not None:
        flush_ids = frozenset(claimed.flush_ids)
        for unit, n in claimed.source_counts.items():
            counts[unit] = counts.get(unit, 0) + n
        lost |= {epoch for epoch, n in claimed.candidates_lost.items() if n}
    by_source: dict[str, dict[int, int]] = {}
    for (epoch, source), n in sorted(counts.items()):
        if epoch in epochs and epoch not in lost:
            by_source.setdefault(source, {})[epoch] = n
    return Population(
        columns=_read_columns(
            connection,
            model_key,
            epochs,
            seq=seq,
            lost=lost,
            flush_ids=flush_ids,
        ),
        source_counts={source: sum(each.values()) for source, each in by_source.items()},
        epochs_left_out=tuple(sorted(lost.intersection(epochs))),
        epoch_counts=by_source,
    )


def _read_columns(
    connection: sa.Connection,
    model_key: ModelKey,
    epochs: range,
    *,
    seq: int,
    lost: Collection[int],
    flush_ids: Collection[int],
) -> Columns:
    """Return the candidates in no particular order, without an object for each."""
    classes = connection.scalar(sa.select(models.c.classes).where(models.c.model_key == model_key)) or ()
    rows = connection.execute(
        sa.select(*(candidates.c[name] for name in _READ)).where(
            candidates.c.model_key == model_key,
            candidates.c.epoch.between(epochs.start, epochs.stop - 1),
            sa.or_(candidates.c.bucket_seq <= seq, candidates.c.bucket_seq.is_(None)),
        )
    ).all()
    kept = [row for row in rows if row[0] not in lost and (row[1] is not None or row[2] in flush_ids)]
    if not kept:
        return Columns.of((), n_classes=len(classes))
    read = dict(zip(_READ, zip(*kept, strict=True), strict=True))
    slots = list(map(_Slots(), read["kinds"], read["source"]))
    return Columns(
        keys=read["key"],
        item_ids=read["item_id"],
        sources=read["source"],
        texts=read["text"],
        probabilities=codec.vectors(read["probabilities"], width=len(classes)),
        labels=np.array(read["label"], np.int64),
        decisions=np.array(read["decision"], np.int64),
        at=np.array(read["at"], np.float64),
        priorities=np.array(read["priority"], np.float64),
        scored=np.array([scored for scored, _ in slots], np.bool_),
        drawn=np.array([drawn for _, drawn in slots], np.bool_),
        epochs=np.array(read["epoch"], np.int64),
    )


class _Slots:
    """What the stored kinds of a candidate say, worked out once each: there are few."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[bool, bool]] = {}

    def __call__(self, kinds: str, source: str) -> tuple[bool, bool]:
        found = self._known.get((kinds, source))
        if found is None:
            found = self._known[kinds, source] = held_for(_kinds(kinds), source)
        return found


def _kinds(stored: str) -> frozenset[str]:
    return frozenset(stored.split("\n")) if stored else frozenset()


def read_candidate(row: "sa.Row[Any]") -> Candidate:
    """Return the candidate of a row."""
    return Candidate(
        key=row.key,
        item_id=row.item_id,
        source=row.source,
        text=row.text,
        probabilities=codec.vector(row.probabilities),
        label=row.label,
        decision=row.decision,
        at=row.at,
        priority=row.priority,
        kinds=_kinds(row.kinds),
        uncertainty=row.uncertainty,
    )
