"""How is an item erased, from every table and from what workers have not told yet?"""

from collections.abc import Mapping
from dataclasses import dataclass

from monitoring.clock import Clock
from monitoring.store.database import Database


@dataclass(frozen=True, slots=True)
class Erased:
    """What one erasure did.

    `digest` is what the tombstone keeps, `at` when the item was first erased, `removed` the rows changed now
    by table, those without any left out. `off_disk` tells whether the log was overwritten too.
    """

    digest: str
    at: float
    removed: Mapping[str, int]
    off_disk: bool


class ErasureTable:
    """Erases items for good, and knows how many were."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def erase(self, item_id: str, *, who: str, why: str) -> Erased:
        """Erase everything of an item; again and again with the same result."""
        raise NotImplementedError

    def count(self) -> int:
        """Return how many items were erased."""
        raise NotImplementedError
