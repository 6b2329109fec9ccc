"""What is still to be told to others? An outbox, filled in the transaction of what there is to tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from monitoring.store.audit import insert_audit
from monitoring.store.database import Database
from monitoring.store.tables import deliveries

BATCH_EMITTED: Final = "batch.emitted"
_WAITING: Final = deliveries.c.next_at.is_not(None)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something to tell; `event` and `subject` make it unique, `attempts` counts this one too."""

    id: int
    event: str
    subject: str
    body: Mapping[str, Any]
    created_at: float
    attempts: int


@dataclass(frozen=True, slots=True)
class Outbox:
    """How many are told, given up and waiting, and when the oldest waiting one came in."""

    delivered: int
    given_up: int
    waiting: int
    oldest_waiting_at: float | None


class DeliveriesTable:
    """The outbox. Several processes may send from it: each takes what no other has."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, *, now: float, hold_seconds: float) -> Delivery | None:
        """Return the delivery that is due longest, None without any; nobody else gets it while it is held.

        A sender that dies says nothing: its delivery is due again after `hold_seconds`.
        """
        due = sa.select(deliveries).where(deliveries.c.next_at <= now).order_by(deliveries.c.next_at).limit(1)
        with self._database.read() as connection:
            if connection.execute(due).one_or_none() is None:
                return None  # the usual case costs no writing transaction
        with self._database.write(durable=False) as connection:
            row = connection.execute(due).one_or_none()
            if row is None:
                return None
            attempts = row.attempts + 1
            connection.execute(
                deliveries.update()
                .where(deliveries.c.id == row.id)
                .values(attempts=attempts, next_at=now + hold_seconds)
            )
        return Delivery(row.id, row.event, row.subject, row.body, row.created_at, attempts)

    def delivered(self, delivery: Delivery, *, at: float) -> None:
        """Note that it was told."""
        self._end(delivery, next_at=None, delivered_at=at, last_error=None)

    def failed(self, delivery: Delivery, *, reason: str, next_at: float) -> None:
        """Note why it could not be told, and when to try again."""
        self._end(delivery, next_at=next_at, delivered_at=None, last_error=reason)

    def give_up(self, delivery: Delivery, *, at: float, reason: str) -> None:
        """Note that it will not be told any more, audited."""
        with self._database.write(durable=True) as connection:
            connection.execute(
                deliveries.update()
                .where(deliveries.c.id == delivery.id)
                .values(next_at=None, delivered_at=None, last_error=reason)
            )
            insert_audit(
                connection,
                at=at,
                who="watcher",
                action="give_up_delivery",
                model_key=None,
                details={
                    "event": delivery.event,
                    "subject": delivery.subject,
                    "attempts": delivery.attempts,
                    "reason": reason,
                },
            )

    def outbox(self) -> Outbox:
        """Return what there is."""
        query = sa.select(
            sa.func.count(deliveries.c.delivered_at),
            sa.func.count(deliveries.c.next_at),
            sa.func.count(),
            sa.func.min(sa.case((_WAITING, deliveries.c.created_at))),
        )
        with self._database.read() as connection:
            delivered, waiting, every, oldest = connection.execute(query).one()
        return Outbox(delivered, every - delivered - waiting, waiting, oldest)

    def _end(self, delivery: Delivery, **values: object) -> None:
        with self._database.write(durable=False) as connection:
            connection.execute(deliveries.update().where(deliveries.c.id == delivery.id).values(**values))


def insert_delivery(
    connection: sa.Connection, event: str, subject: str, body: Mapping[str, object], *, at: float
) -> None:
    """Put something to tell into the outbox, inside the transaction that makes it true."""
    connection.execute(
        deliveries.insert().values(
            event=event,
            subject=subject,
            body=dict(body),
            created_at=at,
            next_at=at,
            attempts=0,
            delivered_at=None,
            last_error=None,
        )
    )


def forget_deliveries(connection: sa.Connection, *, before: float) -> None:
    """Remove what was settled and is older."""
    connection.execute(deliveries.delete().where(~_WAITING, deliveries.c.created_at < before))
