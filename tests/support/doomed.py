"""Leasing, labeling and closing without end: something to kill."""

import json
import os
import random
from pathlib import Path

from monitoring.clock import SystemClock
from monitoring.errors import BatchClosed
from monitoring.store import Store, open_store
from tests.support.labeling import put_batch, word

ITEMS = 12
PEOPLE = ("ann", "bo", "cy")


def work(directory: Path, acknowledged: Path, seed: int) -> None:
    """Lease, label, release and close without end; write down every label that was acknowledged."""
    rng = random.Random(seed)
    store = open_store(directory, clock=SystemClock())
    notes = os.open(acknowledged, os.O_WRONLY | os.O_APPEND)
    for number in range(1_000_000):
        who, lease = rng.choice(PEOPLE), f"{seed}-{number}"
        batch = _open_batch(store, lease)
        try:
            got = store.item_leases.lease(batch, lease_id=lease, who=who, size=4, seconds=0.05)
        except BatchClosed:
            continue
        items = () if got is None else got.items
        rows = [word(item.key, rng.choice(("ham", "spam", None)), who, lease=lease) for item in items]
        receipt = store.labels.accept(batch, rows, at=1.0)
        if receipt.accepted != len(rows):
            raise AssertionError(f"{receipt} for {len(rows)} rows")
        for row in rows:
            os.write(notes, json.dumps([batch, row.key, row.annotation_id, row.label]).encode() + b"\n")
        if got is not None and rng.random() < 0.2:
            store.item_leases.release(batch, lease)
        if rng.random() < 0.1:
            store.batches.close(batch, at=1.0, who="ops")


def _open_batch(store: Store, name: str) -> str:
    """Return the batch that waits for labels; make one, of the same items, when there is none."""
    for each in store.batches.list(limit=10):
        if each.state == "open":
            return each.id
    put_batch(store, name, [f"item {n}" for n in range(ITEMS)], overlap=2, at=SystemClock().now())
    return name
