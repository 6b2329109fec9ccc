"""Which items are behind an alarm: a few of its classes from its time, for the eyes of an operator."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import sqlalchemy as sa

from model_store.policy import DECISIONS, NO_CLASS
from monitoring.store import codec
from monitoring.store.alarm import Alarm
from monitoring.store.counts import ModelRow, read_model
from monitoring.store.database import Database, in_parts
from monitoring.store.tables import candidates
from monitoring.store.tombstones import ERASED

_PASSES: Final = 0.5  # from which probability on an item counts for one of several labels
_MOST_READ: Final = 50_000  # candidates of an alarm, the likeliest first


@dataclass(frozen=True, slots=True)
class Example:
    """One item; `text` is None where texts are not kept. `at` is UTC epoch seconds.

    `category` is one of the alarm's classes that it counts for, and `probability` the calibrated one of that
    class, or of its most probable class where no class passes.
    """

    key: str
    item_id: str | None
    source: str
    at: float
    category: str
    probability: float
    text: str | None


class ExamplesTable:
    """Items behind alarms, out of the candidates for labeling: there are some for a day."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def behind(self, alarm: Alarm, *, limit: int) -> tuple[Example, ...]:
        """Return items of the classes the alarm watches, from its time, each of them once.

        Those from before it was raised come first, and of them the random part, so that they are as items of
        the class are and not only its clearest ones; those follow. An alarm that watches no class shows any
        items. No more than 50,000 candidates are looked at.
        """
        quota = -(-limit // max(len(alarm.watched), 1))
        found: dict[str, _Behind] = {}
        taken: Counter[str] = Counter()
        with self._database.read() as connection:
            model = read_model(connection, alarm.model_key)
            for each in _behind(connection, alarm, model):
                if each.key in found or taken[each.category] >= quota:
                    continue
                found[each.key] = each
                taken[each.category] += 1
                if len(found) == limit:
                    break
            return tuple(_examples(connection, tuple(found.values())))


class _Behind(NamedTuple):
    """The row of an item that counts for a watched class, and its probability of it."""

    row: int
    key: str
    category: str
    probability: float


def _behind(connection: sa.Connection, alarm: Alarm, model: ModelRow) -> Iterator[_Behind]:
    """Yield the items in the order to show them in, rows read in parts, as far as needed, without text."""
    until = float("inf") if alarm.cleared_at is None else alarm.cleared_at
    query = (
        sa.select(candidates.c.id)
        .where(
            candidates.c.model_key == alarm.model_key,
            candidates.c.epoch >= alarm.first_epoch,
            candidates.c.at.between(alarm.finding.since_time, until),
            candidates.c.bucket_seq.is_not(None),
            candidates.c.decision != ERASED,
        )
        .order_by(
            candidates.c.bucket_seq > alarm.bucket_seq,
            candidates.c.kinds.contains("random:").desc(),
            sa.or_(sa.false(), *_kept_for(alarm.watched)).desc(),
            candidates.c.priority,
            candidates.c.id,
        )
        .limit(_MOST_READ)
    )
    columns = (candidates.c.id, candidates.c.key, candidates.c.decision, candidates.c.probabilities)
    for part in in_parts(connection.scalars(query).all()):
        rows = connection.execute(sa.select(*columns).where(candidates.c.id.in_(part)))
        read = {row.id: row for row in rows}
        yield from _counted([read[each] for each in part], model, alarm.watched)


def _kept_for(watched: Sequence[str]) -> Iterator["sa.ColumnElement[bool]"]:
    """Yield what tells that a candidate holds a place for one of these classes."""
    kinds = "\n" + candidates.c.kinds + "\n"
    for name in watched:
        if name == NO_CLASS:
            yield candidates.c.decision == DECISIONS.index(NO_CLASS)
        else:
            yield kinds.contains(f"\ntop:{name}\n", autoescape=True)


def _counted(rows: Sequence[Any], model: ModelRow, watched: tuple[str, ...]) -> Iterator[_Behind]:
    """Yield the rows that count for a watched class, each for the first of them."""
    probabilities = codec.vectors([row.probabilities for row in rows], width=len(model.classes))
    passes_none = np.array([DECISIONS[row.decision] == NO_CLASS for row in rows])
    top = probabilities.argmax(axis=1)
    if model.task == "multilabel":
        counts = probabilities >= _PASSES
    else:
        counts = np.arange(len(model.classes)) == top[:, np.newaxis]
    counts = np.column_stack([counts & ~passes_none[:, np.newaxis], passes_none])
    names = (*model.classes, NO_CLASS)
    if watched:
        counts &= np.isin(names, watched)
    for at in np.flatnonzero(counts.any(axis=1)).tolist():
        column = int(counts[at].argmax())
        name, shown = names[column], int(top[at]) if passes_none[at] else column
        yield _Behind(rows[at].id, rows[at].key, name, float(probabilities[at, shown]))


def _examples(connection: sa.Connection, found: Sequence[_Behind]) -> Iterator[Example]:
    """Yield them whole, in their order."""
    columns = (candidates.c.id, candidates.c.item_id, candidates.c.source, candidates.c.at, candidates.c.text)
    query = sa.select(*columns).where(candidates.c.id.in_([each.row for each in found]))
    whole = {row.id: row for row in connection.execute(query)}
    for each in found:
        row = whole[each.row]
        yield Example(each.key, row.item_id, row.source, row.at, each.category, each.probability, row.text)
