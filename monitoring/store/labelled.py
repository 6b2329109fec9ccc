"""Which items have a settled label, and how many of those drawn have none?"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from monitoring.errors import UnknownBatch
from monitoring.store.batches import read_batch
from monitoring.store.database import Database
from monitoring.store.settling import annotations_of
from monitoring.store.tables import batches
from monitoring.waves.agreement import agreed, answers_of
from monitoring.waves.batches import Batch, BatchItem, Place
from monitoring.waves.carried import Carried, carried_of
from monitoring.waves.labelled import BatchMode, Drawn, LabelledItem
from monitoring.waves.labels import LabelRow
from monitoring.waves.usable import told


class LabelledTable:
    """Settled labels, for whoever estimates, trains or compares with them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(
        self, *, model_keys: Collection[str] | None = None, batch_ids: Collection[str] | None = None
    ) -> tuple[LabelledItem, ...]:
        """Return the labelled items by age of their batch, then rank; those of these models and batches.

        Of a whole sample an item is there as often as it was drawn. Last of a batch are draws of it that are
        items of other batches. One that was chosen by score, and is such a draw, is there as the draw only: a
        label is evidence or trains, and is there once for that.
        """
        found: list[LabelledItem] = []
        with self._database.read() as connection:
            read = _Reading(connection)
            mine = [read.batch(batch_id) for batch_id in _ids(connection, model_keys, batch_ids)]
            carried = {batch.id: _with_label(carried_of(batch, read.find)) for batch in mine}
            drawn = {one.place for each in carried.values() for one in each}
            for batch in mine:
                found += [
                    _labelled(batch, each, read.words(batch.id, item.key))
                    for item in batch.items
                    if item.state == "labelled"
                    and not (item.stratum == "certainty" and (batch.id, item.rank) in drawn)
                    for each in _draws_of(item, whole=batch.complete_sample)
                ]
                found += [
                    _labelled(batch, one.item, read.words(one.place[0], one.key)) for one in carried[batch.id]
                ]
        return tuple(found)

    def drawn(
        self, *, model_keys: Collection[str] | None = None, batch_ids: Collection[str] | None = None
    ) -> tuple[Drawn, ...]:
        """Return how far the labeling of the exploration stratum is, by age of the batch, then source."""
        with self._database.read() as connection:
            read = _Reading(connection)
            mine = [read.batch(batch_id) for batch_id in _ids(connection, model_keys, batch_ids)]
            return tuple(
                _drawn(batch, source, items)
                for batch in mine
                for source, items in sorted(_by_source(batch, carried_of(batch, read.find)).items())
            )


class _Reading:
    """Batches and annotations of one reading, each read once."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._batches: dict[str, Batch] = {}
        self._words: dict[str, Mapping[str, Sequence[LabelRow]]] = {}

    def batch(self, batch_id: str) -> Batch:
        """Return a batch; UnknownBatch when there is none of that id."""
        if batch_id not in self._batches:
            self._batches[batch_id] = read_batch(self._connection, batch_id)
        return self._batches[batch_id]

    def find(self, place: Place) -> tuple[Batch, BatchItem] | None:
        """Return the batch and the item at a place, None where there is none."""
        try:
            batch = self.batch(place[0])
        except UnknownBatch:
            return None
        return next(((batch, item) for item in batch.items if item.rank == place[1]), None)

    def words(self, batch_id: str, key: str) -> Sequence[LabelRow]:
        """Return the annotations of an item."""
        if batch_id not in self._words:
            self._words[batch_id] = annotations_of(self._connection, batch_id)
        return self._words[batch_id].get(key, ())


def _draws_of(item: BatchItem, *, whole: bool) -> Sequence[BatchItem]:
    """Return an item once a draw that it stands for, where those are all the same word for word."""
    if not whole or item.stratum == "certainty":
        return (item,)
    return (replace(item, dup_count=1),) * item.dup_count


def _with_label(carried: Sequence[Carried]) -> Sequence[Carried]:
    return [one for one in carried if one.item.state == "labelled"]


def _ids(
    connection: sa.Connection, model_keys: Collection[str] | None, batch_ids: Collection[str] | None
) -> Iterator[str]:
    query = sa.select(batches.c.batch_id, batches.c.model_key).order_by(
        batches.c.created_at, batches.c.batch_id
    )
    for row in connection.execute(query).all():
        if (model_keys is None or row.model_key in model_keys) and (
            batch_ids is None or row.batch_id in batch_ids
        ):
            yield row.batch_id


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
        drawn_from=_drawn_from(batch),
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


def _by_source(batch: Batch, carried: Sequence[Carried]) -> dict[str, list[BatchItem]]:
    found: dict[str, list[BatchItem]] = defaultdict(list)
    for item in (*batch.items, *(one.item for one in carried)):
        if item.stratum == "exploration":
            found[item.source].append(item)
    return found


def _drawn_from(batch: Batch) -> float:
    """Return where the first epoch begins that items were drawn from, as far as the manifest says."""
    epochs = told(batch, "epochs")
    counted = [int(epoch) for each in epochs.get("items", {}).values() for epoch in each]
    first = min(counted, default=epochs.get("first"))
    return batch.created_at if first is None else float(first * epochs["seconds"])


def _mode(batch: Batch) -> BatchMode:
    return "audit" if batch.manifest.get("mode") == "audit" else "mixed"
