"""Which labeling batches were made, and how far is each?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from model_store.bundles.bundle import ModelKey
from monitoring.errors import UnknownBatch
from monitoring.store import codec
from monitoring.store.audit import CLOSE_BATCH, insert_audit
from monitoring.store.database import Database, database_now
from monitoring.store.deliveries import BATCH_EMITTED, insert_delivery
from monitoring.store.load import Load, read_load
from monitoring.store.settling import close_batch
from monitoring.store.tables import audit, batch_items, batches, item_leases
from monitoring.store.taken import read_taken
from monitoring.waves.batches import Batch, BatchItem, BatchReason, BatchSummary, of_schema_1
from monitoring.waves.taken import Taken


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch about to be stored; `signatures` of shape (n_items, 64), or None when no texts are kept.

    An `announced` one is told to the webhook.
    """

    id: str
    alarm_id: str | None
    model_key: ModelKey
    reason: BatchReason
    created_at: float
    manifest: Mapping[str, object]
    items: tuple[BatchItem, ...]
    signatures: npt.NDArray[np.uint32] | None
    announced: bool = False
    overlap: int = 1

    def announcement(self) -> Mapping[str, object]:
        """Return what others are told of it: where it is and what it is about, no word of an item."""
        return {
            "batch": self.id,
            "alarm": self.alarm_id,
            "model": self.model_key,
            "reason": self.reason,
            "items": len(self.items),
            "path": f"/v1/batches/{self.id}",
        }


_IN_HANDS: Final = sa.and_(
    batch_items.c.state == "open",
    sa.exists().where(
        item_leases.c.batch_id == batch_items.c.batch_id,
        item_leases.c.key == batch_items.c.key,
        item_leases.c.expires_at > database_now(),
    ),
)
_HELD: Final = sa.select(sa.func.count()).select_from(batch_items).where(_IN_HANDS)


class BatchesTable:
    """Batches and their items."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, *, limit: int = 100) -> tuple[BatchSummary, ...]:
        """Return the newest batches, newest first."""
        query = sa.select(batches).order_by(batches.c.created_at.desc(), batches.c.batch_id).limit(limit)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            ids = [row.batch_id for row in rows]
            states, leased = _states(connection, ids), _leased(connection, ids)
            closed_by = _closed_by(connection, ids)
        return tuple(
            BatchSummary(
                id=row.batch_id,
                alarm_id=row.alarm_id,
                model_key=row.model_key,
                created_at=row.created_at,
                state=row.state,
                reason=row.reason,
                n_open=states.get((row.batch_id, "open"), 0),
                n_labelled=states.get((row.batch_id, "labelled"), 0),
                n_skipped=states.get((row.batch_id, "skipped"), 0),
                n_leased=leased.get(row.batch_id, 0),
                overlap=row.overlap,
                closed_at=row.closed_at,
                closed_by=closed_by.get(row.batch_id),
            )
            for row in rows
        )

    def get(self, batch_id: str) -> Batch:
        """Return one batch with its items by rank; UnknownBatch when there is none of that id."""
        with self._database.read() as connection:
            return read_batch(connection, batch_id)

    def exists(self, batch_id: str) -> bool:
        """Return whether the batch was made."""
        query = sa.select(batches.c.batch_id).where(batches.c.batch_id == batch_id)
        with self._database.read() as connection:
            return connection.scalar(query) is not None

    def close(self, batch_id: str, *, at: float, who: str, why: str = "") -> None:
        """Close a batch that nobody will finish, audited: items without any label are skipped."""
        with self._database.write(durable=True) as connection:
            batch = read_batch(connection, batch_id)
            if batch.state == "closed":
                return
            close_batch(connection, batch_id, at=at)
            insert_audit(
                connection,
                at=at,
                who=who,
                action=CLOSE_BATCH,
                model_key=batch.model_key,
                details={"batch": batch_id, "why": why},
            )

    def closed_by(self, batch_id: str) -> str | None:
        """Return who closed a batch by hand; None when it is open, or closed with its last item."""
        with self._database.read() as connection:
            return _closed_by(connection, [batch_id]).get(batch_id)

    def leased(self, batch_id: str) -> int:
        """Return how many of a batch's open items somebody holds now."""
        with self._database.read() as connection:
            return _leased(connection, [batch_id]).get(batch_id, 0)

    def counts_by_reason(self) -> Mapping[str, int]:
        """Return how many batches were ever made, by reason."""
        query = sa.select(batches.c.reason, sa.func.count()).group_by(batches.c.reason)
        with self._database.read() as connection:
            return {reason: int(n) for reason, n in connection.execute(query)}

    def items_by_state(self) -> Mapping[str, int]:
        """Return how many items of all batches are open, labelled and skipped; `leased` is a part of `open`.

        An open item that several people hold counts once. A state of no item is left out.
        """
        query = sa.select(batch_items.c.state, sa.func.count()).group_by(batch_items.c.state)
        with self._database.read() as connection:
            found = {state: int(n) for state, n in connection.execute(query)}
            leased = int(connection.scalar(_HELD) or 0)
        return found | ({"leased": leased} if leased else {})

    def oldest_open_at(self) -> float | None:
        """Return when the oldest open batch was made, UTC epoch seconds."""
        query = sa.select(sa.func.min(batches.c.created_at)).where(batches.c.state == "open")
        with self._database.read() as connection:
            found: float | None = connection.scalar(query)
        return found

    def taken(self) -> Taken:
        """Return what must not be handed out again."""
        with self._database.read() as connection:
            return read_taken(connection)

    def load(self, *, now: float) -> Load:
        """Return how much work is out."""
        with self._database.read() as connection:
            return read_load(connection, now=now)


def read_batch(connection: sa.Connection, batch_id: str) -> Batch:
    """Return one batch; UnknownBatch when there is none of that id."""
    row = connection.execute(sa.select(batches).where(batches.c.batch_id == batch_id)).one_or_none()
    if row is None:
        raise UnknownBatch(batch_id)
    items = connection.execute(
        sa.select(batch_items).where(batch_items.c.batch_id == batch_id).order_by(batch_items.c.rank)
    )
    found, manifest = tuple(_item(each) for each in items), row.manifest
    if manifest.get("schema") == 1:
        found, manifest = of_schema_1(found, manifest)
    return Batch(
        id=row.batch_id,
        alarm_id=row.alarm_id,
        model_key=row.model_key,
        created_at=row.created_at,
        state=row.state,
        manifest=manifest,
        items=found,
        overlap=row.overlap,
        closed_at=row.closed_at,
    )


def insert_batch(connection: sa.Connection, batch: NewBatch) -> None:
    """Store a batch; IntegrityError when one of its items is in another open batch."""
    connection.execute(
        batches.insert().values(
            batch_id=batch.id,
            alarm_id=batch.alarm_id,
            model_key=batch.model_key,
            reason=batch.reason,
            created_at=batch.created_at,
            closed_at=None,
            state="open",
            size=len(batch.items),
            manifest=dict(batch.manifest),
            overlap=batch.overlap,
        )
    )
    connection.execute(batch_items.insert(), [_row(batch, at) for at in range(len(batch.items))])
    if batch.announced:
        insert_delivery(connection, BATCH_EMITTED, batch.id, batch.announcement(), at=batch.created_at)


def _states(connection: sa.Connection, ids: Sequence[str]) -> Mapping[tuple[str, str], int]:
    query = (
        sa.select(batch_items.c.batch_id, batch_items.c.state, sa.func.count())
        .where(batch_items.c.batch_id.in_(ids))
        .group_by(batch_items.c.batch_id, batch_items.c.state)
    )
    return {(batch_id, state): int(n) for batch_id, state, n in connection.execute(query)}


def _leased(connection: sa.Connection, ids: Sequence[str]) -> Mapping[str, int]:
    query = (
        sa.select(batch_items.c.batch_id, sa.func.count())
        .where(batch_items.c.batch_id.in_(ids), _IN_HANDS)
        .group_by(batch_items.c.batch_id)
    )
    return {batch_id: int(n) for batch_id, n in connection.execute(query)}


def _closed_by(connection: sa.Connection, ids: Sequence[str]) -> Mapping[str, str]:
    batch_id = audit.c.details["batch"].as_string()
    query = sa.select(batch_id, audit.c.who).where(audit.c.action == CLOSE_BATCH, batch_id.in_(ids))
    return {row[0]: row.who for row in connection.execute(query)}


def _row(batch: NewBatch, at: int) -> Mapping[str, object]:
    item = batch.items[at]
    return {
        "batch_id": batch.id,
        "rank": item.rank,
        "key": item.key,
        "item_id": item.item_id,
        "source": item.source,
        "text": item.text,
        "slice": item.slice,
        "stratum": item.stratum,
        "inclusion_probability": item.inclusion_probability,
        "dup_count": item.dup_count,
        "probabilities": list(item.probabilities),
        **codec.label_columns("predicted", item.predicted),
        "at": item.at,
        "state": item.state,
        **codec.label_columns("label", item.label),
        "signature": None if batch.signatures is None else codec.words(batch.signatures[at]),
    }


def _item(row: "sa.Row[Any]") -> BatchItem:
    return BatchItem(
        rank=row.rank,
        key=row.key,
        item_id=row.item_id,
        source=row.source,
        text=row.text,
        slice=row.slice,
        stratum=row.stratum,
        inclusion_probability=row.inclusion_probability,
        dup_count=row.dup_count,
        probabilities=tuple(row.probabilities),
        predicted=codec.label(row.predicted, row.predicted_names),
        at=row.at,
        state=row.state,
        label=codec.label(row.label, row.label_names),
    )
