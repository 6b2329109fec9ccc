"""Who has which items of a batch to label, and what is left for the next one who asks?"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import sqlalchemy as sa

from monitoring.errors import BatchClosed, IdempotencyKeyReused, LeaseOver, UnknownLease
from monitoring.store.batches import read_batch
from monitoring.store.database import Database, database_now
from monitoring.store.settling import annotations_of, spoke
from monitoring.store.tables import item_leases, labeler_leases
from monitoring.waves.batches import Batch, BatchItem
from monitoring.waves.leasing import KEY_CHARACTERS, ItemLease


class ItemLeasesTable:
    """Leases of items, by the database's clock: an item has as many holders as its batch asks for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lease(self, batch_id: str, *, lease_id: str, who: str, size: int, seconds: float) -> ItemLease | None:
        """Give somebody the next free items of a batch; None when there is none for them now. Durable.

        The same id again returns the same lease with what its holder still has. Nobody gets an item twice at
        a time, or one they have spoken about.

        Raises
        ------
        UnknownBatch
        BatchClosed
            Also when the lease was given before.
        IdempotencyKeyReused
            The same person asked for something else under the same key before.
        LeaseOver
            It was given before, and expired or was released.
        """
        with self._database.write(durable=True) as connection:
            batch = read_batch(connection, batch_id)
            if batch.state == "closed":
                raise BatchClosed(batch_id)
            known = _find(connection, batch_id, _under_same_key(connection, batch_id, lease_id) or lease_id)
            if known is None:
                return _give(connection, batch, lease_id, who=who, size=size, seconds=seconds)
            return _again(connection, batch, known)

    def release(self, batch_id: str, lease_id: str) -> int:
        """Give back what a lease still holds, so that others get it; return how many items. Durable.

        Releasing again changes nothing.

        Raises
        ------
        UnknownBatch
        UnknownLease
        """
        with self._database.write(durable=True) as connection:
            read_batch(connection, batch_id)
            if _find(connection, batch_id, lease_id) is None:
                raise UnknownLease(lease_id)
            given_back = connection.execute(item_leases.delete().where(item_leases.c.lease_id == lease_id))
            connection.execute(
                labeler_leases.update()
                .where(labeler_leases.c.lease_id == lease_id, labeler_leases.c.released_at.is_(None))
                .values(released_at=database_now())
            )
            return given_back.rowcount


def _under_same_key(connection: sa.Connection, batch_id: str, lease_id: str) -> str | None:
    """Return the id of the lease that the same key gave before; IdempotencyKeyReused if it was another."""
    key, its_key = lease_id[:KEY_CHARACTERS], sa.func.substr(labeler_leases.c.lease_id, 1, KEY_CHARACTERS)
    found: str | None = connection.scalar(
        sa.select(labeler_leases.c.lease_id).where(labeler_leases.c.batch_id == batch_id, its_key == key)
    )
    # Of a lease that an earlier release gave, nobody knows what was asked for.
    if found in (None, key, lease_id):
        return found
    raise IdempotencyKeyReused(f"lease {found}", "size or minutes")


def _find(connection: sa.Connection, batch_id: str, lease_id: str) -> "sa.Row[Any] | None":
    over = (labeler_leases.c.expires_at <= database_now()).label("expired")
    return connection.execute(
        sa.select(labeler_leases, over).where(
            labeler_leases.c.batch_id == batch_id, labeler_leases.c.lease_id == lease_id
        )
    ).one_or_none()


def _give(
    connection: sa.Connection, batch: Batch, lease_id: str, *, who: str, size: int, seconds: float
) -> ItemLease | None:
    """Store a lease on the next free items; None when there is none."""
    connection.execute(
        item_leases.delete().where(
            item_leases.c.batch_id == batch.id, item_leases.c.expires_at <= database_now()
        )
    )
    free = list(islice(_free(connection, batch, who), size))
    if not free:
        return None
    now: float = connection.scalar(sa.select(database_now())) or 0.0
    connection.execute(
        labeler_leases.insert().values(
            lease_id=lease_id, batch_id=batch.id, holder=who, leased_at=now, expires_at=now + seconds
        )
    )
    common = {"batch_id": batch.id, "lease_id": lease_id, "holder": who, "expires_at": now + seconds}
    connection.execute(
        item_leases.insert(), [{**common, "key": item.key, "place": place} for item, place in free]
    )
    return ItemLease(lease_id, batch.id, who, now, now + seconds, tuple(item for item, _ in free))


def _free(connection: sa.Connection, batch: Batch, who: str) -> Iterator[tuple[BatchItem, int]]:
    """Yield the items that somebody may have, in the order of the queue, each with a free place of it."""
    annotations = annotations_of(connection, batch.id)
    held = _held(connection, batch.id)
    for item in batch.items:
        if item.state != "open":
            continue
        said, holders = spoke(annotations.get(item.key, ())), held.get(item.key, {})
        if who in said or who in holders or len(said) + len(holders) >= batch.overlap:
            continue
        yield item, next(place for place in range(batch.overlap) if place not in holders.values())


def _held(connection: sa.Connection, batch_id: str) -> Mapping[str, Mapping[str, int]]:
    """Return the holders of each item and their places; those of expired leases were taken away before."""
    found: dict[str, dict[str, int]] = {}
    for row in connection.execute(sa.select(item_leases).where(item_leases.c.batch_id == batch_id)):
        found.setdefault(row.key, {})[row.holder] = row.place
    return found


def _again(connection: sa.Connection, batch: Batch, row: "sa.Row[Any]") -> ItemLease:
    """Return a lease that was given before, with what it still holds."""
    if row.released_at is not None:
        raise LeaseOver(row.lease_id, ended="was released")
    if row.expired:
        raise LeaseOver(row.lease_id, ended="has expired")
    query = sa.select(item_leases.c.key).where(item_leases.c.lease_id == row.lease_id)
    keys = frozenset(connection.scalars(query))
    return ItemLease(
        id=row.lease_id,
        batch_id=batch.id,
        holder=row.holder,
        leased_at=row.leased_at,
        expires_at=row.expires_at,
        items=tuple(item for item in batch.items if item.key in keys),
    )
