"""What does the detector of a model know? Its snapshot, changed only by whoever read its newest revision."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from model_store.bundles.bundle import ModelKey
from monitoring.clock import Clock
from monitoring.store.alarm import Alarm, Ended
from monitoring.store.alarms import clear_alarms, clear_superseded, mark_false, newest_alarm, read_alarm
from monitoring.store.audit import insert_audit
from monitoring.store.counts import ModelRow, read_classes, read_model
from monitoring.store.database import Database
from monitoring.store.tables import detectors, models

Snapshot: TypeAlias = Mapping[str, Any]

MOST_OTHERS: Final = 3


@dataclass(frozen=True, slots=True)
class DetectorRow:
    """A detector's snapshot and status as JSON, and the number of its revision.

    `last_seq` is its last closed bucket; times are UTC epoch seconds. `meaning` is what was last made of the
    traffic; it is stored apart, and a closing bucket leaves it as it is.
    """

    revision: int
    last_seq: int
    last_closed_at: float
    last_traffic_at: float
    snapshot: Snapshot
    status: Snapshot
    meaning: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class DetectorChange:
    """What a detector becomes by hand, and how that ended its alarm, if it did.

    `idle_since` is given with a version's first baseline: open alarms of versions without traffic since then
    are superseded.
    """

    snapshot: Snapshot
    status: Snapshot
    ended: Ended | None = None
    idle_since: float | None = None


class DetectorsTable:
    """One row per model with traffic."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def get(self, model_key: ModelKey) -> DetectorRow | None:
        """Return the row; None before the model's first closed bucket."""
        with self._database.read() as connection:
            read_classes(connection, model_key)
            return read_detector(connection, model_key)

    def last_seq(self, model_key: ModelKey) -> int:
        """Return the number of the model's last closed bucket, cheaply; 0 before the first."""
        query = sa.select(detectors.c.last_seq).where(detectors.c.model_key == model_key)
        with self._database.read() as connection:
            return int(connection.scalar(query) or 0)

    def change(
        self,
        model_key: ModelKey,
        edit: Callable[[Snapshot], DetectorChange],
        *,
        who: str,
        action: str,
        details: Mapping[str, object],
    ) -> DetectorRow | None:
        """Replace the detector by `edit(snapshot)`, under a new revision, audited.

        A bucket that a watcher is closing meanwhile is then read again, so neither change is lost. None
        when there is no detector yet; whatever `edit` raises leaves everything as it was.
        """
        with self._database.write(durable=True) as connection:
            read_classes(connection, model_key)
            row = read_detector(connection, model_key)
            if row is None:
                return None
            at = self._clock.now()
            replace_detector(connection, model_key, row, edit(row.snapshot), at=at)
            insert_audit(
                connection,
                at=at,
                who=who,
                action=action,
                model_key=model_key,
                details=details,
            )
            return read_detector(connection, model_key)

    def dismiss(
        self,
        alarm_id: str,
        edit: Callable[[ModelKey, Snapshot], DetectorChange | None],
        *,
        who: str,
        why: str,
    ) -> Alarm:
        """Record that an alarm was false, audited; who said so first stays.

        Of a model's newest alarm, `edit(model_key, snapshot)` replaces the detector unless it returns None,
        and those of the bundle's other versions, which may keep this one as their shadow. Raises UnknownAlarm
        when there is no alarm of that id.
        """
        with self._database.write(durable=True) as connection:
            alarm = read_alarm(connection, alarm_id)
            if alarm.marked_false is not None:
                return alarm
            at, own = self._clock.now(), read_detector(connection, alarm.model_key)
            if own is not None and newest_alarm(connection, alarm.model_key) == alarm_id:
                model = read_model(connection, alarm.model_key)
                for key, row in ((alarm.model_key, own), *read_others(connection, model)):
                    changed = edit(key, row.snapshot)
                    if changed is not None:
                        replace_detector(connection, key, row, changed, at=at)
            mark_false(connection, alarm, at=at, by=who, why=why)
            return read_alarm(connection, alarm_id)


def replace_detector(
    connection: sa.Connection, model_key: ModelKey, row: DetectorRow, changed: DetectorChange, *, at: float
) -> None:
    """Put a detector changed by hand in place of the row that was read, and end alarms as it says."""
    connection.execute(
        detectors.update()
        .where(detectors.c.model_key == model_key)
        .values(
            revision=row.revision + 1,
            snapshot=dict(changed.snapshot),
            status=dict(changed.status),
            meaning=None,  # of another state of affairs
        )
    )
    if changed.ended is not None:
        clear_alarms(connection, model_key, changed.ended)
    if changed.idle_since is not None:
        clear_superseded(connection, model_key, at=at, idle_since=changed.idle_since)


def read_detector(connection: sa.Connection, model_key: ModelKey) -> DetectorRow | None:
    """Return a model's row; None when there is none."""
    row = connection.execute(sa.select(detectors).where(detectors.c.model_key == model_key)).one_or_none()
    if row is None:
        return None
    return _row(row)


def read_others(connection: sa.Connection, model: ModelRow) -> tuple[tuple[ModelKey, DetectorRow], ...]:
    """Return the detectors of the same bundle's other versions with the same answers, last traffic first."""
    name, _, _ = model.key.rpartition("@")
    query = (
        sa.select(detectors, models.c.classes, models.c.task)
        .join(models, models.c.model_key == detectors.c.model_key)
        .where(models.c.model_key != model.key, models.c.model_key.startswith(f"{name}@", autoescape=True))
        .order_by(detectors.c.last_traffic_at.desc(), detectors.c.model_key)
    )
    return tuple(
        (row.model_key, _row(row))
        for row in connection.execute(query)
        if row.task == model.task and tuple(row.classes) == model.classes
    )[:MOST_OTHERS]


def _row(row: "sa.Row[Any]") -> DetectorRow:
    return DetectorRow(
        revision=row.revision,
        last_seq=row.last_seq,
        last_closed_at=row.last_closed_at,
        last_traffic_at=row.last_traffic_at,
        snapshot=row.snapshot,
        status=row.status,
        meaning=row.meaning,
    )


def write_detector(connection: sa.Connection, model_key: ModelKey, row: DetectorRow, *, read: int) -> bool:
    """Put the row in place of revision `read` (0: of none); False when that is not the newest any more."""
    values = {
        "revision": row.revision,
        "last_seq": row.last_seq,
        "last_closed_at": row.last_closed_at,
        "last_traffic_at": row.last_traffic_at,
        "snapshot": dict(row.snapshot),
        "status": dict(row.status),
    }
    if read == 0:
        if read_detector(connection, model_key) is not None:
            return False
        connection.execute(detectors.insert().values(model_key=model_key, **values))
        return True
    return (
        connection.execute(
            detectors.update()
            .where(detectors.c.model_key == model_key, detectors.c.revision == read)
            .values(**values)
        ).rowcount
        == 1
    )
