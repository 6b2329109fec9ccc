"""Which items have a settled label, and how many of those drawn have none?"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

import sqlalchemy as sa

from monitoring.store.batches import read_batch
from monitoring.store.database import Database
from monitoring.store.settling import annotations_of
from monitoring.store.tables import batches
from monitoring.waves.agreement import agreed, answers_of
from monitoring.waves.batches import Batch, BatchItem
from monitoring.waves.labelled import BatchMode, Drawn, LabelledItem
from monitoring.waves.labels import LabelRow


class LabelledTable:
    """Settled labels, for whoever estimates, trains or compares with them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(
        self, *, model_keys: Collection[str] | None = None, batch_ids: Collection[str] | None = None
    ) -> tuple[LabelledItem, ...]:
        """Return the labelled items by age of their batch, then rank; those of these models and batches."""
        found: list[LabelledItem] = []
        with self._database.read() as connection:
            for batch in _batches(connection, model_keys, batch_ids):
                annotations = annotations_of(connection, batch.id)
                found += [
                    _labelled(batch, item, annotations.get(item.key, ()))
                    for item in batch.items
                    if item.state == "labelled"
                ]
        return tuple(found)

    def drawn(
        self, *, model_keys: Collection[str] | None = None, batch_ids: Collection[str] | None = None
    ) -> tuple[Drawn, ...]:
        """Return how far the labeling of the exploration stratum is, by age of the batch, then source."""
        with self._database.read() as connection:
            return tuple(
                _drawn(batch, source, items)
                for batch in _batches(connection, model_keys, batch_ids)
                for source, items in sorted(_by_source(batch).items())
            )


def _batches(
    connection: sa.Connection, model_keys: Collection[str] | None, batch_ids: Collection[str] | None
) -> Iterator[Batch]:
    query = sa.select(batches.c.batch_id, batches.c.model_key).order_by(
        batches.c.created_at, batches.c.batch_id
    )
    for row in connection.execute(query).all():
        if (model_keys is None or row.model_key in model_keys) and (
            batch_ids is None or row.batch_id in batch_ids
        ):
            yield read_batch(connection, row.batch_id)


def _labelled(batch: Batch, item: BatchItem, rows: Sequence[LabelRow]) -> LabelledItem:
    return LabelledItem(
        batch_id=batch.id,
        alarm_id=batch.alarm_id,
        model_key=batch.model_key,
        created_at=batch.created_at,
        mode=_mode(batch),
        complete_sample=batch.complete_sample,
        classes=batch.classes,
        multilabel=batch.multilabel,
        input_kind=batch.input_kind,
        item=item,
        annotators=len(answers_of(rows)),
        agreed=agreed(rows),
    )


def _drawn(batch: Batch, source: str, items: Sequence[BatchItem]) -> Drawn:
    labelled = [item for item in items if item.state == "labelled"]
    return Drawn(
        batch_id=batch.id,
        model_key=batch.model_key,
        created_at=batch.created_at,
        mode=_mode(batch),
        complete_sample=batch.complete_sample,
        source=source,
        items=len(items),
        labelled=len(labelled),
        skipped=sum(item.state == "skipped" for item in items),
        open=sum(item.state == "open" for item in items),
        weight=sum(item.weight for item in items),
        labelled_weight=sum(item.weight for item in labelled),
    )


def _by_source(batch: Batch) -> dict[str, list[BatchItem]]:
    found: dict[str, list[BatchItem]] = defaultdict(list)
    for item in batch.items:
        if item.stratum == "exploration":
            found[item.source].append(item)
    return found


def _mode(batch: Batch) -> BatchMode:
    return "audit" if batch.manifest.get("mode") == "audit" else "mixed"
