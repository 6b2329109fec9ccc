"""Two real processes on one file."""

import multiprocessing
from pathlib import Path

import numpy as np

from monitoring.clock import ManualClock, SystemClock
from monitoring.recording.recorder import SCORE_BINS, Sealed
from monitoring.store import open_store

FLUSHES = 40


def hammer(directory: str, worker: str) -> None:
    """Open the state, which the other process may be making just now, and flush as fast as possible."""
    store = open_store(directory, clock=SystemClock())
    counts = np.zeros((2, 3), np.int64)
    counts[0, 0] = 1
    for seq in range(1, FLUSHES + 1):
        store.counts.flush(
            worker,
            seq,
            Sealed(
                model_key="mail@1",
                classes=("ham", "spam"),
                epoch=0,
                counts=counts,
                answers=counts,
                score_bins=np.zeros((2, SCORE_BINS), np.int64),
                source_counts={"other": 1},
                first_at=1.0,
                last_at=1.0,
                sealed_at=1.0,
            ),
        )
        # Read, then write, in one transaction: what a deferred BEGIN loses or refuses.
        store.lease.acquire("shared", seconds=1e9)
        store.audit.add(at=0.0, who=worker, action="flushed", model_key=None, details={"seq": seq})
    store.close()


def test_two_processes_lose_no_update(tmp_path: Path) -> None:
    """Both open, migrate and write one file at once; every flush and every entry is there afterwards."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=hammer, args=(str(tmp_path), worker)) for worker in ("a", "b")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
        assert process.exitcode == 0
    store = open_store(tmp_path, clock=ManualClock())
    assert store.counts.total("mail@1").sum() == 2 * FLUSHES
    entries = store.audit.list(limit=1_000)
    assert sorted((entry.who, entry.details["seq"]) for entry in entries) == [
        (worker, seq) for worker in ("a", "b") for seq in range(1, FLUSHES + 1)
    ]
    store.close()
