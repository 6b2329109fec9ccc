"""Near-duplicates leave the certainty slots when a bucket closes; nothing a wave could choose is lost."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring.clock import ManualClock
from monitoring.detection.detector import DetectorConfig
from monitoring.recording.recorder import Sealed
from monitoring.recording.reservoir import Candidate
from monitoring.store import ClosedBucket, Closing, DetectorRow, Lease, Store, open_store
from monitoring.waves.simhash import alike, near, simhash
from tests.support.stored import candidates_in

TEMPLATE = (
    "dear customer your parcel {} is waiting at the depot in the harbour street please pay two euros today"
)


@pytest.fixture
def lease(store: Store) -> Lease:
    """A lease that outlives the test."""
    held = store.lease.acquire("one", seconds=1e9)
    assert held is not None
    return held


def close(store: Store, clock: ManualClock, lease: Lease) -> None:
    """Close the next bucket as the watcher does."""
    clock.advance(10)
    read = store.closing.read("mail@1", bucket_seconds=DetectorConfig().bucket_seconds)
    assert read is not None
    last = read.detector
    seq, revision = (1, 1) if last is None else (last.last_seq + 1, last.revision + 1)
    bucket = ClosedBucket(seq, read.stretch.start, read.stretch.end, "calm", 0.0, 9.0)
    row = DetectorRow(revision, seq, bucket.end, bucket.end, {}, {})
    thinning = store.closing.read_thinning(read)
    store.closing.commit(Closing(read, bucket, row, thinning=thinning), lease=lease)


def scored(candidate: Callable[..., Candidate], n: int, *, spam: float, kinds: Sequence[str]) -> Candidate:
    """A copy of the template with another number, of this probability."""
    p = np.array([1 - spam, spam], np.float32)
    one = candidate(f"k{n}", text=TEMPLATE.format(1000 + n), priority=n / 1_000)
    return replace(one, probabilities=p, kinds=frozenset(kinds))


def test_a_flood_of_one_template_leaves_its_best_and_every_draw(
    store: Store,
    clock: ManualClock,
    lease: Lease,
    seal: Callable[..., Sealed],
    candidate: Callable[..., Candidate],
) -> None:
    """Of 200 copies over four buckets the slots keep those that were the best when they came."""
    rng = np.random.default_rng(0)
    flood = [
        scored(
            candidate, n, spam=float(rng.random()), kinds=["top:spam", *(["random:other"] * (n % 10 == 0))]
        )
        for n in range(200)
    ]
    for part in range(4):
        pool = flood[part * 50 : part * 50 + 50]
        store.counts.flush("w", part + 1, seal([[50, 0, 0], [0, 0, 0]], candidates=pool))
        close(store, clock, lease)
    kept = candidates_in(store)
    certain = [one for one in kept if "top:spam" in one.kinds]
    assert len(certain) <= 12
    best = max(flood, key=lambda one: float(one.probabilities[1]))
    assert best.key in {one.key for one in certain}
    assert sorted(one.priority for one in kept if "random:other" in one.kinds) == [
        n / 1_000 for n in range(0, 200, 10)
    ]


def test_what_hides_behind_a_better_one_of_another_class_stays(
    store: Store,
    clock: ManualClock,
    lease: Lease,
    seal: Callable[..., Sealed],
    candidate: Callable[..., Candidate],
) -> None:
    """Each slot for itself: the copy that is more ham than the first keeps that slot and loses the other."""
    pool = [
        scored(candidate, 1, spam=0.9, kinds=["top:ham", "top:spam"]),
        scored(candidate, 2, spam=0.4, kinds=["top:ham", "top:spam"]),
    ]
    store.counts.flush("w", 1, seal(candidates=pool))
    close(store, clock, lease)
    assert {one.key: set(one.kinds) for one in candidates_in(store)} == {
        "k1": {"top:ham", "top:spam"},
        "k2": {"top:ham"},
    }


def test_texts_that_only_share_an_outcry_both_stay(
    store: Store,
    clock: ManualClock,
    lease: Lease,
    seal: Callable[..., Sealed],
    candidate: Callable[..., Candidate],
) -> None:
    """64 bits weigh what is repeated most, and only propose: the texts are compared before one goes."""
    texts = ["refund my card now" + "!" * 90, "where is the van" + "!" * 90]
    one, two = simhash(texts)
    assert near(one, np.array([two])).size == 1
    pool = [replace(candidate(text, text=text), kinds=frozenset({"top:spam"})) for text in texts]
    store.counts.flush("w", 1, seal(candidates=pool))
    close(store, clock, lease)
    assert len(candidates_in(store)) == 2


@pytest.mark.parametrize("text", [None, '{"amount": 12.5, "channel": "web"}'], ids=["none kept", "a row"])
def test_rows_of_tables_and_items_without_text_stay(
    store: Store,
    clock: ManualClock,
    lease: Lease,
    seal: Callable[..., Sealed],
    candidate: Callable[..., Candidate],
    text: str | None,
) -> None:
    """Two rows that differ in one number are two pieces of work, and ids say nothing of a likeness."""
    pool = [replace(candidate(f"k{n}", text=text), kinds=frozenset({"top:spam"})) for n in range(5)]
    store.counts.flush("w", 1, seal(candidates=pool))
    close(store, clock, lease)
    assert len(candidates_in(store)) == 5


def test_an_item_erased_between_reading_and_closing_stays_erased(
    store: Store,
    clock: ManualClock,
    lease: Lease,
    seal: Callable[..., Sealed],
    candidate: Callable[..., Candidate],
) -> None:
    """Neither its slot nor its 64 bits come back with the bucket that was computed before."""
    one = scored(candidate, 1, spam=0.9, kinds=["top:spam", "random:other"])
    store.counts.flush("w", 1, seal(candidates=[one]))
    clock.advance(10)
    read = store.closing.read("mail@1", bucket_seconds=DetectorConfig().bucket_seconds)
    assert read is not None
    thinning = store.closing.read_thinning(read)
    assert thinning.hashes
    store.erasure.erase([one.key], who="ada", why="asked for")
    bucket = ClosedBucket(1, read.stretch.start, read.stretch.end, "calm", 0.0, 9.0)
    row = DetectorRow(1, 1, bucket.end, bucket.end, {}, {})
    store.closing.commit(Closing(read, bucket, row, thinning=thinning), lease=lease)
    with store._database.read() as connection:
        (stored,) = connection.exec_driver_sql("SELECT text, simhash, kinds FROM candidates").all()
    assert tuple(stored) == (None, None, "random:other")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**20), cuts=st.sets(st.integers(1, 39), max_size=5))
def test_whatever_leaves_a_slot_has_a_better_copy_there(
    tmp_path_factory: pytest.TempPathFactory, seal: Callable[..., Sealed], seed: int, cuts: set[int]
) -> None:
    """However the stream is cut into buckets, and every random draw is left as it was."""
    clock = ManualClock(1_700_000_400.0)
    store = open_store(tmp_path_factory.mktemp("state"), clock=clock)
    lease = store.lease.acquire("one", seconds=1e9)
    assert lease is not None
    pool = _pool(seed, at=clock.now())
    edges = [0, *sorted(cuts), len(pool)]
    for seq, (start, end) in enumerate(pairwise(edges), 1):
        made = seal(candidates=pool[start:end])
        store.counts.flush("w", seq, replace(made, epoch=int(clock.now() // 600)))
        close(store, clock, lease)
    kept = candidates_in(store)
    by_key = {one.key: one for one in kept}
    for one in pool:
        stays = by_key[one.key].kinds if one.key in by_key else frozenset()
        assert {k for k in one.kinds if k.startswith("random:")} <= stays
        for kind in one.kinds - stays:
            column = ("ham", "spam").index(kind.partition(":")[2])
            assert any(
                kind in other.kinds
                and other.probabilities[column] >= one.probabilities[column]
                and alike(one.text or "", other.text or "")
                and near(simhash([one.text or ""])[0], simhash([other.text or ""])).size
                for other in kept
            )
    store.close()


def _pool(seed: int, *, at: float) -> list[Candidate]:
    """Forty candidates, most of them copies of five texts with other numbers in them."""
    rng = np.random.default_rng(seed)
    kinds = ["top:ham", "top:spam", "random:other"]
    made = []
    for n in range(40):
        spam = float(rng.integers(0, 5)) / 4  # ties
        words = (
            f"{TEMPLATE} {rng.integers(5)}"
            if rng.random() < 0.8
            else " ".join(rng.choice(list("abcdefg"), 40))
        )
        made.append(
            Candidate(
                key=f"k{n}",
                item_id=None,
                source="other",
                text=words.format(rng.integers(100)),
                probabilities=np.array([1 - spam, spam], np.float32),
                label=int(spam > 0.5),
                decision=0,
                at=at + n / 100,
                priority=float(rng.random()),
                kinds=frozenset(rng.choice(kinds, int(rng.integers(1, 4)), replace=False).tolist()),
            )
        )
    return made
