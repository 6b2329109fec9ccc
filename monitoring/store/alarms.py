"""Which alarms were raised, what do people say of them, and what became of each?"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from model_store.bundles.bundle import ModelKey
from monitoring.clock import Clock
from monitoring.errors import UnknownAlarm
from monitoring.store.alarm import Alarm, Dated, Ended, alarm_id, alarm_of, columns_of
from monitoring.store.audit import insert_audit
from monitoring.store.database import Database
from monitoring.store.tables import alarms, detectors

__all__ = [
    "Alarm",
    "AlarmsTable",
    "alarm_id",
    "clear_alarms",
    "clear_superseded",
    "insert_alarm",
    "mark_false",
    "newest_alarm",
    "note_batch",
    "note_later",
    "note_meaning",
    "read_alarm",
]


class AlarmsTable:
    """Alarms; only a closing bucket adds one."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def get(self, alarm_id: str) -> Alarm:
        """Return one alarm; UnknownAlarm when there is none of that id."""
        with self._database.read() as connection:
            return read_alarm(connection, alarm_id)

    def list(self, model_key: ModelKey | None = None, *, limit: int = 100) -> tuple[Alarm, ...]:
        """Return the newest alarms, newest first, of one model or of all."""
        query = sa.select(alarms).order_by(alarms.c.raised_at.desc(), alarms.c.alarm_id).limit(limit)
        if model_key is not None:
            query = query.where(alarms.c.model_key == model_key)
        with self._database.read() as connection:
            return tuple(alarm_of(row) for row in connection.execute(query))

    def of_all_versions(self, name: str) -> tuple[Alarm, ...]:
        """Return all alarms of a model, whichever version raised them, newest first."""
        query = (
            sa.select(alarms)
            .where(alarms.c.model_key.startswith(f"{name}@", autoescape=True))
            .order_by(alarms.c.raised_at.desc(), alarms.c.alarm_id)
        )
        with self._database.read() as connection:
            return tuple(alarm_of(row) for row in connection.execute(query))

    def count(self) -> int:
        """Return how many alarms were ever raised."""
        return self._count(sa.true())

    def count_false(self) -> int:
        """Return how many of them people called false."""
        return self._count(alarms.c.false_at.is_not(None))

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
            return tuple(alarm_of(row) for row in connection.execute(query))

    def acknowledge(self, alarm_id: str, *, by: str, why: str) -> Alarm:
        """Record that somebody looks after an alarm, audited; who said so first stays.

        Raises
        ------
        UnknownAlarm
            There is none of that id.
        """
        at = self._clock.now()
        with self._database.write(durable=True) as connection:
            alarm = read_alarm(connection, alarm_id)
            if alarm.acknowledged is not None:
                return alarm
            connection.execute(
                alarms.update()
                .where(alarms.c.alarm_id == alarm_id)
                .values(acknowledged_at=at, acknowledged_by=by, acknowledged_why=why)
            )
            insert_audit(
                connection,
                at=at,
                who=by,
                action="acknowledge_alarm",
                model_key=alarm.model_key,
                details={"alarm": alarm_id, "why": why},
            )
            return read_alarm(connection, alarm_id)

    def _count(self, which: "sa.ColumnElement[bool]") -> int:
        query = sa.select(sa.func.count()).select_from(alarms).where(which)
        with self._database.read() as connection:
            return int(connection.scalar(query) or 0)


def read_alarm(connection: sa.Connection, alarm_id: str) -> Alarm:
    """Return one alarm; UnknownAlarm when there is none of that id."""
    row = connection.execute(sa.select(alarms).where(alarms.c.alarm_id == alarm_id)).one_or_none()
    if row is None:
        raise UnknownAlarm(alarm_id)
    return alarm_of(row)


def insert_alarm(connection: sa.Connection, alarm: Alarm) -> None:
    """Record an alarm that was just raised."""
    connection.execute(alarms.insert().values(**columns_of(alarm)))


def clear_alarms(connection: sa.Connection, model_key: ModelKey, ended: Ended) -> None:
    """Mark a model's open alarm as ended."""
    strongest = None if ended.strongest is None else ended.strongest.to_json()
    connection.execute(
        alarms.update()
        .where(alarms.c.model_key == model_key, alarms.c.cleared_at.is_(None))
        .values(cleared_at=ended.at, ended_by=ended.by, ended_cause=ended.cause, strongest=strongest)
    )


def clear_superseded(connection: sa.Connection, model_key: ModelKey, *, at: float, idle_since: float) -> None:
    """End the open alarms of the bundle's other versions that had no traffic since then (UTC seconds)."""
    name, _, _ = model_key.rpartition("@")
    idle = sa.select(detectors.c.model_key).where(
        detectors.c.model_key.startswith(f"{name}@", autoescape=True),
        detectors.c.model_key != model_key,
        detectors.c.last_traffic_at <= idle_since,
    )
    connection.execute(
        alarms.update()
        .where(alarms.c.model_key.in_(idle), alarms.c.cleared_at.is_(None))
        .values(cleared_at=at, ended_by="superseded")
    )


def newest_alarm(connection: sa.Connection, model_key: ModelKey) -> str | None:
    """Return the id of the alarm that a model raised last."""
    found: str | None = connection.scalar(
        sa.select(alarms.c.alarm_id)
        .where(alarms.c.model_key == model_key)
        .order_by(alarms.c.bucket_seq.desc())
        .limit(1)
    )
    return found


def note_later(connection: sa.Connection, model_key: ModelKey, found: tuple[Dated, ...]) -> None:
    """Add to a model's open alarm what was found since it was raised."""
    for row in connection.execute(
        sa.select(alarms).where(alarms.c.model_key == model_key, alarms.c.cleared_at.is_(None))
    ).all():
        connection.execute(
            alarms.update()
            .where(alarms.c.alarm_id == row.alarm_id)
            .values(findings=[*(row.findings or ()), *(each.to_json() for each in found)])
        )


def mark_false(connection: sa.Connection, alarm: Alarm, *, at: float, by: str, why: str) -> None:
    """Record that a person calls an alarm false, audited."""
    connection.execute(
        alarms.update().where(alarms.c.alarm_id == alarm.id).values(false_at=at, false_by=by, false_why=why)
    )
    insert_audit(
        connection,
        at=at,
        who=by,
        action="mark_alarm_false",
        model_key=alarm.model_key,
        details={"alarm": alarm.id, "why": why},
    )


def note_meaning(connection: sa.Connection, alarm_id: str, meaning: Mapping[str, Any]) -> None:
    """Record what an alarm means by what is known now."""
    connection.execute(alarms.update().where(alarms.c.alarm_id == alarm_id).values(meaning=dict(meaning)))


def note_batch(connection: sa.Connection, alarm_id: str, *, batch_id: str | None, note: str | None) -> None:
    """Record the batch of an alarm, or why there is none."""
    connection.execute(
        alarms.update().where(alarms.c.alarm_id == alarm_id).values(batch_id=batch_id, batch_note=note)
    )
