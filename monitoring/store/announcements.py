"""Which planned changes are announced of a version that has no detector yet? Its detector takes them up."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import sqlalchemy as sa

from model_store.bundles.bundle import ModelKey
from monitoring.clock import Clock
from monitoring.detection.expectation import Expectation, Expectations
from monitoring.store.audit import insert_audit
from monitoring.store.database import Database
from monitoring.store.detectors import read_detector
from monitoring.store.tables import announcements

Edit: TypeAlias = Callable[[Expectations], Expectations]


class AnnouncementsTable:
    """One row per version of which something was announced before its first closed bucket."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def list(self, model_key: ModelKey) -> Expectations:
        """Return what is announced and not over, the latest last; nothing once there is a detector."""
        now = self._clock.now()
        with self._database.read() as connection:
            return tuple(each for each in read_announced(connection, model_key) if now < each.until)

    def change(
        self, model_key: ModelKey, edit: Edit, *, who: str, action: str, details: Mapping[str, object]
    ) -> Expectations | None:
        """Replace what is announced by `edit` of what is not over, audited; return it.

        None, and nothing is changed, when there is a detector, which holds its expectations itself. A bucket
        that a watcher is closing meanwhile is then read again, so nothing is lost. Whatever `edit` raises
        leaves everything as it was.
        """
        with self._database.write(durable=True) as connection:
            if read_detector(connection, model_key) is not None:
                return None
            at = self._clock.now()
            changed = edit(tuple(each for each in read_announced(connection, model_key) if at < each.until))
            _replace(connection, model_key, changed)
            insert_audit(connection, at=at, who=who, action=action, model_key=model_key, details=details)
            return changed


def read_announced(connection: sa.Connection, model_key: ModelKey) -> Expectations:
    """Return all that is announced of a version, also what is over by now."""
    query = sa.select(announcements.c.expectations).where(announcements.c.model_key == model_key)
    return tuple(Expectation(**each) for each in connection.scalar(query) or ())


def take_announced(connection: sa.Connection, model_key: ModelKey, *, read: Expectations) -> bool:
    """Remove what a detector has taken up; False when that is not what is announced any more."""
    if read_announced(connection, model_key) != read:
        return False
    _remove(connection, model_key)
    return True


def _replace(connection: sa.Connection, model_key: ModelKey, expectations: Expectations) -> None:
    _remove(connection, model_key)
    if expectations:
        rows = [each.to_json() for each in expectations]
        connection.execute(announcements.insert().values(model_key=model_key, expectations=rows))


def _remove(connection: sa.Connection, model_key: ModelKey) -> None:
    connection.execute(announcements.delete().where(announcements.c.model_key == model_key))
