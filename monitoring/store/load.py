"""How much work do the labelers have, of all that was asked of them?"""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from monitoring.store.tables import batches

SECONDS_PER_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Load:
    """How much work the labelers have: open batches, and labels asked for since midnight UTC."""

    open_batches: int
    items_today: int


def read_load(connection: sa.Connection, *, now: float) -> Load:
    """Return how much work is out."""
    midnight = now // SECONDS_PER_DAY * SECONDS_PER_DAY
    open_batches = connection.scalar(
        sa.select(sa.func.count()).select_from(batches).where(batches.c.state == "open")
    )
    items = connection.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(batches.c.size * batches.c.overlap), 0)).where(
            batches.c.created_at >= midnight
        )
    )
    return Load(open_batches=int(open_batches or 0), items_today=int(items or 0))
