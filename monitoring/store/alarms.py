"""Which alarms were raised, over which traffic, and what became of each?"""

import hashlib
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from model_store.bundles.bundle import ModelKey
from monitoring.errors import UnknownAlarm
from monitoring.finding import Finding
from monitoring.store.database import Database
from monitoring.store.tables import alarms


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm and its batch, or why it has none.

    `bucket_seq` is the bucket that raised it; the wave samples the epochs from `first_epoch` to `last_epoch`
    as they were counted up to that bucket. Times are UTC epoch seconds.
    """

    id: str
    model_key: ModelKey
    bucket_seq: int
    raised_at: float
    first_epoch: int
    last_epoch: int
    finding: Finding
    cleared_at: float | None = None
    batch_id: str | None = None
    batch_note: str | None = None


def alarm_id(model_key: ModelKey, bucket_seq: int) -> str:
    """Return the id of the alarm that bucket raises: the same whoever closes it, however often."""
    return hashlib.sha256(f"alarm\0{model_key}\0{bucket_seq}".encode()).hexdigest()[:16]


class AlarmsTable:
    """Alarms; only a closing bucket adds one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, alarm_id: str) -> Alarm:
        """Return one alarm; UnknownAlarm when there is none of that id."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(alarms).where(alarms.c.alarm_id == alarm_id)).one_or_none()
        if row is None:
            raise UnknownAlarm(alarm_id)
        return _alarm(row)

    def list(self, model_key: ModelKey | None = None, *, limit: int = 100) -> tuple[Alarm, ...]:
        """Return the newest alarms, newest first, of one model or of all."""
        query = sa.select(alarms).order_by(alarms.c.raised_at.desc(), alarms.c.alarm_id).limit(limit)
        if model_key is not None:
            query = query.where(alarms.c.model_key == model_key)
        with self._database.read() as connection:
            return tuple(_alarm(row) for row in connection.execute(query))

    def count(self) -> int:
        """Return how many alarms were ever raised."""
        with self._database.read() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(alarms)) or 0)

    def waiting(self, *, raised_since: float) -> tuple[Alarm, ...]:
        """Return open alarms without a batch that were raised since then, oldest first."""
        query = (
            sa.select(alarms)
            .where(
                alarms.c.batch_id.is_(None), alarms.c.cleared_at.is_(None), alarms.c.raised_at >= raised_since
            )
            .order_by(alarms.c.raised_at, alarms.c.alarm_id)
        )
        with self._database.read() as connection:
            return tuple(_alarm(row) for row in connection.execute(query))


def insert_alarm(connection: sa.Connection, alarm: Alarm) -> None:
    """Record an alarm that was just raised."""
    connection.execute(
        alarms.insert().values(
            alarm_id=alarm.id,
            model_key=alarm.model_key,
            bucket_seq=alarm.bucket_seq,
            raised_at=alarm.raised_at,
            cleared_at=alarm.cleared_at,
            first_epoch=alarm.first_epoch,
            last_epoch=alarm.last_epoch,
            finding=alarm.finding.to_json(),
            batch_id=alarm.batch_id,
            batch_note=alarm.batch_note,
        )
    )


def clear_alarms(connection: sa.Connection, model_key: ModelKey, *, at: float) -> None:
    """Mark a model's open alarm as cleared."""
    connection.execute(
        alarms.update()
        .where(alarms.c.model_key == model_key, alarms.c.cleared_at.is_(None))
        .values(cleared_at=at)
    )


def note_batch(connection: sa.Connection, alarm_id: str, *, batch_id: str | None, note: str | None) -> None:
    """Record the batch of an alarm, or why there is none."""
    connection.execute(
        alarms.update().where(alarms.c.alarm_id == alarm_id).values(batch_id=batch_id, batch_note=note)
    )


def _alarm(row: "sa.Row[Any]") -> Alarm:
    return Alarm(
        id=row.alarm_id,
        model_key=row.model_key,
        bucket_seq=row.bucket_seq,
        raised_at=row.raised_at,
        first_epoch=row.first_epoch,
        last_epoch=row.last_epoch,
        finding=Finding.from_json(row.finding),
        cleared_at=row.cleared_at,
        batch_id=row.batch_id,
        batch_note=row.batch_note,
    )
