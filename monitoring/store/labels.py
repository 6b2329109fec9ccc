"""Where do labels go that came back? Into their batch, once each, and on disk before anyone is told."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from monitoring.store import codec
from monitoring.store.batches import read_batch
from monitoring.store.database import Database, in_parts
from monitoring.store.tables import batch_items, batches, labels
from monitoring.waves.labels import LabelReceipt, LabelRow, Rejection, RowError, of_batch, settle


class LabelsTable:
    """Annotations of batch items."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def accept(self, batch_id: str, rows: Sequence[LabelRow], *, at: float) -> LabelReceipt:
        """Store the rows that are new and valid; posting the same again changes nothing.

        The receipt is returned after the commit, which survives a power cut. UnknownBatch when there is
        no such batch.
        """
        with self._database.write(durable=True) as connection:
            batch = read_batch(connection, batch_id)
            keys = frozenset(item.key for item in batch.items)
            known = _annotations(connection, batch_id)
            fresh: list[LabelRow] = []
            repeated = 0
            rejected: list[Rejection] = []
            for position, row in enumerate(rows):
                try:
                    label = of_batch(row, keys=keys, classes=batch.classes, multilabel=batch.multilabel)
                except RowError as reason:
                    rejected.append(Rejection(position, str(reason)))
                    continue
                if (row.key, row.annotation_id) in known:
                    repeated += 1
                else:
                    known.add((row.key, row.annotation_id))
                    fresh.append(label)
            if fresh:
                connection.execute(labels.insert(), [_row(batch_id, row, at) for row in fresh])
                _settle_items(connection, batch_id, sorted({row.key for row in fresh}))
                _close_when_done(connection, batch_id, at=at)
            return LabelReceipt(accepted=len(fresh), repeated=repeated, rejected=tuple(rejected))

    def of(self, batch_id: str) -> Mapping[str, tuple[LabelRow, ...]]:
        """Return every annotation of a batch by item key, in order of arrival."""
        with self._database.read() as connection:
            read_batch(connection, batch_id)
            found: dict[str, list[LabelRow]] = {}
            query = sa.select(labels).where(labels.c.batch_id == batch_id).order_by(labels.c.id)
            for row in connection.execute(query):
                found.setdefault(row.key, []).append(_read(row))
        return {key: tuple(rows) for key, rows in found.items()}

    def count(self) -> int:
        """Return how many annotations were ever accepted."""
        with self._database.read() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(labels)) or 0)


def _annotations(connection: sa.Connection, batch_id: str) -> set[tuple[str, str]]:
    query = sa.select(labels.c.key, labels.c.annotation_id).where(labels.c.batch_id == batch_id)
    return {(row.key, row.annotation_id) for row in connection.execute(query)}


def _row(batch_id: str, row: LabelRow, at: float) -> Mapping[str, object]:
    return {
        "batch_id": batch_id,
        "key": row.key,
        "annotation_id": row.annotation_id,
        "annotator": row.annotator,
        **codec.label_columns("label", row.label),
        "skipped": row.skipped,
        "received_at": at,
    }


def _read(row: "sa.Row[Any]") -> LabelRow:
    return LabelRow(
        key=row.key,
        label=codec.label(row.label, row.label_names),
        annotation_id=row.annotation_id,
        annotator=row.annotator,
        skipped=row.skipped,
    )


def _settle_items(connection: sa.Connection, batch_id: str, keys: Sequence[str]) -> None:
    given: dict[str, list[LabelRow]] = {}
    for part in in_parts(keys):
        for row in connection.execute(
            sa.select(labels)
            .where(labels.c.batch_id == batch_id, labels.c.key.in_(part))
            .order_by(labels.c.id)
        ):
            given.setdefault(row.key, []).append(_read(row))
    for key, annotations in given.items():
        decided = settle(annotations)
        if decided is None:
            continue
        connection.execute(
            batch_items.update()
            .where(batch_items.c.batch_id == batch_id, batch_items.c.key == key)
            .values(
                state="skipped" if decided.skipped else "labelled",
                **codec.label_columns("label", decided.label),
            )
        )


def _close_when_done(connection: sa.Connection, batch_id: str, *, at: float) -> None:
    waiting = connection.scalar(
        sa.select(sa.func.count())
        .select_from(batch_items)
        .where(batch_items.c.batch_id == batch_id, batch_items.c.state == "open")
    )
    if not waiting:
        connection.execute(
            batches.update()
            .where(batches.c.batch_id == batch_id, batches.c.state == "open")
            .values(state="closed", closed_at=at)
        )
