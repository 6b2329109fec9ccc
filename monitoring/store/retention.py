"""What may be forgotten now? Texts after their retention, candidates after a day, old history."""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from monitoring.recording.reservoir import EPOCH_SECONDS
from monitoring.store.database import Database
from monitoring.store.deliveries import forget_deliveries
from monitoring.store.lease import Lease, holds
from monitoring.store.tables import batch_items, bucket_sources, buckets, candidates, workers

SECONDS_PER_DAY: Final = 86_400.0
CANDIDATE_SECONDS: Final = SECONDS_PER_DAY
EPOCHS_KEPT: Final = int(CANDIDATE_SECONDS // EPOCH_SECONDS)
HISTORY_DAYS: Final = 400
# A worker that comes back after so long could count a flush twice; no process stays away for a month.
WORKER_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows were removed, and how many texts were blanked."""

    candidates: int
    texts: int
    buckets: int
    workers: int


class Retention:
    """Forgets what is too old."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def erase(self, *, whole: bool = False) -> bool:
        """Take what was forgotten off the disk too: the log keeps old pages, and the texts on them, for long.

        False while a reader is in the way; it is tried again after the next pruning. `whole` writes the file
        anew besides, which copies of rows in its old pages do not survive; writers wait for that.
        """
        return self._database.rewrite() if whole else self._database.empty_log()

    def prune(self, *, now: float, retention_days: float, lease: Lease) -> Pruned:
        """Forget everything too old at `now`, UTC epoch seconds; nothing when the lease was lost."""
        with self._database.write(durable=False) as connection:
            if not holds(connection, lease):
                return Pruned(0, 0, 0, 0)
            oldest_epoch = int((now - CANDIDATE_SECONDS) // EPOCH_SECONDS)
            removed = connection.execute(
                candidates.delete().where(candidates.c.epoch < oldest_epoch)
            ).rowcount
            forget_deliveries(connection, before=now - HISTORY_DAYS * SECONDS_PER_DAY)
            connection.execute(bucket_sources.delete().where(bucket_sources.c.epoch < oldest_epoch))
            return Pruned(
                candidates=removed,
                texts=_blank(connection, before=now - retention_days * SECONDS_PER_DAY),
                buckets=connection.execute(
                    buckets.delete().where(buckets.c.end_at < now - HISTORY_DAYS * SECONDS_PER_DAY)
                ).rowcount,
                workers=connection.execute(
                    workers.delete().where(workers.c.last_flush_at < now - WORKER_DAYS * SECONDS_PER_DAY)
                ).rowcount,
            )


def _blank(connection: sa.Connection, *, before: float) -> int:
    """Remove texts of items that arrived before then; keys, labels and probabilities stay."""
    blanked = 0
    for table in (candidates, batch_items):
        old = sa.and_(table.c.at < before, table.c.text.is_not(None))
        told = {"simhash": None} if table is candidates else {}
        blanked += connection.execute(table.update().where(old).values(text=None, **told)).rowcount
    return blanked
