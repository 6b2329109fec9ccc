"""The candidates in a store, as objects."""

import sqlalchemy as sa

from monitoring.recording.candidate import Candidate
from monitoring.store import Store, tables
from monitoring.store.candidates import read_candidate


def candidates_in(store: Store) -> list[Candidate]:
    """Return all of them, with the kinds of slots they are in."""
    with store._database.read() as connection:
        return [read_candidate(row) for row in connection.execute(sa.select(tables.candidates))]
