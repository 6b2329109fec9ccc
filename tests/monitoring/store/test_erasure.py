"""An erased item is nowhere: not in a row, not in a byte of the file, and not when it comes again."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from monitoring.clock import ManualClock
from monitoring.recording.recorder import Sealed
from monitoring.recording.reservoir import Candidate
from monitoring.store import Load, NewBatch, Span, Store, erasure, tables
from monitoring.store.tables import METADATA
from monitoring.waves.batches import BatchItem
from monitoring.waves.labels import LabelRow

ROOMY = Load(10**6, 10**6)
MANIFEST = {"classes": ["ham", "spam"], "schema": 2, "left_out": [{"key": "item-007"}]}


def words_of(n: int) -> str:
    """A text that only this item has, of a few hundred bytes or several pages."""
    return f"canary-{n:03d} " * (20 if n % 3 else 900)


def items_of(candidates: Sequence[Candidate]) -> tuple[BatchItem, ...]:
    """The candidates as items of a batch."""
    return tuple(
        BatchItem(
            rank, one.key, one.item_id, one.source, one.text,
            "watched", "certainty", 1.0, 1, (0.25, 0.75), "spam", one.at,
        )
        for rank, one in enumerate(candidates, 1)
    )  # fmt: skip


def batch_of(candidates: Sequence[Candidate], name: str = "b1") -> NewBatch:
    """A batch about to be stored."""
    signatures = np.arange(64 * len(candidates), dtype=np.uint32).reshape(-1, 64)
    return NewBatch(name, None, "mail@1", "by_hand", 0.0, MANIFEST, items_of(candidates), signatures)


@pytest.fixture
def filled(
    store: Store, seal: Callable[..., Sealed], candidate: Callable[..., Candidate]
) -> tuple[Candidate, ...]:
    """Sixty candidates, a batch of them, half of it labelled, and a word about one in the audit."""
    pool = tuple(candidate(f"item-{n:03d}", text=words_of(n), priority=n / 60) for n in range(60))
    store.counts.flush("worker-a", 1, seal([[60, 0, 0], [0, 0, 0]], candidates=pool))
    store.closing.add_by_hand(batch_of(pool), load=ROOMY, who="kim")
    rows = [
        LabelRow(key=one.key, label="spam", annotation_id=f"tool-{one.key}", annotator="kim", skipped=False)
        for one in pool[:30]
    ]
    store.labels.accept("b1", rows, at=0.0)
    store.audit.add(at=0.0, who="kim", action="look", model_key=None, details={"key": "item-007"})
    return pool


def everything(store: Store) -> str:
    """Every row of every table, as text."""
    with store._database.read() as connection:
        return "\n".join(
            repr(tuple(row)) for table in METADATA.sorted_tables for row in connection.execute(table.select())
        )


def on_disk(directory: Path) -> bytes:
    """Every byte of the state's files."""
    return b"".join(path.read_bytes() for path in sorted(directory.iterdir()) if path.is_file())


def test_an_erased_item_is_in_no_row_and_no_byte(
    store: Store, tmp_path: Path, filled: tuple[Candidate, ...]
) -> None:
    """Id, text and the tool's annotation id are gone from rows, indexes, free pages and the log at once."""
    gone = [7, 12, 33, 48]
    erased = store.erasure.erase([f"item-{n:03d}" for n in gone], who="ada", why="asked for")
    assert erased.off_disk
    assert erased.removed == {"audit": 1, "batch_items": 4, "batches": 1, "candidates": 4, "labels": 2}
    rows, raw = everything(store), on_disk(tmp_path / "state")
    for n in range(60):
        for word in (f"item-{n:03d}", f"canary-{n:03d}"):
            assert (word in rows, word.encode() in raw) == ((False, False) if n in gone else (True, True))


def test_overwriting_alone_is_not_enough(
    store: Store, tmp_path: Path, seal: Callable[..., Sealed], candidate: Callable[..., Candidate]
) -> None:
    """Where pages are merged, copies stay in the unused part of a page; written anew, the file has none."""
    rng = np.random.default_rng(3)
    pool = [
        candidate(f"{n}", text=f"canary-{n:05d} " * int(rng.choice([1, 3, 25, 200]))) for n in range(8_000)
    ]
    for at in range(0, len(pool), 50):
        store.counts.flush("w", at + 1, seal(candidates=pool[at : at + 50]))
    held = tables.candidates
    for _ in range(4):
        with store._database.write(durable=False) as connection:
            ids = list(connection.scalars(sa.select(held.c.id)))
            for row in rng.choice(ids, len(ids) // 5, replace=False).tolist():
                connection.execute(held.delete().where(held.c.id == row))
    with store._database.write(durable=False) as connection:
        connection.execute(held.update().values(text=None))
    assert store.retention.erase()
    assert b"canary-" in on_disk(tmp_path / "state")
    assert store.retention.erase(whole=True)
    assert b"canary-" not in on_disk(tmp_path / "state")


def test_what_was_counted_and_labelled_stays_under_an_alias(
    store: Store, filled: tuple[Candidate, ...]
) -> None:
    """The item keeps its row, label and weight, or every estimate from the batch would change."""
    before = store.batches.get("b1").items[7]
    store.erasure.erase(["item-007"], who="ada", why="asked for")
    after = store.batches.get("b1").items[7]
    assert after.key.startswith("erased:")
    assert (after.item_id, after.text) == (None, None)
    kept = ("label", "state", "stratum", "inclusion_probability", "dup_count", "predicted", "source")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
    (label,) = store.labels.of("b1")[after.key]
    assert (label.label, label.annotator) == ("spam", "kim")
    assert after.key in label.annotation_id
    assert store.counts.total("mail@1").sum() == 60


def test_a_label_under_the_erased_key_is_rejected(store: Store, filled: tuple[Candidate, ...]) -> None:
    """It comes from a file that was pulled before; who sent it is told, and nothing is stored."""
    store.erasure.erase(["item-040"], who="ada", why="asked for")
    late = LabelRow(key="item-040", label="spam", annotation_id="a", annotator="kim", skipped=False)
    receipt = store.labels.accept("b1", [late], at=1.0)
    assert (receipt.accepted, len(receipt.rejected)) == (0, 1)
    assert "item-040" not in everything(store)


def test_a_waiting_item_is_skipped_and_its_batch_may_close(
    store: Store, filled: tuple[Candidate, ...]
) -> None:
    """Nobody can label what is gone; with the last waiting item the batch is done."""
    waiting = [item.key for item in store.batches.get("b1").items if item.state == "open"]
    store.erasure.erase(waiting[:-1], who="ada", why="asked for")
    assert store.batches.get("b1").state == "open"
    store.erasure.erase(waiting[-1:], who="ada", why="asked for")
    assert store.batches.get("b1").state == "closed"


def test_erasing_again_changes_nothing(
    store: Store, clock: ManualClock, filled: tuple[Candidate, ...]
) -> None:
    """The tombstone keeps its first date, and one line of the audit tells of it, without the id."""
    first = store.erasure.erase(["item-007"], who="ada", why="asked for")
    clock.advance(60)
    second = store.erasure.erase(["item-007"], who="bob", why="again")
    assert (second.tombstones, second.removed) == (first.tombstones, {})
    assert store.erasure.count() == 1
    (entry,) = [each for each in store.audit.list() if each.action == "erase"]
    assert (entry.who, entry.details["why"]) == ("ada", "asked for")
    assert entry.details["tombstones"] == [first.tombstones[0].digest]


def test_what_no_worker_has_told_yet_is_not_kept(
    store: Store, tmp_path: Path, seal: Callable[..., Sealed], candidate: Callable[..., Candidate]
) -> None:
    """A flush that was sealed before, and a resend long after, count and leave no word of the item."""
    store.erasure.erase(["item-007", "caf\ud800"], who="ada", why="asked for")
    for seq, key in enumerate(("item-007", "caf\ud800"), 1):
        told = candidate(key, text=words_of(7))
        store.counts.flush("worker-a", seq, seal(candidates=[told]))
    assert store.counts.total("mail@1").sum() == 2
    assert "canary" not in everything(store)
    assert b"canary-007" not in on_disk(tmp_path / "state")


def test_an_erased_draw_stays_a_draw(store: Store, clock: ManualClock, filled: tuple[Candidate, ...]) -> None:
    """Without it the next occurrence would take its place, and no draw would have the chance it claims."""
    store.erasure.erase(["item-000", "item-059"], who="ada", why="asked for")
    epoch = int(clock.now() // 600)
    with store._database.write(durable=False) as connection:
        connection.execute(tables.candidates.update().values(bucket_seq=1))
    found = store.closing.read_wave(Span("mail@1", epoch, epoch, 1, None), at=clock.now()).population
    each = [found.columns.candidate(row) for row in range(len(found.columns))]
    assert sorted(one.priority for one in each) == [n / 60 for n in range(60)]
    blank = [one for one in each if one.priority in (0.0, 59 / 60)]
    assert {(one.text, one.item_id, one.label, one.probabilities.any()) for one in blank} == {
        (None, None, -1, False)
    }


def test_a_batch_chosen_before_an_erasure_is_stored_without_the_item(
    store: Store, tmp_path: Path, candidate: Callable[..., Candidate]
) -> None:
    """A wave is computed outside the transaction that stores it; the item may be erased in between."""
    pool = [candidate(f"item-{n:03d}", text=words_of(n)) for n in range(4)]
    store.erasure.erase(["item-001"], who="ada", why="asked for")
    store.closing.add_by_hand(batch_of(pool), load=ROOMY, who="kim")
    states = [(item.state, item.text is None) for item in store.batches.get("b1").items]
    assert states == [("open", False), ("skipped", True), ("open", False), ("open", False)]
    assert b"canary-001" not in on_disk(tmp_path / "state")


def test_an_id_that_is_also_a_class_takes_no_class_away(
    store: Store, seal: Callable[..., Sealed], candidate: Callable[..., Candidate]
) -> None:
    """Only fields that hold ids are looked at in what people and waves wrote."""
    named = candidate("spam", text="canary")
    store.counts.flush("worker-a", 1, seal(candidates=[named]))
    store.closing.add_by_hand(batch_of([named]), load=ROOMY, who="kim")
    store.erasure.erase(["spam"], who="ada", why="asked for")
    batch = store.batches.get("b1")
    assert (batch.classes, batch.items[0].predicted) == (("ham", "spam"), "spam")


def test_every_table_is_known_to_hold_items_or_not() -> None:
    """Whoever adds a table decides whether erasing an item has to reach it."""
    held = {"candidates", "batch_items", "labels", "item_leases"}
    assert held | {table.name for table in (*erasure.WRITTEN, *erasure.COUNTED)} == set(METADATA.tables)
