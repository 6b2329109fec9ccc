"""What does the detector of a model know? Its snapshot, changed only by whoever read its newest revision."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa

from model_store.bundles.bundle import ModelKey
from monitoring.clock import Clock
from monitoring.store.alarms import clear_alarms
from monitoring.store.audit import insert_audit
from monitoring.store.counts import read_classes
from monitoring.store.database import Database
from monitoring.store.tables import detectors

Snapshot: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DetectorRow:
    """A detector's snapshot and status as JSON, and the number of its revision.

    `last_seq` is its last closed bucket; times are UTC epoch seconds.
    """

    revision: int
    last_seq: int
    last_closed_at: float
    last_traffic_at: float
    snapshot: Snapshot
    status: Snapshot


@dataclass(frozen=True, slots=True)
class DetectorChange:
    """What a detector becomes by hand, and when that cleared its alarm, if it did."""

    snapshot: Snapshot
    status: Snapshot
    alarm_cleared_at: float | None = None


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
            changed = edit(row.snapshot)
            connection.execute(
                detectors.update()
                .where(detectors.c.model_key == model_key)
                .values(
                    revision=row.revision + 1, snapshot=dict(changed.snapshot), status=dict(changed.status)
                )
            )
            if changed.alarm_cleared_at is not None:
                clear_alarms(connection, model_key, at=changed.alarm_cleared_at)
            insert_audit(
                connection,
                at=self._clock.now(),
                who=who,
                action=action,
                model_key=model_key,
                details=details,
            )
            return read_detector(connection, model_key)


def read_detector(connection: sa.Connection, model_key: ModelKey) -> DetectorRow | None:
    """Return a model's row; None when there is none."""
    row = connection.execute(sa.select(detectors).where(detectors.c.model_key == model_key)).one_or_none()
    if row is None:
        return None
    return DetectorRow(
        revision=row.revision,
        last_seq=row.last_seq,
        last_closed_at=row.last_closed_at,
        last_traffic_at=row.last_traffic_at,
        snapshot=row.snapshot,
        status=row.status,
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
