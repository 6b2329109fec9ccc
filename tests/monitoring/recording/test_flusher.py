"""What is submitted reaches the store exactly once, through failures before and after its commit."""

import threading
from collections.abc import Callable
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.clock import ManualClock
from monitoring.errors import StateUnavailable
from monitoring.recording.flusher import LAST_RETRY_SECONDS, Flusher
from monitoring.recording.recorder import SCORE_BINS, Sealed
from monitoring.recording.reservoir import Candidate
from monitoring.store import open_store

START = 1_700_000_000.0


class Sink:
    """Keeps flushes in a list, and fails as it is told: before or after it has kept one."""

    def __init__(self, *plan: str) -> None:
        self.kept: dict[int, Sealed] = {}
        self.tried: list[tuple[int, Sealed]] = []
        self.plan = list(plan)

    def flush(self, worker_id: str, seq: int, sealed: Sealed) -> bool:
        """Keep one flush once, failing before or after as planned."""
        assert worker_id == "worker"
        self.tried.append((seq, sealed))
        step = self.plan.pop(0) if self.plan else "ok"
        if step == "before":
            raise StateUnavailable("state", "away")
        if step == "broken":
            raise RuntimeError("a bug")
        new = seq not in self.kept
        self.kept.setdefault(seq, sealed)
        if step == "after":
            raise StateUnavailable("state", "the answer was lost")
        return new


def sealed(
    items: int,
    *,
    clock: ManualClock,
    model_key: str = "mail@1",
    candidates: int = 0,
    epoch: int | None = None,
) -> Sealed:
    """So many items of one class, sealed now."""
    counts = np.zeros((2, 3), np.int64)
    counts[0, 0] = items
    return Sealed(
        model_key=model_key,
        classes=("ham", "spam"),
        epoch=int(clock.now() // 600) if epoch is None else epoch,
        counts=counts,
        answers=counts,
        score_bins=np.zeros((2, SCORE_BINS), np.int64),
        source_counts={"other": items} if items else {},
        first_at=clock.now() - 0.5 if items else None,
        last_at=clock.now() if items else None,
        sealed_at=clock.now(),
        candidates=tuple(candidate(n, at=clock.now()) for n in range(candidates)),
        candidates_bytes=1_000 * candidates,
    )


def candidate(n: int, *, at: float) -> Candidate:
    """Some candidate."""
    return Candidate(
        key=f"{at}-{n}",
        item_id=None,
        source="other",
        text="hello",
        probabilities=np.array([0.5, 0.5], np.float32),
        label=0,
        decision=0,
        at=at,
        priority=0.5,
        kinds=frozenset({"random:other"}),
    )


@pytest.fixture
def clock() -> ManualClock:
    """Some afternoon."""
    return ManualClock(START)


@pytest.fixture
def failures() -> list[str]:
    """Stages that failed."""
    return []


@pytest.fixture
def make(clock: ManualClock, failures: list[str]) -> Callable[..., Flusher]:
    """Make a flusher on a sink; it has no thread unless started."""

    def build(sink: Sink, **options: object) -> Flusher:
        return Flusher(sink, "worker", clock=clock, on_failure=failures.append, **options)  # type: ignore[arg-type]

    return build


def test_a_failed_flush_is_retried_unchanged(
    make: Callable[..., Flusher], clock: ManualClock, failures: list[str]
) -> None:
    """The same number carries the same counts at every attempt; later seconds wait for the next number."""
    sink = Sink("before", "after", "before", "ok")
    flusher = make(sink)
    flusher.submit(sealed(3, clock=clock))
    assert not flusher.flush_once()
    flusher.submit(sealed(4, clock=clock))
    assert [flusher.flush_once() for _ in range(4)] == [False, False, True, True]
    assert [(seq, each.items) for seq, each in sink.tried] == [(1, 3), (1, 3), (1, 3), (1, 3), (2, 4)]
    assert failures == ["flush"] * 3


def test_seconds_merge_while_the_store_is_away(make: Callable[..., Flusher], clock: ManualClock) -> None:
    """An outage of two minutes costs one flush in flight and one that waits."""
    sink = Sink(*["before"] * 120)
    flusher = make(sink)
    for _ in range(120):
        flusher.submit(sealed(1, clock=clock))
        flusher.flush_once()
        clock.advance(1)
    while not flusher.drained():
        assert flusher.flush_once()
    assert [each.items for each in sink.kept.values()] == [1, 119]


def test_models_and_epochs_are_not_merged(make: Callable[..., Flusher], clock: ManualClock) -> None:
    """Each flush is of one model and one epoch, in the order of what was submitted."""
    sink = Sink("before")
    flusher = make(sink)
    flusher.submit(sealed(1, clock=clock))
    flusher.flush_once()
    flusher.submit(sealed(2, clock=clock))
    flusher.submit(sealed(3, clock=clock, model_key="mail@2"))
    flusher.submit(sealed(4, clock=clock, model_key="mail@2", epoch=int(START // 600) + 1))
    while not flusher.drained():
        flusher.flush_once()
    assert [(each.model_key, each.items) for each in sink.kept.values()] == [
        ("mail@1", 1),
        ("mail@1", 2),
        ("mail@2", 3),
        ("mail@2", 4),
    ]


def test_empty_seconds_are_not_flushed(make: Callable[..., Flusher], clock: ManualClock) -> None:
    """A worker without traffic writes nothing, and its lag stays small."""
    sink = Sink()
    flusher = make(sink)
    for _ in range(5):
        clock.advance(1)
        flusher.submit(sealed(0, clock=clock))
        assert flusher.flush_once()
    assert sink.tried == []
    assert flusher.lag_seconds() == 0.0


def test_lag_is_the_age_of_the_oldest_item_a_kill_would_lose(
    make: Callable[..., Flusher], clock: ManualClock
) -> None:
    """It grows while the store is away, from the first item not stored, and falls when it is back."""
    sink = Sink("before", "before")
    flusher = make(sink)
    flusher.submit(sealed(1, clock=clock))
    flusher.flush_once()
    clock.advance(30)
    flusher.submit(sealed(1, clock=clock))
    flusher.flush_once()
    assert flusher.lag_seconds() == 30.5
    flusher.flush_once()
    assert flusher.lag_seconds() == 30.0
    flusher.flush_once()
    assert flusher.lag_seconds() == 0.0


def test_a_bug_in_the_store_is_counted_and_loses_nothing(
    make: Callable[..., Flusher], clock: ManualClock, failures: list[str]
) -> None:
    """Whatever a flush raises, the worker's counts wait for the next attempt."""
    sink = Sink("broken")
    flusher = make(sink)
    flusher.submit(sealed(2, clock=clock))
    assert [flusher.flush_once(), flusher.flush_once()] == [False, True]
    assert failures == ["flush"]
    assert sink.kept[1].items == 2


def test_candidates_that_the_store_cannot_take_do_not_stop_the_counts(
    make: Callable[..., Flusher], clock: ManualClock
) -> None:
    """After a few refusals that are not an outage the counts go alone, and say so."""
    sink = Sink(*["broken"] * 5)
    flusher = make(sink)
    flusher.submit(sealed(2, clock=clock, candidates=3))
    assert [flusher.flush_once() for _ in range(6)] == [False] * 5 + [True]
    assert (sink.kept[1].items, sink.kept[1].candidates, sink.kept[1].candidates_lost) == (2, (), 3)


def test_an_outage_costs_no_candidates(make: Callable[..., Flusher], clock: ManualClock) -> None:
    """However long the store is away, what is in flight stays as it was sealed."""
    sink = Sink(*["before"] * 50)
    flusher = make(sink)
    flusher.submit(sealed(2, clock=clock, candidates=3))
    while not flusher.flush_once():
        clock.advance(30)
    assert len(sink.kept[1].candidates) == 3


def test_few_long_candidates_are_given_up_as_many_short_ones_are(
    make: Callable[..., Flusher], clock: ManualClock
) -> None:
    """Bytes are bounded beside the number, are known, and what was given up is counted."""
    flusher = make(Sink(*["before"] * 10), max_pending_bytes=25_000)
    for epoch in range(6):
        flusher.submit(sealed(2, clock=clock, candidates=10, epoch=epoch))
        flusher.flush_once()
    assert flusher.pending_bytes() == 30_000  # one flush in flight, two that wait
    assert flusher.given_up == 30


def test_memory_is_bounded_by_giving_candidates_up_and_never_counts(
    make: Callable[..., Flusher], clock: ManualClock
) -> None:
    """After days without a store the counts are complete, and epochs that lost candidates say so."""
    sink = Sink(*["before"] * 500)
    flusher = make(sink, max_pending_candidates=50)
    for _ in range(500):
        flusher.submit(sealed(2, clock=clock, candidates=10))
        flusher.flush_once()
        clock.advance(600)
    while not flusher.drained():
        flusher.flush_once()
    kept = list(sink.kept.values())
    assert sum(each.items for each in kept) == 1_000
    assert len(kept) <= 8
    assert sum(len(each.candidates) + each.candidates_lost for each in kept) == 5_000
    assert sum(len(each.candidates) for each in kept) <= 60
    assert all(not each.candidates for each in kept if each.candidates_lost)


def test_retries_back_off(clock: ManualClock, failures: list[str]) -> None:
    """The waits double up to half a minute; the sleeper is the test's."""
    waits: list[float] = []
    sink = Sink(*["before"] * 9)

    def wait(seconds: float | None) -> None:
        if seconds is not None:
            waits.append(seconds)
            clock.advance(seconds)

    flusher = Flusher(sink, "worker", clock=clock, on_failure=failures.append, wait=wait)
    flusher.submit(sealed(1, clock=clock))
    assert flusher.close(timeout=1_000)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0] + [LAST_RETRY_SECONDS] * 3


def test_closing_gives_up_at_its_timeout(clock: ManualClock, failures: list[str]) -> None:
    """A store that stays away does not hold a process up for ever; what is lost is said."""

    def wait(seconds: float | None) -> None:
        clock.advance(seconds or 0.0)

    flusher = Flusher(Sink(*["before"] * 99), "worker", clock=clock, on_failure=failures.append, wait=wait)
    flusher.submit(sealed(1, clock=clock))
    assert not flusher.close(timeout=10)
    assert clock.now() == START + 10


def test_the_thread_flushes_what_is_submitted_and_ends_when_closed(
    make: Callable[..., Flusher], clock: ManualClock
) -> None:
    """With its own thread: everything submitted before close is in the store after it."""
    sink = Sink()
    flusher = make(sink)
    flusher.start()
    for _ in range(50):
        flusher.submit(sealed(1, clock=clock))
    assert flusher.close(timeout=30)
    assert sum(each.items for each in sink.kept.values()) == 50
    assert "seamark-flush" not in {thread.name for thread in threading.enumerate()}


@settings(max_examples=15, deadline=None)
@given(
    requests=st.lists(
        st.tuples(st.sampled_from(["mail@1", "mail@2"]), st.integers(0, 9)), min_size=1, max_size=12
    ),
    plan=st.lists(st.sampled_from(["ok", "before", "after"]), max_size=24),
)
def test_the_store_counts_every_item_exactly_once(requests: list[tuple[str, int]], plan: list[str]) -> None:
    """Invariant 1: through failures before and after the commit, retries, and a SIGTERM's last flush."""
    clock = ManualClock(START)
    directory = TemporaryDirectory()
    store = open_store(directory.name, clock=clock)

    class Unreliable(Sink):
        def flush(self, worker_id: str, seq: int, sealed: Sealed) -> bool:
            step = self.plan.pop(0) if self.plan else "ok"
            if step == "before":
                raise StateUnavailable("state", "away")
            stored = store.counts.flush(worker_id, seq, sealed)
            if step == "after":
                raise StateUnavailable("state", "the answer was lost")
            return stored

    flusher = Flusher(
        Unreliable(*plan),
        "worker",
        clock=clock,
        on_failure=lambda _stage: None,
        wait=lambda seconds: clock.advance(seconds or 0.0),
    )
    for model_key, items in requests:
        flusher.submit(sealed(items, clock=clock, model_key=model_key))
        flusher.flush_once()
        clock.advance(200)
    assert flusher.close(timeout=10_000)
    for model_key in store.counts.models():
        expected = sum(items for key, items in requests if key == model_key)
        assert store.counts.total(model_key).sum() == expected
    assert set(store.counts.models()) == {key for key, items in requests if items}
    store.close()
    directory.cleanup()
