"""The state becomes smaller, and no sum and no sample changes."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from monitoring.clock import ManualClock
from monitoring.detection.detector import DetectorConfig
from monitoring.detection.finding import Finding
from monitoring.recording.candidate import TOLD_TIMES
from monitoring.recording.ranking import Ranking
from monitoring.recording.recorder import Sealed
from monitoring.recording.reservoir import Candidate, draw_limit, merge, slots
from monitoring.store import (
    Alarm,
    ClosedBucket,
    Closing,
    DetectorRow,
    Lease,
    Population,
    Span,
    Store,
    compaction,
)
from monitoring.store.tables import alarms, candidates
from tests.support.stored import candidates_in

BATCH_SIZE = 20
CLASSES = ("ham", "spam")
USUAL = (0.7, 0.3)
RANKING = Ranking.of(CLASSES, USUAL)
AN_HOUR = 3_600 + 1_300


@pytest.fixture
def full_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """The epochs that have traffic are all of the day's: each has one reservoir's room."""
    monkeypatch.setattr(compaction, "EPOCHS_KEPT", 1)


@pytest.fixture
def lease(store: Store) -> Lease:
    """A lease that outlives the test."""
    held = store.lease.acquire("one", seconds=1e9)
    assert held is not None
    return held


@pytest.fixture
def close(store: Store, clock: ManualClock, lease: Lease) -> Callable[..., None]:
    """Close the next bucket, with an alarm if one is given."""

    def commit(raised: Alarm | None = None) -> None:
        read = store.closing.read("mail@1", bucket_seconds=DetectorConfig().bucket_seconds)
        assert read is not None
        seq = 1 if read.detector is None else read.detector.last_seq + 1
        revision = 1 if read.detector is None else read.detector.revision + 1
        bucket = ClosedBucket(seq, read.stretch.start, read.stretch.end, "calm", float(seq), 9.0)
        row = DetectorRow(revision, seq, bucket.end, bucket.end, {}, {})
        store.closing.commit(Closing(read, bucket, row, raised=raised), lease=lease)

    return commit


def plain(meters: Mapping[str, np.ndarray]) -> dict[str, list[int]]:
    """As lists, which compare."""
    return {name: counts.tolist() for name, counts in meters.items()}


def scored(n: int, *, seed: int, at: float) -> list[Candidate]:
    """Candidates of both classes that entered every kind of slot."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(n):
        p = float(rng.random())
        made.append(
            Candidate(
                key=f"{seed}-{i}",
                item_id=None,
                source="other",
                text=f"text {seed} {i}",
                probabilities=np.array([p, 1 - p], np.float32),
                label=int(p < 0.5),
                decision=0,
                at=at,
                priority=float(rng.random()),
                kinds=frozenset(
                    {
                        *("top", "top:ham", "top:spam"),
                        *("uncertain", f"uncertain:{CLASSES[int(p < 0.5)]}", "random:other"),
                    }
                ),
            )
        )
    return made


def alarmed(clock: ManualClock, first_epoch: int, last_epoch: int) -> Alarm:
    """An alarm of bucket 1 that is about these epochs."""
    finding = Finding(
        since_time=clock.now(),
        since_items=1,
        window_items=1,
        window_buckets=1,
        statistic=9.0,
        threshold=9.0,
        classes=(),
        watched=("spam",),
    )
    return Alarm("a1", "mail@1", 1, clock.now(), first_epoch, last_epoch, finding)


def population(store: Store, clock: ManualClock, *, seq: int) -> Population:
    """The population of the last day."""
    epoch = int(clock.now() // 600)
    return store.closing.read_wave(Span("mail@1", epoch - 100, epoch, seq, None), at=clock.now()).population


@pytest.mark.parametrize("important", [frozenset[str](), frozenset({"spam"})])
@pytest.mark.usefixtures("full_day")
def test_a_past_epoch_keeps_what_one_reservoir_would_hold(
    store: Store,
    clock: ManualClock,
    seal: Callable[..., Sealed],
    close: Callable[..., None],
    lease: Lease,
    important: frozenset[str],
) -> None:
    """Five workers' reservoirs become one; its tops and its random sample are those of all five."""
    for worker in range(5):
        store.counts.flush(
            f"worker-{worker}",
            1,
            seal(
                [[200, 0, 0], [0, 0, 0]],
                candidates=scored(200, seed=worker, at=clock.now()),
                usual=USUAL,
            ),
        )
    clock.advance(10)
    close()
    before, pool = population(store, clock, seq=1), candidates_in(store)
    clock.advance(AN_HOUR)
    settings = {"now": clock.now(), "batch_size": BATCH_SIZE, "lease": lease, "important": important}
    removed = store.compaction.candidates_to_slots(**settings)
    after, left = population(store, clock, seq=1), candidates_in(store)
    kept = slots(BATCH_SIZE, n_classes=2, n_sources=1, important=important)
    assert merge(left, RANKING, kept=kept) == merge(pool, RANKING, kept=kept)
    assert removed == len(before.columns) - len(after.columns)
    of_all = kept.most_unusual + kept.most_uncertain
    tops = sum(kept.of(f"top:{name}") for name in CLASSES)
    assert len(after.columns) <= tops + of_all + 2 * kept.uncertain + kept.random
    assert after.source_counts == before.source_counts == {"other": 1_000}
    smallest = sorted(before.columns.priorities)[: draw_limit(BATCH_SIZE)]
    assert sorted(after.columns.priorities)[: len(smallest)] == smallest
    assert store.compaction.candidates_to_slots(**settings) == 0


@pytest.mark.usefixtures("full_day")
def test_an_epoch_of_the_last_hour_keeps_more(
    store: Store, clock: ManualClock, seal: Callable[..., Sealed], close: Callable[..., None], lease: Lease
) -> None:
    """An alarm that comes a little later finds what ten reservoirs would hold, and no more than that."""
    made = scored(3_000, seed=3, at=clock.now())
    store.counts.flush("worker", 1, seal([[3_000, 0, 0], [0, 0, 0]], candidates=made, usual=USUAL))
    clock.advance(10)
    close()
    clock.advance(1_300)
    settings = {"batch_size": BATCH_SIZE, "lease": lease}
    assert store.compaction.candidates_to_slots(now=clock.now(), **settings)
    kept, left = slots(BATCH_SIZE, n_classes=2, n_sources=1), candidates_in(store)
    assert merge(left, RANKING, kept=kept.times(10)) == merge(made, RANKING, kept=kept.times(10))
    clock.advance(AN_HOUR)
    assert store.compaction.candidates_to_slots(now=clock.now(), **settings)
    assert merge(candidates_in(store), RANKING, kept=kept) == merge(made, RANKING, kept=kept)
    assert len(candidates_in(store)) < len(left) / 2 < len(made) / 2


def test_epochs_with_traffic_share_the_room_of_those_without(
    store: Store,
    clock: ManualClock,
    seal: Callable[..., Sealed],
    close: Callable[..., None],
    lease: Lease,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two epochs of a day of ten keep five reservoirs each, one of them alone all that was told."""
    made = [scored(900, seed=seed, at=clock.now()) for seed in (3, 4)]
    settings, kept = {"batch_size": BATCH_SIZE, "lease": lease}, slots(BATCH_SIZE, n_classes=2, n_sources=1)
    monkeypatch.setattr(compaction, "EPOCHS_KEPT", 10)
    for seq, mine in enumerate(made, start=1):
        store.counts.flush(
            "worker", seq, replace(seal(candidates=mine, usual=USUAL), epoch=int(clock.now() // 600))
        )
        clock.advance(AN_HOUR)
        close()
        if seq == 1:
            assert store.compaction.candidates_to_slots(now=clock.now(), **settings) == 0
    assert store.compaction.candidates_to_slots(now=clock.now(), **settings)
    left = candidates_in(store)
    assert len(left) < 1_800
    for seed, told in zip((3, 4), made, strict=True):
        mine = [one for one in left if one.key.startswith(f"{seed}-")]
        assert merge(mine, RANKING, kept=kept.times(5)) == merge(told, RANKING, kept=kept.times(5))
        assert len(mine) < len(told)


@given(n_epochs=st.integers(1, 200))
def test_reservoirs_of_a_day_have_room(n_epochs: int) -> None:
    """However many epochs had traffic, those that are not recent hold no more than a day of reservoirs."""
    old, recent = (compaction.reservoirs(n_epochs, is_recent=is_recent) for is_recent in (False, True))
    assert old >= 1
    assert old * n_epochs <= max(compaction.EPOCHS_KEPT, n_epochs)
    assert recent == max(old, TOLD_TIMES)


@pytest.mark.usefixtures("full_day")
def test_only_the_last_hour_of_what_an_open_alarm_is_about_keeps_more(
    store: Store, clock: ManualClock, seal: Callable[..., Sealed], close: Callable[..., None], lease: Lease
) -> None:
    """Not earlier epochs of a long alarm, nor those after it, nor another version's at the same time."""
    first, n = int(clock.now() // 600), 600
    for seq, model_key, epoch in [(k + 1, "mail@1", first + k) for k in range(9)] + [
        (10, "mail@2", first + 4)
    ]:
        made = scored(n, seed=seq, at=clock.now())
        flush = seal(candidates=made, usual=USUAL, model_key=model_key)
        store.counts.flush("worker", seq, replace(flush, epoch=epoch))
    clock.advance(10)
    close(alarmed(clock, first, first + 7))
    with store._database.write(durable=False) as connection:
        connection.execute(alarms.update().values(batch_id="b1"))
        connection.execute(candidates.update().values(bucket_seq=1))
    now = clock.now() + 9 * 600 + AN_HOUR
    assert store.compaction.candidates_to_slots(now=now, batch_size=BATCH_SIZE, lease=lease)
    query = sa.select(candidates.c.model_key, candidates.c.epoch, sa.func.count()).group_by(
        candidates.c.model_key, candidates.c.epoch
    )
    with store._database.read() as connection:
        left = {(key, epoch - first): count for key, epoch, count in connection.execute(query)}
    assert {place for place, count in left.items() if count == n} == {("mail@1", k) for k in range(2, 8)}
    assert len(left) == 10
    assert all(count < 130 for count in left.values() if count != n)


@pytest.mark.usefixtures("full_day")
def test_an_epoch_that_an_alarm_waits_for_stays_whole_and_then_keeps_more_while_it_is_open(
    store: Store,
    clock: ManualClock,
    seal: Callable[..., Sealed],
    close: Callable[..., None],
    lease: Lease,
) -> None:
    """The alarm samples the epoch as it was; more batches may be asked for until it is cleared."""
    made = scored(3_000, seed=1, at=clock.now())
    store.counts.flush("worker", 1, seal(candidates=made, usual=USUAL))
    clock.advance(10)
    epoch = int(clock.now() // 600)
    close(alarmed(clock, epoch, epoch))
    clock.advance(AN_HOUR)
    settings = {"now": clock.now(), "batch_size": BATCH_SIZE, "lease": lease}
    assert store.compaction.candidates_to_slots(**settings) == 0
    assert len(population(store, clock, seq=1).columns) == 3_000
    kept = slots(BATCH_SIZE, n_classes=2, n_sources=1)
    for times, column, value in ((10, "batch_id", "b1"), (1, "cleared_at", clock.now())):
        with store._database.write(durable=False) as connection:
            connection.execute(alarms.update().values({column: value}))
        assert store.compaction.candidates_to_slots(**settings)
        left = candidates_in(store)
        assert merge(left, RANKING, kept=kept.times(times)) == merge(made, RANKING, kept=kept.times(times))
        assert len(left) < 3_000 * times / 10


def test_the_running_epoch_and_unclaimed_candidates_stay(
    store: Store, clock: ManualClock, seal: Callable[..., Sealed], close: Callable[..., None], lease: Lease
) -> None:
    """What a bucket has not taken yet is not part of any population, and must not displace what is."""
    store.counts.flush("worker", 1, seal(candidates=scored(30, seed=1, at=clock.now())))
    clock.advance(10)
    close()
    store.counts.flush(
        "worker",
        2,
        replace(seal(candidates=scored(300, seed=2, at=clock.now())), epoch=int(clock.now() // 600)),
    )
    assert store.compaction.candidates_to_slots(now=clock.now(), batch_size=BATCH_SIZE, lease=lease) == 0
    clock.advance(AN_HOUR)
    assert store.compaction.candidates_to_slots(now=clock.now(), batch_size=BATCH_SIZE, lease=lease) == 0
    assert len(population(store, clock, seq=1).columns) == 30


def test_old_buckets_become_hours(
    store: Store, clock: ManualClock, seal: Callable[..., Sealed], close: Callable[..., None], lease: Lease
) -> None:
    """Two hours of buckets become two, with the same sum; younger ones stay as they are."""
    for seq in range(1, 13):
        # The first two of them come from a worker of an earlier release, which measures nothing.
        meters = {"unique": [seq, 1, 0], "joint": [0, 0, 0, seq]} if seq > 2 else None
        store.counts.flush("worker", seq, seal([[seq, 0, 0], [0, 1, 0]], meters=meters))
        clock.advance(600)
        close()
    total = store.counts.total("mail@1")
    fine = store.counts.history("mail@1")
    assert [bucket.meters for bucket in fine[:2]] == [{}, {}]
    assert fine[2].meters["unique"].tolist() == [3, 1, 0]
    since, until = fine[0].start, fine[-1].end
    measured = plain(store.counts.meters_between("mail@1", since, until))
    assert measured == {"unique": [sum(range(3, 13)), 10, 0], "joint": [0, 0, 0, sum(range(3, 13))]}
    between = store.counts.meters_between("mail@1", fine[3].start, fine[4].end)
    assert plain(between)["unique"] == [4 + 5, 2, 0]
    assert store.compaction.buckets_to_hours(now=clock.now(), lease=lease) == 0
    assert store.compaction.buckets_to_hours(now=clock.now() + 2 * 86_400, lease=lease) == 12
    hours = store.counts.history("mail@1")
    assert [hour.counts[0, 0] for hour in hours] == [sum(range(1, 7)), sum(range(7, 13))]
    assert [hour.statistic for hour in hours] == [6.0, 12.0]
    assert [hour.meters["unique"].tolist() for hour in hours] == [[3 + 4 + 5 + 6, 4, 0], [57, 6, 0]]
    assert plain(store.counts.meters_between("mail@1", since, until)) == measured
    assert store.counts.meters_between("mail@1", since + 1, until - 1) == {}
    assert store.counts.total("mail@1").tolist() == total.tolist()
    assert store.compaction.buckets_to_hours(now=clock.now() + 2 * 86_400, lease=lease) == 0


def test_a_lost_lease_forgets_nothing(
    store: Store, clock: ManualClock, seal: Callable[..., Sealed], close: Callable[..., None]
) -> None:
    """Whoever was fenced off leaves the tables alone."""
    store.counts.flush("worker", 1, seal(candidates=scored(300, seed=1, at=clock.now())))
    clock.advance(10)
    close()
    stale, later = Lease("somebody", 7), clock.now() + 500 * 86_400
    assert store.retention.prune(now=later, retention_days=1, lease=stale).candidates == 0
    assert store.compaction.buckets_to_hours(now=later, lease=stale) == 0
    assert store.compaction.candidates_to_slots(now=later, batch_size=BATCH_SIZE, lease=stale) == 0
    assert len(population(store, clock, seq=1).columns) == 300
    assert store.counts.total("mail@1").sum() == 1


def test_a_population_leaves_out_epochs_that_lost_candidates(
    store: Store, clock: ManualClock, seal: Callable[..., Sealed], close: Callable[..., None]
) -> None:
    """Occurrences that could not be sampled are not counted as if they could."""
    store.counts.flush("a", 1, seal(sources={"other": 1}, candidates=scored(5, seed=1, at=clock.now())))
    clock.advance(600)
    store.counts.flush("a", 2, seal(sources={"other": 1}, candidates=scored(6, seed=2, at=clock.now())))
    store.counts.flush("b", 1, seal(sources={"other": 1}, candidates_lost=9))
    clock.advance(10)
    close()
    close()
    found = population(store, clock, seq=99)
    assert len(found.columns) == 5
    assert found.source_counts == {"other": 1}
    assert found.epochs_left_out == (int(clock.now() // 600),)


@pytest.mark.usefixtures("full_day")
def test_what_makes_an_item_uncertain_outlives_its_probabilities(
    store: Store, clock: ManualClock, seal: Callable[..., Sealed], close: Callable[..., None], lease: Lease
) -> None:
    """With several labels thresholds decide, which the state does not know: the score is stored."""
    rng = np.random.default_rng(0)
    made = [replace(one, uncertainty=float(-rng.random())) for one in scored(400, seed=3, at=clock.now())]
    store.counts.flush("worker", 1, seal([[400, 0, 0], [0, 0, 0]], candidates=made, usual=USUAL))
    clock.advance(10)
    close()
    clock.advance(AN_HOUR)
    assert store.compaction.candidates_to_slots(now=clock.now(), batch_size=BATCH_SIZE, lease=lease)
    after = candidates_in(store)
    best = merge(made, RANKING, kept=slots(BATCH_SIZE, n_classes=2, n_sources=1))
    assert merge(after, RANKING, kept=slots(BATCH_SIZE, n_classes=2, n_sources=1)) == best
