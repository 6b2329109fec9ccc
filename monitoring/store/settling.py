"""What do the annotations of a batch come to: which items are settled, and is the batch done?"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from monitoring.store import codec
from monitoring.store.database import in_parts
from monitoring.store.tables import batch_items, batches, item_leases, labels
from monitoring.waves.labels import LabelRow, last_words, settle


def annotations_of(
    connection: sa.Connection, batch_id: str, keys: Collection[str] | None = None
) -> Mapping[str, tuple[LabelRow, ...]]:
    """Return the annotations of a batch's items by key, in order of arrival; of all items by default."""
    query = sa.select(labels).where(labels.c.batch_id == batch_id).order_by(labels.c.id)
    parts = [query] if keys is None else [query.where(labels.c.key.in_(p)) for p in in_parts(sorted(keys))]
    found: dict[str, list[LabelRow]] = {}
    for part in parts:
        for row in connection.execute(part):
            found.setdefault(row.key, []).append(_read(row))
    return {key: tuple(rows) for key, rows in found.items()}


def spoke(rows: Iterable[LabelRow]) -> frozenset[str | None]:
    """Return who annotated an item; people who leave themselves unnamed are one."""
    return frozenset(row.annotator for row in last_words(rows))


def settle_items(
    connection: sa.Connection, batch_id: str, keys: Collection[str] | None, *, enough: int
) -> None:
    """Give items the label that their annotations come to.

    One that is open stays so until `enough` people spoke or it was adjudicated.

    Parameters
    ----------
    keys : collection of str or None
        The items in question; None for those that are open.
    """
    mine = batch_items.c.batch_id == batch_id
    waiting = set(connection.scalars(sa.select(batch_items.c.key).where(mine, batch_items.c.state == "open")))
    settled: list[dict[str, object]] = []
    for key, rows in annotations_of(connection, batch_id, waiting if keys is None else keys).items():
        decided = settle(rows)
        if decided is None:
            continue
        if key in waiting and not decided.adjudicated and len(spoke(rows)) < enough:
            continue
        state = "skipped" if decided.skipped else "labelled"
        settled.append({"its_key": key, "state": state, **codec.label_columns("label", decided.label)})
    if settled:
        connection.execute(
            batch_items.update().where(mine, batch_items.c.key == sa.bindparam("its_key")), settled
        )


def close_when_done(connection: sa.Connection, batch_id: str, *, at: float) -> None:
    """Close a batch none of whose items is open."""
    waiting = connection.scalar(
        sa.select(sa.func.count())
        .select_from(batch_items)
        .where(batch_items.c.batch_id == batch_id, batch_items.c.state == "open")
    )
    if not waiting:
        close_batch(connection, batch_id, at=at)


def close_batch(connection: sa.Connection, batch_id: str, *, at: float) -> None:
    """Close a batch: what is open gets the label it has got so far, or is skipped; nobody holds any of it."""
    settle_items(connection, batch_id, None, enough=1)
    connection.execute(
        batch_items.update()
        .where(batch_items.c.batch_id == batch_id, batch_items.c.state == "open")
        .values(state="skipped")
    )
    connection.execute(item_leases.delete().where(item_leases.c.batch_id == batch_id))
    connection.execute(
        batches.update()
        .where(batches.c.batch_id == batch_id, batches.c.state == "open")
        .values(state="closed", closed_at=at)
    )


def _read(row: "sa.Row[Any]") -> LabelRow:
    return LabelRow(
        key=row.key,
        label=codec.label(row.label, row.label_names),
        annotation_id=row.annotation_id,
        annotator=row.annotator,
        skipped=row.skipped,
        adjudicated=row.adjudicated,
    )
