"""What does SQLite need to be a safe home for the state? Everything specific to it is here.

pysqlite's own transactions begin late and deferred: two writers that first read then both hold a snapshot,
and one of them fails at once with "database is locked" or, without a transaction, loses its update. So its
transaction handling is turned off and every writing transaction waits its turn with BEGIN IMMEDIATE.
Source: https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#serializable-isolation-savepoints-transactional-ddl
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 0.01
BEGIN: Final = "seamark_begin"  # execution option: "read" | "write" | "durable" | "none"
_LEVEL: Final = "seamark_synchronous"  # what a connection is set to, in its `info`


def create_engine(path: Path, *, now: Callable[[], float]) -> sa.Engine:
    """Return an engine on the file at `path` whose SQL function `seamark_now()` is `now`.

    The database runs inside the process, so the process's clock is the database's clock.
    """
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        hide_parameters=True,  # they hold texts of items, and errors are logged
    )

    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        raw: Any = connection
        raw.isolation_level = None
        raw.create_function("seamark_now", 0, now)
        # secure_delete: a text that was removed is overwritten, not left in a free page of the file.
        _write_ahead(raw)
        for pragma in ("foreign_keys=ON", "temp_store=MEMORY", "secure_delete=ON"):
            raw.execute(f"PRAGMA {pragma}").close()

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _write_ahead(raw: sqlite3.Connection) -> None:
    """Turn on the write-ahead log: SQLite refuses it at once while another process looks into a new file."""
    deadline = monotonic() + BUSY_TIMEOUT_SECONDS
    while True:
        try:
            raw.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() >= deadline:
                raise
            sleep(_RETRY_SECONDS)
        else:
            return


def _begin(connection: sa.Connection) -> None:
    kind = connection.get_execution_options().get(BEGIN, "write")
    if kind == "none":
        return
    if kind == "read":
        connection.exec_driver_sql("BEGIN")
        return
    # The level cannot be changed inside a transaction, so it is set just before, where it is another one.
    level = "FULL" if kind == "durable" else "NORMAL"
    if connection.info.get(_LEVEL) != level:
        connection.exec_driver_sql(f"PRAGMA synchronous={level}")
        connection.info[_LEVEL] = level
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def rewrite(connection: sa.Connection) -> None:
    """Write the file anew, outside a transaction; writers wait meanwhile, readers do not."""
    # In a file: the whole database would not fit into the memory of every process.
    connection.exec_driver_sql("PRAGMA temp_store=FILE")
    try:
        connection.exec_driver_sql("VACUUM")
    finally:
        connection.exec_driver_sql("PRAGMA temp_store=MEMORY")


def reason(error: sa.exc.DBAPIError) -> str:
    """Say in a few words what SQLite complains about, and what to do."""
    cause = error.orig
    text = str(cause)
    code = getattr(cause, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    advice = {
        sqlite3.SQLITE_FULL: "free space on its disk",
        sqlite3.SQLITE_READONLY: "make the directory writable for this user",
        sqlite3.SQLITE_PERM: "make the directory writable for this user",
        sqlite3.SQLITE_CANTOPEN: "check that the directory exists and is writable",
        sqlite3.SQLITE_BUSY: f"another process held it for over {BUSY_TIMEOUT_SECONDS:.0f} s",
        sqlite3.SQLITE_CORRUPT: "restore it from a backup",
        sqlite3.SQLITE_NOTADB: "it is not a Seamark state file; move it away",
        sqlite3.SQLITE_IOERR: "check its disk and the space left on it",
    }.get(primary if primary is not None else -1)
    return f"{text}; {advice}" if advice else text
