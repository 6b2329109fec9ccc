"""Is the database's schema the one this version of Seamark writes, and how does it become so?"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from monitoring.errors import StateNewer

MIGRATIONS: Final = Path(__file__).parent / "migrations"
HEAD: Final = "0006"


def migrate(engine: sa.Engine, *, location: str, lock: Path) -> None:
    """Bring the schema to the newest revision; processes that start together do it one after another.

    Raises
    ------
    StateNewer
        The database carries a revision that this version does not know.
    """
    if revision(engine) == HEAD:  # the usual start takes no lock, and spares every process 10 MB of alembic
        return
    with _locked(lock):
        _upgrade(engine, location=location)


def _upgrade(engine: sa.Engine, *, location: str) -> None:
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    # Alembic reports each step at INFO; a start that migrates is no news to an operator.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
    found = revision(engine)
    if found is not None and found not in known:
        raise StateNewer(location, found, HEAD)
    with engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def revision(engine: sa.Engine) -> str | None:
    """Return the revision that alembic's own table names; None in a database without one."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return found


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
