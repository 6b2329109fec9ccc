"""Opening the state, and what a database that cannot be used looks like."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from monitoring.clock import ManualClock
from monitoring.errors import StateNewer, StateUnavailable
from monitoring.recording.recorder import Sealed
from monitoring.recording.reservoir import Candidate
from monitoring.store import Store, open_store
from monitoring.store.schema import HEAD, MIGRATIONS
from monitoring.store.state import FILE, LOCK
from monitoring.store.tables import METADATA

ADDED = {  # by the migration that ends at this revision
    "0002": (
        ("candidates", "uncertainty"),
        ("batch_items", "predicted_names"),
        ("batch_items", "label_names"),
        ("labels", "label_names"),
    ),
    "0003": (
        ("flushes", "meters"),
        ("buckets", "meters"),
        ("models", "task"),
        ("models", "measures"),
        *(("alarms", f"{done}_{what}") for done in ("acknowledged", "false") for what in ("at", "by", "why")),
        ("alarms", "ended_by"),
        ("alarms", "findings"),
        ("alarms", "strongest"),
        ("alarms", "meaning"),
        ("detectors", "meaning"),
    ),
    "0006": (("models", "usual"),),
    "0004": (
        ("batches", "overlap"),
        ("labels", "adjudicated"),
        ("alarms", "ended_cause"),
        ("candidates", "simhash"),
    ),
}
TABLES_ADDED = {
    "0004": ("labeler_leases", "item_leases", "tombstones", "deliveries", "shadows", "proposals"),
    "0005": ("announcements",),
}


def test_opening_again_keeps_what_was_counted(
    tmp_path: Path, clock: ManualClock, seal: Callable[..., Sealed]
) -> None:
    """The state outlives the process that wrote it."""
    first = open_store(tmp_path, clock=clock)
    first.counts.flush("worker-a", 1, seal())
    first.close()
    second = open_store(tmp_path, clock=clock)
    assert second.counts.total("mail@1").sum() == 1
    second.close()


def test_migrations_end_at_the_tables(store: Store, tmp_path: Path) -> None:
    """The schema that the migrations make is the one that the queries are written against."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'state' / FILE}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_the_open_item_index_is_partial(store: Store, tmp_path: Path) -> None:
    """Only open items must be unique: an item may be labelled again in a later batch."""
    with sqlite3.connect(tmp_path / "state" / FILE) as raw:
        (made,) = raw.execute("SELECT sql FROM sqlite_master WHERE name = 'batch_items_open_key'").fetchone()
    raw.close()
    assert made.endswith("WHERE state = 'open'")


def test_a_newer_schema_is_refused_in_one_line(store: Store, tmp_path: Path, clock: ManualClock) -> None:
    """A database of a later version is neither read nor changed."""
    store.close()
    raw = sqlite3.connect(tmp_path / "state" / FILE)
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.commit()
    raw.close()
    with pytest.raises(StateNewer) as refused:
        open_store(tmp_path / "state", clock=clock)
    assert str(refused.value).endswith("schema 9999 is newer than 0006; upgrade seamark")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["postgresql://writer:secret@db/seamark", "postgresql+psycopg://writer:secret@db/seamark"]
)
def test_a_database_url_is_not_supported_yet(url: str, clock: ManualClock) -> None:
    """One line says what to set instead, and the password is not in it."""
    with pytest.raises(StateUnavailable, match="only a directory on a local disk") as refused:
        open_store(url, clock=clock)
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_database(tmp_path: Path, clock: ManualClock) -> None:
    """Something else under the state's name is left alone, and the reader told."""
    (tmp_path / FILE).write_bytes(b"not a database, but longer than a header of one hundred bytes" * 4)
    with pytest.raises(StateUnavailable, match="it is not a Seamark state file; move it away"):
        open_store(tmp_path, clock=clock)


def test_a_directory_that_cannot_be_made(tmp_path: Path, clock: ManualClock) -> None:
    """A file in the way of the directory is one clear line."""
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(StateUnavailable, match="cannot make the directory"):
        open_store(tmp_path / "state", clock=clock)


def test_a_full_disk_is_one_line(store: Store, tmp_path: Path, seal: Callable[..., Sealed]) -> None:
    """SQLite's limit on pages stands in for the disk: the flush fails as unavailable and can be repeated."""
    store.counts.flush("worker-a", 1, seal())
    with store._database._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.commit()
    big = seal([[1, 1, 1]] * 4000, classes=[f"class {k}" for k in range(4000)])
    with pytest.raises(StateUnavailable, match="free space on its disk"):
        store.counts.flush("worker-a", 2, big)
    assert store.counts.total("mail@1").sum() == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_directory_is_one_line(tmp_path: Path, clock: ManualClock) -> None:
    """A directory without the right to write says so."""
    directory = tmp_path / "state"
    directory.mkdir(mode=0o500)
    with pytest.raises(StateUnavailable, match=r"cannot lock it|writable"):
        open_store(directory, clock=clock)


def test_an_odd_text_is_stored_and_never_in_an_error(
    store: Store, seal: Callable[..., Sealed], candidate: Callable[..., Candidate]
) -> None:
    """Half a surrogate pair is replaced; what a failing statement held is not quoted."""
    odd = candidate("k", text="secret \ud800 text")
    assert store.counts.flush("worker-a", 1, seal(candidates=[odd]))
    nameless = replace(odd, key=None)  # type: ignore[arg-type]
    with pytest.raises(Exception) as failed:  # noqa: PT011 - whatever it is, it must not quote the text
        store.counts.flush("worker-a", 2, seal(candidates=[nameless]))
    assert "secret" not in str(failed.value)


def test_a_state_that_can_only_be_read_is_told(clock: ManualClock) -> None:
    """A file that another user left opens; only an attempt to write shows that nothing would count."""
    directory = Path(tempfile.mkdtemp(dir="/var/tmp"))
    user = os.geteuid()
    try:
        open_store(directory, clock=clock).close()
        (directory / FILE).chmod(0o444)
        directory.chmod(0o777)
        if user == 0:  # root may write anywhere
            os.seteuid(65_534)
        state = open_store(directory, clock=clock)
        with pytest.raises(StateUnavailable, match="make the directory writable"):
            state.check_writable()
        state.close()
    finally:
        os.seteuid(user)
        shutil.rmtree(directory)


def test_a_usual_start_does_without_alembic(store: Store, tmp_path: Path, clock: ManualClock) -> None:
    """The revision known here is the newest there is, so a current database needs no look at the scripts."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD
    (tmp_path / "state" / LOCK).unlink()
    open_store(tmp_path / "state", clock=clock).close()
    assert not (tmp_path / "state" / LOCK).exists()


@pytest.mark.parametrize("revision", ["0001", "0002", "0003", "0004", "0005"])
def test_a_state_of_an_earlier_release_is_brought_up_to_date(
    tmp_path: Path,
    clock: ManualClock,
    seal: Callable[..., Sealed],
    candidate: Callable[..., Candidate],
    revision: str,
) -> None:
    """Counts, batches and labels stay; what was stored before has no meters, and its models had one label."""
    first = open_store(tmp_path, clock=clock)
    first.counts.flush("worker-a", 1, seal(candidates=[candidate("k")]))
    first.close()
    with sqlite3.connect(tmp_path / FILE) as raw:
        for table in [each for at, added in TABLES_ADDED.items() if at > revision for each in added]:
            raw.execute(f"DROP TABLE {table}")
        for table, column in [each for at, added in ADDED.items() if at > revision for each in added]:
            raw.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        raw.execute("UPDATE alembic_version SET version_num = ?", [revision])
    raw.close()
    second = open_store(tmp_path, clock=clock)
    assert second.counts.total("mail@1").sum() == 1
    second.counts.flush("worker-a", 2, seal(candidates=[candidate("l")]))
    with second._database.read() as connection:
        found = connection.execute(sa.text("SELECT key, uncertainty FROM candidates ORDER BY id")).all()
    assert [tuple(row) for row in found] == [("k", None), ("l", None)]
    model = second.counts.model("mail@1")
    assert (model.classes, model.task, model.measures) == (("ham", "spam"), "multiclass", {})
    second.close()
