"""A process that leases, labels and closes is killed at any moment, two hundred times over."""

import json
import multiprocessing
import random
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path

import pytest

from monitoring.clock import SystemClock
from monitoring.store import open_store
from monitoring.store.state import FILE
from tests.support.doomed import work

pytestmark = pytest.mark.slow

KILLS = 200
# None may be true at any moment; each names what would be broken.
VIOLATIONS = {
    "half a batch": "SELECT batch_id FROM batches b WHERE size <> "
    "(SELECT count(*) FROM batch_items i WHERE i.batch_id = b.batch_id)",
    "an item in two open batches": "SELECT key FROM batch_items WHERE state = 'open' "
    "GROUP BY key HAVING count(*) > 1",
    "an open item of a closed batch": "SELECT key FROM batch_items JOIN batches USING (batch_id) "
    "WHERE batches.state = 'closed' AND batch_items.state = 'open'",
    "more holders than places": "SELECT key FROM item_leases JOIN batches USING (batch_id) "
    "GROUP BY batch_id, key HAVING count(*) > max(overlap) OR max(place) >= max(overlap)",
    "a holder of what they labelled": "SELECT key FROM item_leases h JOIN labels l USING (batch_id, key) "
    "WHERE h.holder = l.annotator",
    "an annotation twice": "SELECT key FROM labels GROUP BY batch_id, key, annotation_id HAVING count(*) > 1",
    "a settled item without a word": "SELECT key FROM batch_items i WHERE state = 'labelled' AND NOT EXISTS "
    "(SELECT 1 FROM labels l WHERE l.batch_id = i.batch_id AND l.key = i.key)",
    "an item open after all spoke": "SELECT key FROM labels JOIN batch_items i USING (batch_id, key) "
    "JOIN batches USING (batch_id) WHERE i.state = 'open' "
    "GROUP BY batch_id, key HAVING count(DISTINCT annotator) >= max(overlap)",
}


def kill_one(state: Path, notes: Path, *, seed: int, after_seconds: float) -> None:
    """Start a labeler, let it work until it has a label acknowledged and then this long, and kill it."""
    before = notes.stat().st_size
    # Forked, it works within milliseconds; nothing of this process is open that it could break.
    labeler = multiprocessing.get_context("fork").Process(target=work, args=(state, notes, seed))
    labeler.start()
    while notes.stat().st_size == before and labeler.is_alive():
        time.sleep(0.001)
    time.sleep(after_seconds)
    labeler.kill()
    labeler.join()
    assert labeler.exitcode == -signal.SIGKILL


def test_two_hundred_kills_lose_no_label_and_double_none(tmp_path: Path) -> None:
    """What was acknowledged is there once, as it was said; every moment's state is whole."""
    state, notes = tmp_path / "state", tmp_path / "acknowledged"
    notes.touch()
    open_store(state, clock=SystemClock()).close()
    rng = random.Random(7)
    for kill in range(KILLS):
        kill_one(state, notes, seed=kill, after_seconds=rng.uniform(0.0, 0.03))
        with sqlite3.connect(state / FILE) as raw:
            broken = {name: raw.execute(query).fetchall() for name, query in VIOLATIONS.items()}
        raw.close()
        assert not {name: rows for name, rows in broken.items() if rows}, f"after kill {kill}"
    with sqlite3.connect(state / FILE) as raw:
        kept = Counter(raw.execute("SELECT batch_id, key, annotation_id, label FROM labels").fetchall())
        n_batches = raw.execute("SELECT count(*) FROM batches").fetchone()[0]
    raw.close()
    said = [tuple(json.loads(line)) for line in notes.read_bytes().splitlines() if line.endswith(b"]")]
    assert len(said) >= KILLS
    assert n_batches > KILLS / 20
    assert not [row for row in said if kept[row] != 1]
    assert set(kept.values()) == {1}
