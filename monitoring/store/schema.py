"""Is the database's schema the one this version of Seamark writes, and how does it become so?"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from monitoring.errors import StateNewer

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def migrate(engine: sa.Engine, *, location: str, lock: Path) -> None:
    """Bring the schema to the newest revision; processes that start together do it one after another.

    Raises
    ------
    StateNewer
        The database carries a revision that this version does not know.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head() or ""
    if _revision(engine) == head:  # the usual start takes no lock
        return
    with _locked(lock):
        found = _revision(engine)
        if found is not None and found not in {each.revision for each in script.walk_revisions()}:
            raise StateNewer(location, found, head)
        with engine.connect() as connection, connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _revision(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
