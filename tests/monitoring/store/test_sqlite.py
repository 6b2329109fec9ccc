"""What SQLite does when several processes begin at once, and how durable a transaction is."""

import sqlite3
from pathlib import Path

import pytest

from monitoring.store import sqlite
from monitoring.store.sqlite import BEGIN, create_engine


def opened(path: Path) -> str:
    """Open the file as the store does; return its journal mode."""
    engine = create_engine(path, now=lambda: 0.0)
    try:
        with engine.connect() as connection:
            return str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())
    finally:
        engine.dispose()


def test_a_new_file_that_another_process_looks_into_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log cannot be turned on meanwhile, and SQLite does not wait for it by itself."""
    other = sqlite3.connect(tmp_path / "state", isolation_level=None)
    other.execute("CREATE TABLE t (x)")
    other.execute("BEGIN")
    other.execute("SELECT * FROM t").fetchall()
    waits: list[float] = []

    def leave(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            other.execute("COMMIT")

    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(sqlite, "sleep", leave)
    monkeypatch.setattr(sqlite, "monotonic", lambda: 0.0)
    assert opened(tmp_path / "state") == "wal"
    assert len(waits) == 3
    other.close()


def test_what_stays_locked_is_given_up_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time that everything else waits for a lock, too."""
    other = sqlite3.connect(tmp_path / "state", isolation_level=None)
    other.execute("CREATE TABLE t (x)")
    other.execute("BEGIN")
    other.execute("SELECT * FROM t").fetchall()
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0.05)
    with pytest.raises(Exception, match="database is locked"):
        opened(tmp_path / "state")
    other.close()


def test_every_transaction_is_as_durable_as_it_asks_for(tmp_path: Path) -> None:
    """Whatever the one before it on the same connection asked for, and after a new connection."""
    engine = create_engine(tmp_path / "state", now=lambda: 0.0)
    found = []
    for kind in ("write", "durable", "durable", "write", "read", "durable"):
        with engine.connect().execution_options(**{BEGIN: kind}) as connection, connection.begin():
            found.append(connection.exec_driver_sql("PRAGMA synchronous").scalar())
    normal, full = 1, 2
    assert [found[0], *found[1:4], found[5]] == [normal, full, full, normal, full]
    engine.dispose()
    with engine.connect().execution_options(**{BEGIN: "write"}) as connection, connection.begin():
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == normal
    engine.dispose()
