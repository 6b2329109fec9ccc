"""Where is the monitoring state, and what can be asked of it?"""

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from monitoring.clock import Clock
from monitoring.errors import StateUnavailable
from monitoring.store import schema, sqlite
from monitoring.store.alarms import AlarmsTable
from monitoring.store.announcements import AnnouncementsTable
from monitoring.store.audit import AuditTable
from monitoring.store.batches import BatchesTable
from monitoring.store.closing import ClosingStore
from monitoring.store.compaction import Compaction
from monitoring.store.counts import CountsTable
from monitoring.store.database import Database
from monitoring.store.deliveries import DeliveriesTable
from monitoring.store.detectors import DetectorsTable
from monitoring.store.erasure import ErasureTable
from monitoring.store.examples import ExamplesTable
from monitoring.store.item_leases import ItemLeasesTable
from monitoring.store.labelled import LabelledTable
from monitoring.store.labels import LabelsTable
from monitoring.store.lease import LeaseTable
from monitoring.store.promotions import PromotionsTable
from monitoring.store.proposals import ProposalsTable
from monitoring.store.retention import Retention
from monitoring.store.shadows import ShadowsTable
from monitoring.store.tables import leases

FILE: Final = "seamark.sqlite3"
LOCK: Final = "migrate.lock"


class Store:
    """The state of monitoring, by subject.

    Every method is one transaction and may block: never call one on an event loop. Any method raises
    StateUnavailable while the database cannot be used.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self.counts = CountsTable(database, clock)
        self.detectors = DetectorsTable(database, clock)
        self.announcements = AnnouncementsTable(database, clock)
        self.alarms = AlarmsTable(database, clock)
        self.examples = ExamplesTable(database)
        self.batches = BatchesTable(database)
        self.labels = LabelsTable(database)
        self.labelled = LabelledTable(database)
        self.item_leases = ItemLeasesTable(database)
        self.proposals = ProposalsTable(database)
        self.promotions = PromotionsTable(database)
        self.shadows = ShadowsTable(database)
        self.deliveries = DeliveriesTable(database)
        self.lease = LeaseTable(database, clock)
        self.closing = ClosingStore(database, clock)
        self.retention = Retention(database)
        self.compaction = Compaction(database)
        self.audit = AuditTable(database)
        self.erasure = ErasureTable(database, clock)

    @property
    def location(self) -> str:
        """Where the state is, for messages."""
        return self._database.location

    def check_writable(self) -> None:
        """Raise StateUnavailable if this process may read the state and not write it; change nothing."""
        with self._database.write(durable=False) as connection:
            # SQLite begins a writing transaction on a file that it may only read.
            connection.execute(leases.update().values(name=leases.c.name))
            connection.rollback()

    def lag(self) -> float:
        """Return for how many seconds the watcher has not kept up: cheap, for a worker's metric."""
        return self.lease.lag()

    def close(self) -> None:
        """Close every connection; the store must not be used afterwards."""
        self._database.close()


def open_store(location: Path | str, *, clock: Clock) -> Store:
    """Open the state in a directory on a local disk, making and migrating it as needed.

    Raises
    ------
    StateNewer
        A newer version of Seamark wrote it.
    StateUnavailable
        It cannot be opened; the reason says what to do.
    """
    name = str(location)
    if "://" in name:
        raise StateUnavailable(
            _without_password(name),
            "only a directory on a local disk is supported yet; set SEAMARK_STATE to one",
        )
    directory = Path(location)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # texts of items are in it
    except OSError as error:
        raise StateUnavailable(name, f"cannot make the directory: {error.strerror}") from error
    engine = sqlite.create_engine(directory / FILE, now=clock.now)
    try:
        schema.migrate(engine, location=name, lock=directory / LOCK)
    except sa.exc.DBAPIError as error:
        engine.dispose()
        raise StateUnavailable(name, sqlite.reason(error)) from error
    except OSError as error:
        engine.dispose()
        raise StateUnavailable(name, f"cannot lock it: {error.strerror}") from error
    except StateUnavailable:
        engine.dispose()
        raise
    return Store(Database(engine, name), clock)


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
