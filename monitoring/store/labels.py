"""Where do labels go that came back? Into their batch, once each, and on disk before anyone is told."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from monitoring.store import codec
from monitoring.store.batches import read_batch
from monitoring.store.database import Database, database_now, in_parts
from monitoring.store.settling import annotations_of, close_when_done, settle_items
from monitoring.store.tables import item_leases, labeler_leases, labels
from monitoring.waves.batches import Batch
from monitoring.waves.label_row import kept_as
from monitoring.waves.labels import (
    LabelReceipt,
    LabelRow,
    Note,
    NoteCode,
    Rejection,
    RowError,
    last_words,
    of_batch,
)


class LabelsTable:
    """Annotations of batch items."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def accept(self, batch_id: str, rows: Sequence[LabelRow], *, at: float) -> LabelReceipt:
        """Store the rows that are new and valid; posting the same again changes nothing.

        A row whose lease is over counts all the same, and the receipt notes it. The receipt is returned after
        the commit, which survives a power cut. UnknownBatch when there is no such batch.
        """
        with self._database.write(durable=True) as connection:
            batch = read_batch(connection, batch_id)
            leases = _leases(connection, batch_id, rows)
            sorted_rows = _sort(rows, batch, leases, known=annotations_of(connection, batch_id))
            fresh = sorted_rows.fresh
            notes = list(_late(connection, batch, fresh, leases))
            if fresh:
                connection.execute(labels.insert(), [_row(batch_id, row, at) for row in fresh.values()])
                _free_places(connection, batch_id, fresh.values())
                enough = batch.overlap if batch.state == "open" else 1
                settle_items(connection, batch_id, {row.key for row in fresh.values()}, enough=enough)
                close_when_done(connection, batch_id, at=at)
            notes += _outdated(connection, batch_id, fresh | sorted_rows.repeated)
            repeated, rejected = len(sorted_rows.repeated), tuple(sorted_rows.rejected)
            return LabelReceipt(len(fresh), repeated, rejected, tuple(sorted(notes)))

    def of(self, batch_id: str) -> Mapping[str, tuple[LabelRow, ...]]:
        """Return every annotation of a batch by item key, in order of arrival."""
        with self._database.read() as connection:
            read_batch(connection, batch_id)
            return annotations_of(connection, batch_id)

    def count(self) -> int:
        """Return how many annotations were ever accepted."""
        with self._database.read() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(labels)) or 0)


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Rows of a posting: new ones and those known already by position, and refused ones."""

    fresh: dict[int, LabelRow]
    repeated: dict[int, LabelRow]
    rejected: list[Rejection]


def _sort(
    rows: Sequence[LabelRow],
    batch: Batch,
    leases: Mapping[str, "sa.Row[Any]"],
    *,
    known: Mapping[str, Sequence[LabelRow]],
) -> _Sorted:
    keys = frozenset(item.key for item in batch.items)
    taken = {(row.key, row.annotation_id): row for each in known.values() for row in each}
    fresh: dict[int, LabelRow] = {}
    repeated: dict[int, LabelRow] = {}
    rejected: list[Rejection] = []
    for position, row in enumerate(rows):
        try:
            label = of_batch(row, keys=keys, classes=batch.classes, multilabel=batch.multilabel)
            label = _by_holder(label, leases)
        except RowError as reason:
            rejected.append(Rejection(position, str(reason)))
            continue
        label, is_known = kept_as(label, taken)
        if is_known:
            repeated[position] = label
        else:
            taken[label.key, label.annotation_id] = label
            fresh[position] = label
    return _Sorted(fresh, repeated, rejected)


def _by_holder(row: LabelRow, leases: Mapping[str, "sa.Row[Any]"]) -> LabelRow:
    """Return the row with the holder of its lease as annotator, where it names none."""
    if row.lease is None:
        return row
    if row.lease not in leases:
        raise RowError("unknown lease: this batch gave out none of that id; send the one you hold, or none")
    return row if row.annotator is not None else replace(row, annotator=leases[row.lease].holder)


def _leases(
    connection: sa.Connection, batch_id: str, rows: Iterable[LabelRow]
) -> Mapping[str, "sa.Row[Any]"]:
    """Return the leases of the batch that rows name, `over` telling which have ended."""
    named = sorted({row.lease for row in rows if row.lease is not None})
    over = sa.or_(
        labeler_leases.c.released_at.is_not(None), labeler_leases.c.expires_at <= database_now()
    ).label("over")
    found: dict[str, sa.Row[Any]] = {}
    for part in in_parts(named):
        query = sa.select(labeler_leases, over).where(
            labeler_leases.c.batch_id == batch_id, labeler_leases.c.lease_id.in_(part)
        )
        found |= {row.lease_id: row for row in connection.execute(query)}
    return found


def _late(
    connection: sa.Connection,
    batch: Batch,
    fresh: Mapping[int, LabelRow],
    leases: Mapping[str, "sa.Row[Any]"],
) -> Iterable[Note]:
    late = {place: row for place, row in fresh.items() if row.lease is not None and leases[row.lease].over}
    others = _others(connection, batch.id, {row.key for row in late.values()})
    for place, row in late.items():
        holders = others.get(row.key, frozenset()) - {row.annotator}
        code: NoteCode = "taken_by_another" if len(holders) >= batch.overlap else "lease_over"
        yield Note(place, code)


def _outdated(connection: sa.Connection, batch_id: str, rows: Mapping[int, LabelRow]) -> Iterable[Note]:
    """Note the rows after which the same annotator said something else, by all that is stored now.

    What came later holds, whatever times the rows tell: so the same posting has the same notes again.
    """
    said = annotations_of(connection, batch_id, {row.key for row in rows.values()})
    words = {key: {word.annotator: word.label for word in last_words(each)} for key, each in said.items()}
    for place, row in rows.items():
        last = words.get(row.key, {})
        if not row.adjudicated and last.get(row.annotator, row.label) != row.label:
            yield Note(place, "other_since")


def _others(
    connection: sa.Connection, batch_id: str, keys: Collection[str]
) -> Mapping[str, frozenset[str | None]]:
    """Return who holds or annotated each item."""
    found: dict[str, set[str | None]] = {}
    for part in in_parts(sorted(keys)):
        held = sa.select(item_leases.c.key, item_leases.c.holder).where(
            item_leases.c.batch_id == batch_id,
            item_leases.c.key.in_(part),
            item_leases.c.expires_at > database_now(),
        )
        said = sa.select(labels.c.key, labels.c.annotator).where(
            labels.c.batch_id == batch_id, labels.c.key.in_(part)
        )
        for query in (held, said):
            for key, who in connection.execute(query):
                found.setdefault(key, set()).add(who)
    return {key: frozenset(who) for key, who in found.items()}


def _free_places(connection: sa.Connection, batch_id: str, rows: Iterable[LabelRow]) -> None:
    """Take from labelers what they have spoken about."""
    held: dict[str, list[sa.Row[Any]]] = {}
    for place in connection.execute(sa.select(item_leases).where(item_leases.c.batch_id == batch_id)):
        held.setdefault(place.key, []).append(place)
    spoken = {
        (place.key, place.place)
        for row in rows
        if not row.adjudicated
        for place in held.get(row.key, ())
        if row.lease == place.lease_id or row.annotator == place.holder
    }
    for key, place in sorted(spoken):
        connection.execute(
            item_leases.delete().where(
                item_leases.c.batch_id == batch_id, item_leases.c.key == key, item_leases.c.place == place
            )
        )


def _row(batch_id: str, row: LabelRow, at: float) -> Mapping[str, object]:
    return {
        "batch_id": batch_id,
        "key": row.key,
        "annotation_id": row.annotation_id,
        "annotator": row.annotator,
        **codec.label_columns("label", row.label),
        "skipped": row.skipped,
        "received_at": at,
        "adjudicated": row.adjudicated,
    }
