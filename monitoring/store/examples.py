"""Which items are behind an alarm: a few of its classes from its time, for the eyes of an operator."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from model_store.policy import DECISIONS, NO_CLASS
from monitoring.store import codec
from monitoring.store.alarm import Alarm
from monitoring.store.counts import ModelRow, read_model
from monitoring.store.database import Database
from monitoring.store.tables import candidates
from monitoring.store.tombstones import ERASED

MOST_READ: Final = 20_000  # of a common class a hundred do, of a rare one there are no more
_PASSES: Final = 0.5  # from which probability on an item counts for one of several labels


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
        the class are and not only its clearest ones. An alarm that watches no class shows any items.
        """
        until = float("inf") if alarm.cleared_at is None else alarm.cleared_at
        query = (
            sa.select(candidates)
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
                candidates.c.priority,
                candidates.c.id,
            )
            .limit(MOST_READ)
        )
        quota = -(-limit // max(len(alarm.watched), 1))
        found: dict[str, Example] = {}
        taken: Counter[str] = Counter()
        with self._database.read() as connection:
            model = read_model(connection, alarm.model_key)
            for row in connection.execute(query):
                example = next(_examples(row, model, alarm.watched), None)
                if example is None or example.key in found or taken[example.category] >= quota:
                    continue
                found[example.key] = example
                taken[example.category] += 1
                if len(found) == limit:
                    break
        return tuple(found.values())


def _examples(row: "sa.Row[Any]", model: ModelRow, watched: tuple[str, ...]) -> Iterator[Example]:
    """Yield the item for every watched class that it counts for."""
    probabilities = codec.vector(row.probabilities)
    for name, probability in _counts_for(row.decision, probabilities, model):
        if not watched or name in watched:
            yield Example(row.key, row.item_id, row.source, row.at, name, probability, row.text)


def _counts_for(decision: int, probabilities: Any, model: ModelRow) -> Iterator[tuple[str, float]]:
    top = int(np.argmax(probabilities))
    if DECISIONS[decision] == NO_CLASS:
        yield NO_CLASS, float(probabilities[top])
    elif model.task == "multilabel":
        for k in np.flatnonzero(probabilities >= _PASSES).tolist():
            yield model.classes[k], float(probabilities[k])
    else:
        yield model.classes[top], float(probabilities[top])
