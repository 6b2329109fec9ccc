"""How is an item erased, from every table and from what workers have not told yet?

What names it or says what it said goes; what was counted stays. An item of a batch keeps its row, its label
and its weight under a random alias: without them every estimate made from the batch would be another one.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from monitoring.clock import Clock
from monitoring.store import tables
from monitoring.store.audit import insert_audit
from monitoring.store.batches import NewBatch
from monitoring.store.candidates import columns_of, read_candidate
from monitoring.store.database import Database, in_parts
from monitoring.store.tables import batch_items, batches, candidates, item_leases, labels, tombstones
from monitoring.store.tombstones import Items, digest_of, erased_of, kept_of, new_alias, storable, without

# Tables whose rows are looked through one by one: people, waves and shadows write what they like into them.
WRITTEN: Final = (
    tables.alarms,
    tables.batches,
    tables.deliveries,
    tables.proposals,
    tables.shadows,
    tables.audit,
)
# Tables of counts and of processes: nothing in them is about one item.
COUNTED: Final = (
    tables.models,
    tables.workers,
    tables.labeler_leases,
    tables.flushes,
    tables.buckets,
    tables.bucket_sources,
    tables.detectors,
    tables.announcements,
    tables.leases,
    tables.labeler_leases,
    tables.tombstones,
)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What stays of an erased item: a digest of its id, and when it was first erased, UTC epoch seconds."""

    digest: str
    at: float


@dataclass(frozen=True, slots=True)
class Erased:
    """What one erasure did.

    `tombstones` are in the order of the ids. `removed` is how many rows of each table were removed or emptied
    now, those without any left out. `off_disk` tells whether the file and its log were written anew, so that
    no old page holds an item: False while a reader was in the way or the disk was full.
    """

    tombstones: tuple[Tombstone, ...]
    removed: Mapping[str, int]
    off_disk: bool


class ErasureTable:
    """Erases items for good, and knows how many were."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def erase(self, item_ids: Sequence[str], *, who: str, why: str) -> Erased:
        """Erase everything of items, by the caller's id or the key they have in batches; again if need be.

        What comes later under these ids, from a worker that has not flushed or from a resend, is not kept.
        An item need not be known: a worker may be about to tell of it.
        """
        keys, now = [storable(each) for each in item_ids], self._clock.now()
        with self._database.write(durable=True) as connection:
            known = _tombstones(connection, keys)
            fresh = {key for key in keys if digest_of(key) not in known}
            _bury(connection, fresh, at=now, who=who, why=why)
            removed = _erase(connection, frozenset(keys), at=now)
            if fresh or removed:
                insert_audit(
                    connection,
                    at=now,
                    who=who,
                    action="erase",
                    model_key=None,
                    details={"tombstones": sorted(map(digest_of, fresh)), "removed": removed, "why": why},
                )
        found = tuple(Tombstone(each, known.get(each, now)) for each in map(digest_of, keys))
        return Erased(found, removed, off_disk=self._database.rewrite())

    def count(self) -> int:
        """Return how many items were erased."""
        with self._database.read() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(tombstones)) or 0)


def without_erased(connection: sa.Connection, batch: NewBatch) -> NewBatch:
    """Return a batch about to be stored without what was erased since its candidates were read."""
    gone = erased_of(connection, (item.key for item in batch.items))
    if not gone:
        return batch
    items, signatures = list(batch.items), batch.signatures
    for place, item in enumerate(batch.items):
        if item.key in gone:
            items[place] = replace(item, key=new_alias(), item_id=None, text=None, state="skipped")
    if signatures is not None:
        rows = np.array([item.key in gone for item in batch.items])
        signatures = np.where(rows[:, None], np.uint32(0), signatures)
    return replace(batch, items=tuple(items), signatures=signatures)


def _tombstones(connection: sa.Connection, keys: Sequence[str]) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for part in in_parts([digest_of(key) for key in keys]):
        query = sa.select(tombstones.c.digest, tombstones.c.at).where(tombstones.c.digest.in_(part))
        found.update((row.digest, row.at) for row in connection.execute(query))
    return found


def _bury(connection: sa.Connection, keys: Collection[str], *, at: float, who: str, why: str) -> None:
    rows = [{"digest": digest_of(key), "at": at, "who": who, "why": why} for key in sorted(keys)]
    if rows:
        connection.execute(tombstones.insert(), rows)


def _erase(connection: sa.Connection, keys: Collection[str], *, at: float) -> dict[str, int]:
    items = Items({key: new_alias() for key in sorted(keys)}, _texts(connection, keys))
    removed: Counter[str] = Counter()
    for key, alias in items.aliases.items():
        removed["candidates"] += _erase_candidates(connection, key)
        removed["labels"] += _erase_labels(connection, key, alias=alias)
        removed["batch_items"] += _erase_batch_items(connection, key, alias=alias, at=at)
        leased = item_leases.delete().where(item_leases.c.key == key)
        removed["item_leases"] += connection.execute(leased).rowcount
    for table in WRITTEN:
        removed[table.name] += _erase_written(connection, table, items)
    return {name: n for name, n in sorted(removed.items()) if n}


def _texts(connection: sa.Connection, keys: Collection[str]) -> frozenset[str]:
    found: set[str] = set()
    for table in (candidates, batch_items):
        for part in in_parts(sorted(keys)):
            query = sa.select(table.c.text).where(table.c.key.in_(part), table.c.text != "")
            found |= set(connection.scalars(query))
    return frozenset(found)


def _erase_candidates(connection: sa.Connection, key: str) -> int:
    rows = connection.execute(sa.select(candidates).where(candidates.c.key == key)).all()
    for row in rows:
        mine, kept = candidates.c.id == row.id, kept_of(read_candidate(row))
        if kept is None:
            connection.execute(candidates.delete().where(mine))
        else:
            connection.execute(candidates.update().where(mine).values(**columns_of(kept), simhash=None))
    return len(rows)


def _erase_labels(connection: sa.Connection, key: str, *, alias: str) -> int:
    # An annotation's id leads to the item in the tool that it was labelled with.
    annotation = sa.literal(f"{alias}@") + sa.cast(labels.c.id, sa.String)
    return connection.execute(
        labels.update().where(labels.c.key == key).values(key=alias, annotation_id=annotation)
    ).rowcount


def _erase_batch_items(connection: sa.Connection, key: str, *, alias: str, at: float) -> int:
    mine = batch_items.c.key == key
    of_batches = list(connection.scalars(sa.select(batch_items.c.batch_id).where(mine)))
    waiting = sa.case((batch_items.c.state == "open", "skipped"), else_=batch_items.c.state)
    erased = connection.execute(
        batch_items.update()
        .where(mine)
        .values(key=alias, item_id=None, text=None, signature=None, state=waiting)
    ).rowcount
    still_open = sa.select(batch_items.c.batch_id).where(batch_items.c.state == "open")
    connection.execute(
        batches.update()
        .where(
            batches.c.batch_id.in_(of_batches),
            batches.c.state == "open",
            batches.c.batch_id.not_in(still_open),
        )
        .values(state="closed", closed_at=at)
    )
    return erased


def _erase_written(connection: sa.Connection, table: sa.Table, items: Items) -> int:
    """Take the items out of every JSON of a table's rows; return how many rows changed."""
    columns = [column for column in table.columns if isinstance(column.type, sa.JSON)]
    identity = list(table.primary_key.columns)
    changed = 0
    for row in connection.execute(sa.select(*identity, *columns)).all():
        values = _changed(row, columns, items)
        if values:
            same = [column == row._mapping[column.name] for column in identity]
            connection.execute(table.update().where(*same).values(values))
            changed += 1
    return changed


def _changed(row: "sa.Row[Any]", columns: Sequence["sa.Column[Any]"], items: Items) -> dict[str, Any]:
    stored = {column.name: row._mapping[column.name] for column in columns}
    left = {name: without(items, value) for name, value in stored.items()}
    return {name: value for name, value in left.items() if value != stored[name]}
