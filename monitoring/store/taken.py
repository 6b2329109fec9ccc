"""Which items need no second look, since they are labelled or in a batch already?"""

from typing import Final

import sqlalchemy as sa

from monitoring.store import codec
from monitoring.store.tables import batch_items, batches
from monitoring.waves.taken import Taken

MOST_REMEMBERED: Final = 50_000
MOST_COMPARED: Final = 4_000  # of them with their texts


def read_taken(connection: sa.Connection, *, since: float = 0.0) -> Taken:
    """Return what must not be handed out again: open items, and the newest labelled ones.

    What was drawn is told of batches made `since` then, UTC epoch seconds.
    """
    told = connection.execute(
        sa.select(batches.c.batch_id, batches.c.manifest).where(batches.c.created_at >= since)
    ).all()
    # An audit draws by what the model says: to pass over its draws would leave no sample.
    plain = {row.batch_id for row in told if row.manifest.get("mode") != "audit"}
    rows = connection.execute(
        sa.select(
            batch_items.c.batch_id,
            batch_items.c.rank,
            batch_items.c.key,
            batch_items.c.signature,
            batch_items.c.stratum,
            batch_items.c.at,
            batch_items.c.text,
        )
        .join(batches, batches.c.batch_id == batch_items.c.batch_id)
        .where(batch_items.c.state.in_(("open", "labelled")))
        .order_by(batches.c.created_at.desc(), batch_items.c.batch_id, batch_items.c.rank)
        .limit(MOST_REMEMBERED)
    ).all()
    return Taken(
        keys=frozenset(row.key for row in rows),
        signatures=codec.signatures([row.signature for row in rows if row.signature is not None]),
        signed_keys=tuple(row.key for row in rows if row.signature is not None),
        places={row.key: (row.batch_id, row.rank) for row in reversed(rows)},
        drawn=frozenset(
            (row.key, row.at) for row in rows if row.stratum == "exploration" and row.batch_id in plain
        ),
        carried=frozenset(
            each["priority"]
            for row in told
            if row.batch_id in plain
            for each in row.manifest.get("draws_taken", ())
            if "priority" in each
        ),
        contents={row.key: row.text for row in reversed(rows) if row.text is not None},
        texts=tuple(row.text for row in rows[:MOST_COMPARED] if row.text is not None),
    )
