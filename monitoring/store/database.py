"""How does a piece of the store get a transaction, and what does a failing database look like to it?"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from monitoring.errors import StateUnavailable
from monitoring.store import sqlite

Part = TypeVar("Part")


class database_now(FunctionElement[float]):  # noqa: N801 - an SQL function, named as one
    """UTC epoch seconds by the database's clock: leases of several machines compare one clock only."""

    type = sa.Double()
    inherit_cache = True
    name = "seamark_now"


@compiles(database_now)
def _seamark_now(_element: database_now, _compiler: Any, **_options: Any) -> str:
    return "seamark_now()"


@compiles(database_now, "postgresql")
def _clock_timestamp(_element: database_now, _compiler: Any, **_options: Any) -> str:
    return "extract(epoch FROM clock_timestamp())"


class Database:
    """Transactions on the state's database; every failure of it is a `StateUnavailable`."""

    def __init__(self, engine: sa.Engine, location: str) -> None:
        self.location = location
        self._engine = engine

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Open a transaction that sees one consistent state and changes nothing."""
        with self._transaction("read") as connection:
            yield connection

    @contextmanager
    def write(self, *, durable: bool) -> Iterator[sa.Connection]:
        """Open a writing transaction; a durable one survives a power cut once it is committed."""
        with self._transaction("durable" if durable else "write") as connection:
            yield connection

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[sa.Connection]:
        try:
            with (
                self._engine.connect().execution_options(**{sqlite.BEGIN: kind}) as connection,
                connection.begin(),
            ):
                yield connection
        except sa.exc.IntegrityError:
            raise
        except sa.exc.DBAPIError as error:
            raise StateUnavailable(self.location, sqlite.reason(error)) from error
        except sa.exc.TimeoutError as error:
            raise StateUnavailable(self.location, "every connection is busy; try again") from error

    def empty_log(self) -> bool:
        """Take every committed change into the file and empty the log; False while a reader needs it."""
        with self._transaction("none") as connection:
            busy: int = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
        return not busy

    def rewrite(self) -> bool:
        """Write the file anew and empty the log; False when that has to be tried again.

        Overwriting what is deleted is not enough: where pages are split or merged, copies of rows stay in
        the unused part of a page, 27 of 20,000 texts in a measurement.
        """
        try:
            with self._transaction("none") as connection:
                sqlite.rewrite(connection)
            return self.empty_log()
        except StateUnavailable:
            return False

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def in_parts(ids: Sequence[Part], size: int = 500) -> list[Sequence[Part]]:
    """Split ids so that no statement exceeds a database's limit of parameters."""
    return [ids[at : at + size] for at in range(0, len(ids), size)]
