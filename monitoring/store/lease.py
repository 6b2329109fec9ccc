"""Which of the watchers works now, and is any of them keeping up?"""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from monitoring.clock import Clock
from monitoring.store.database import Database, database_now
from monitoring.store.tables import leases, workers

WATCHER: Final = "watcher"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to close buckets; `epoch` grows with every change of hands, and fences off older ones."""

    holder: str
    epoch: int


@dataclass(frozen=True, slots=True)
class LeaseStatus:
    """Who holds the lease and until when, and when the next bucket is due; UTC epoch seconds."""

    holder: str
    epoch: int
    expires_at: float
    on_time_until: float | None


class LeaseTable:
    """The one lease row."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def acquire(self, holder: str, *, seconds: float) -> Lease | None:
        """Take or renew the lease for so many seconds of the database's clock; None when another holds it."""
        now = database_now()
        with self._database.write(durable=True) as connection:
            row = connection.execute(
                sa.select(leases.c.holder, leases.c.epoch, (leases.c.expires_at > now).label("held")).where(
                    leases.c.name == WATCHER
                )
            ).one_or_none()
            if row is None:
                connection.execute(
                    leases.insert().values(
                        name=WATCHER, holder=holder, epoch=1, expires_at=now + seconds, on_time_until=None
                    )
                )
                return Lease(holder, 1)
            if row.held and row.holder != holder:
                return None
            epoch = row.epoch if row.held else row.epoch + 1
            connection.execute(
                leases.update()
                .where(leases.c.name == WATCHER)
                .values(holder=holder, epoch=epoch, expires_at=now + seconds)
            )
            return Lease(holder, epoch)

    def release(self, lease: Lease) -> None:
        """Give the lease back, so that another takes over at once; one that is lost already stays so."""
        with self._database.write(durable=True) as connection:
            connection.execute(
                leases.update().where(*_is(lease)).values(expires_at=database_now(), epoch=leases.c.epoch + 1)
            )

    def caught_up(self, lease: Lease, *, until: float) -> None:
        """Record that everything due is closed, and that nothing more is due before `until`."""
        with self._database.write(durable=False) as connection:
            connection.execute(leases.update().where(*_is(lease)).values(on_time_until=until))

    def status(self) -> LeaseStatus | None:
        """Return the lease row; None when no watcher ever ran."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(leases).where(leases.c.name == WATCHER)).one_or_none()
        if row is None:
            return None
        return LeaseStatus(
            holder=row.holder, epoch=row.epoch, expires_at=row.expires_at, on_time_until=row.on_time_until
        )

    def lag(self) -> float:
        """Return how late the watcher is with closing a bucket, in seconds; 0 when it is on time.

        Counted from the first flush when no watcher ever closed one.
        """
        with self._database.read() as connection:
            since = connection.scalar(sa.select(leases.c.on_time_until).where(leases.c.name == WATCHER))
            if since is None:
                since = connection.scalar(sa.select(sa.func.min(workers.c.first_flush_at)))
        return 0.0 if since is None else max(0.0, self._clock.now() - since)


def holds(connection: sa.Connection, lease: Lease) -> bool:
    """Return whether the lease has not changed hands; expiry alone does not matter while nobody took it."""
    return connection.scalar(sa.select(leases.c.epoch).where(*_is(lease)).with_for_update()) is not None


def _is(lease: Lease) -> tuple[sa.ColumnElement[bool], ...]:
    return leases.c.name == WATCHER, leases.c.holder == lease.holder, leases.c.epoch == lease.epoch
