"""Batches made by hand, and words of their labelers, for tests of the store."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from monitoring.store import Load, NewBatch, Store
from monitoring.waves.batches import BatchItem, Stratum
from monitoring.waves.labels import LabelRow

NOON = 1_700_000_000.0 // 86_400 * 86_400 + 43_200
BUSY = Load(open_batches=9_999, items_today=9_999_999)


def put_batch(
    store: Store,
    batch_id: str,
    keys: Sequence[str],
    *,
    overlap: int = 1,
    strata: Mapping[str, Stratum] | None = None,
    at: float = NOON,
    model_key: str = "mail@1",
    **manifest: Any,
) -> None:
    """Store a batch of texts, drawn one in four unless `strata` says otherwise."""
    items = tuple(
        BatchItem(
            rank=rank,
            key=key,
            item_id=key,
            source="email" if rank % 2 else "chat",
            text=f"text of {key}",
            slice="explore",
            stratum=(strata or {}).get(key, "exploration"),
            inclusion_probability=0.25,
            dup_count=2,
            probabilities=(0.25, 0.75),
            predicted="spam",
            at=at,
        )
        for rank, key in enumerate(keys, start=1)
    )
    store.closing.add_by_hand(
        NewBatch(
            id=batch_id,
            alarm_id=None,
            model_key=model_key,
            reason="by_hand",
            created_at=at,
            manifest={"classes": ["ham", "spam"], **manifest},
            items=items,
            signatures=np.zeros((len(keys), 64), np.uint32),
            overlap=overlap,
        ),
        load=BUSY,
        who="ops",
    )


def word(
    key: str, label: str | None, who: str | None, *, lease: str | None = None, again: int = 0
) -> LabelRow:
    """Return what somebody says of an item; None skips it."""
    return LabelRow(key, label, f"{who} {lease} {again}", who, skipped=label is None, lease=lease)


def decision(key: str, label: str | None, who: str) -> LabelRow:
    """Return what an adjudicator says of an item."""
    return LabelRow(key, label, f"decided by {who}", who, skipped=label is None, adjudicated=True)
