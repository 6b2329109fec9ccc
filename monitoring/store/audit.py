"""Who changed what by hand, when, and why? An append-only list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from model_store.bundles.bundle import ModelKey
from monitoring.store.database import Database
from monitoring.store.tables import audit

MAKE_BATCH: Final = "batch"
CLOSE_BATCH: Final = "close_batch"
FREEZE_BASELINE: Final = "freeze_baseline"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act of a person or a program on someone's behalf."""

    at: float
    who: str
    action: str
    model_key: ModelKey | None
    details: Mapping[str, object]


class AuditTable:
    """The list."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, *, at: float, who: str, action: str, model_key: ModelKey | None, details: Mapping[str, object]
    ) -> None:
        """Append one entry, for good."""
        with self._database.write(durable=True) as connection:
            insert_audit(connection, at=at, who=who, action=action, model_key=model_key, details=details)

    def list(self, *, model_key: ModelKey | None = None, limit: int = 100) -> tuple[AuditEntry, ...]:
        """Return the newest entries, newest first."""
        query = sa.select(audit).order_by(audit.c.id.desc()).limit(limit)
        if model_key is not None:
            query = query.where(audit.c.model_key == model_key)
        with self._database.read() as connection:
            return tuple(
                AuditEntry(
                    at=row.at, who=row.who, action=row.action, model_key=row.model_key, details=row.details
                )
                for row in connection.execute(query)
            )


def insert_audit(
    connection: sa.Connection,
    *,
    at: float,
    who: str,
    action: str,
    model_key: ModelKey | None,
    details: Mapping[str, object],
) -> None:
    """Append one entry inside a transaction that does what it says."""
    connection.execute(
        audit.insert().values(at=at, who=who, action=action, model_key=model_key, details=dict(details))
    )
