"""Two real processes on one file."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np

from monitoring.clock import ManualClock, SystemClock
from monitoring.recording.recorder import SCORE_BINS, Sealed
from monitoring.store import open_store

ROOT: Final = Path(__file__).parents[3]
FLUSHES: Final = 40


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
    # As a script: by its module's name a child may meet another package called `tests`.
    command = [sys.executable, "-P", __file__, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    processes = [subprocess.Popen([*command, worker], env=environment) for worker in ("a", "b")]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    store = open_store(tmp_path, clock=ManualClock())
    assert store.counts.total("mail@1").sum() == 2 * FLUSHES
    entries = store.audit.list(limit=1_000)
    assert sorted((entry.who, entry.details["seq"]) for entry in entries) == [
        (worker, seq) for worker in ("a", "b") for seq in range(1, FLUSHES + 1)
    ]
    store.close()


if __name__ == "__main__":
    hammer(*sys.argv[1:])
