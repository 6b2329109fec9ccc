"""What a worker counts, and that it does not matter how a stream is cut or spread over workers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.joint_cells import JointCells
from model_store.meters import (
    FIRST,
    REPEAT,
    Batch,
    Counts,
    JointMeter,
    LabelMeter,
    MassMeter,
    Meters,
    OriginMeter,
    ScoreMeter,
    UniqueMeter,
)
from model_store.policy import Decisions
from monitoring.recording.observed import Observed
from monitoring.recording.ranking import Ranking
from monitoring.recording.recorder import N_DECISIONS, SCORE_BINS, Recorder, Sealed
from monitoring.recording.repeats import Deduplicate
from monitoring.recording.reservoir import EPOCH_SECONDS, Reservoir, merge, slots

CLASSES = ("ham", "spam", "phish")
RANKING = Ranking.of(CLASSES)
SOURCES = ("email", "chat", "other")
START = 1_700_000_000.0 // EPOCH_SECONDS * EPOCH_SECONDS


METERS = Meters(
    (
        ScoreMeter("score", "scores", "top probability", np.array([0.5, 0.8], np.float32)),
        JointMeter(JointCells(((0.5, 0.8), (0.6,), ()))),
        MassMeter(CLASSES),
        UniqueMeter(CLASSES, multilabel=False),
        OriginMeter(),
    )
)


def recorder(*, batch_size: int = 20, deduplicate: Deduplicate = "id") -> Recorder:
    """A fresh recorder with a real reservoir."""
    reservoir = Reservoir(CLASSES, sources=SOURCES, batch_size=batch_size)
    return Recorder("mail@1", CLASSES, SOURCES, reservoir, meters=METERS, deduplicate=deduplicate)


def decided(
    *answers: tuple[int, int, float], at: float = START, source: str = "email", item_id: str | None = None
) -> Observed:
    """One request of items given as (top class, decision, top probability)."""
    n = len(answers)
    probabilities = np.zeros((n, 3), np.float32)
    for row, (top, _, score) in enumerate(answers):
        probabilities[row] = (1 - score) / 2
        probabilities[row, top] = score
    tops = np.array([top for top, _, _ in answers], np.int32)
    kinds = np.array([kind for _, kind, _ in answers], np.int8)
    return Observed(
        inputs=[f"text {at} {row}" for row in range(n)],
        ids=[item_id] * n,
        sources=[source] * n,
        decisions=Decisions(
            probabilities=probabilities,
            flags=probabilities > 0.5,
            label=np.where(kinds == 2, -1, tops).astype(np.int32),
            decision=kinds,
            top=tops,
        ),
        arrived_at=at,
        priorities=np.linspace(0.1, 0.9, n),
    )


def random_stream(seed: int, n: int) -> list[Observed]:
    """Requests of one to four items, the labels now and then not the top class, from all sources."""
    rng = np.random.default_rng(seed)
    stream = []
    for request in range(n):
        size = int(rng.integers(1, 5))
        probabilities = rng.dirichlet(np.ones(3), size).astype(np.float32)
        tops = probabilities.argmax(axis=1).astype(np.int32)
        kinds = rng.choice(3, size, p=[0.7, 0.1, 0.2]).astype(np.int8)
        labels = np.where(rng.random(size) < 0.2, rng.integers(0, 3, size), tops)
        stream.append(
            Observed(
                inputs=[f"text {request} {row}" for row in range(size)],
                ids=[None] * size,
                sources=[SOURCES[k] for k in rng.integers(0, 3, size)],
                decisions=Decisions(
                    probabilities=probabilities,
                    flags=probabilities > 0.4,
                    label=np.where(kinds == 2, -1, labels).astype(np.int32),
                    decision=kinds,
                    top=tops,
                ),
                arrived_at=START + request,
                priorities=rng.random(size),
            )
        )
    return stream


def test_items_are_counted_by_class_decision_and_score() -> None:
    """Three items of one request land in the cells their answers say."""
    live = recorder()
    live.observe(decided((0, 0, 0.97), (1, 1, 0.52), (2, 2, 0.4), at=START + 5))
    sealed = live.seal(START + 6)
    assert sealed.counts.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]
    assert [np.flatnonzero(row).tolist() for row in sealed.score_bins] == [[19], [10], [8]]
    assert sealed.source_counts == {"email": 3}
    assert (sealed.first_at, sealed.last_at, sealed.items) == (START + 5, START + 5, 3)


def test_a_probability_of_one_is_in_the_last_bin() -> None:
    """The last bin is closed at 1."""
    live = recorder()
    live.observe(decided((1, 0, 1.0)))
    assert live.seal(START).score_bins[1, SCORE_BINS - 1] == 1


def test_a_label_that_is_not_the_top_class_is_an_answer_of_another_class() -> None:
    """What is watched counts under the most probable class, what is exported under the answered one."""
    observed = decided((0, 0, 0.6))
    observed.decisions.label[0] = 2
    live = recorder()
    live.observe(observed)
    sealed = live.seal(START)
    assert sealed.counts.tolist() == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert sealed.answers.tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]


def test_counts_are_those_of_the_decisions() -> None:
    """Requests counted one by one and the counts of their decisions agree."""
    live = recorder()
    expected = np.zeros((3, N_DECISIONS), np.int64)
    for observed in random_stream(seed=4, n=50):
        live.observe(observed)
        expected += observed.decisions.counts(3)
    assert live.seal(START).counts.tolist() == expected.tolist()


def test_sealing_starts_anew() -> None:
    """Nothing is sealed twice."""
    live = recorder()
    live.observe(decided((0, 0, 0.9)))
    live.seal(START + 1)
    second = live.seal(START + 2)
    assert second.items == 0
    assert second.source_counts == {}
    assert second.candidates == ()
    assert (second.first_at, second.last_at) == (None, None)


def test_a_seal_belongs_to_the_epoch_in_which_its_reservoir_was_filled() -> None:
    """The first seal after the end of an epoch still closes that one; what comes next begins anew."""
    live = recorder()
    live.seal(START + 1)
    live.observe(decided((0, 0, 0.9), at=START + EPOCH_SECONDS - 0.5))
    assert live.seen == 1
    across = live.seal(START + EPOCH_SECONDS + 0.5)
    assert live.seen == 0
    live.observe(decided((0, 0, 0.1), at=START + EPOCH_SECONDS + 1))
    after = live.seal(START + EPOCH_SECONDS + 1.5)
    assert (across.epoch, after.epoch) == (START // EPOCH_SECONDS, START // EPOCH_SECONDS + 1)
    assert len(across.candidates) == len(after.candidates) == 1


@pytest.mark.parametrize("forget", [True, False])
def test_every_minute_the_reservoir_forgets_what_was_sealed(forget: bool) -> None:
    """What better items kept out gets in once a minute, counted anew from the beginning of an epoch.

    Unless the state does not keep up.
    """
    live = recorder()
    entered = []
    for at in range(0, 2 * EPOCH_SECONDS, 20):
        for i in range(200):
            live.observe(decided((0, 0, 0.9 - at / 1e4), at=START + at, item_id=f"{at} {i}"))
        sealed = live.seal(START + at, forget=forget)
        entered.append(sum("top:ham" in one.kinds for one in sealed.candidates))
    n_slots = slots(20, n_classes=3, n_sources=len(SOURCES)).top
    minutes = {*range(4, 30, 3), *range(34, 60, 3)} if forget else set()
    assert entered == [n_slots * (turn in {0, 31} | minutes) for turn in range(60)]


def test_counts_survive_a_reservoir_that_fails() -> None:
    """An item whose offer as a candidate fails is counted all the same."""

    class Broken(Reservoir):
        def offer(self, observed: Observed) -> None:
            raise RuntimeError(f"out of slots for {len(observed.inputs)} items")

    live = Recorder("mail@1", CLASSES, SOURCES, Broken(CLASSES, sources=SOURCES, batch_size=20))
    with pytest.raises(RuntimeError, match="out of slots"):
        live.observe(decided((0, 0, 0.9)))
    assert live.seal(START).items == 1


def test_a_meter_that_fails_costs_nothing_but_itself() -> None:
    """Counts, other meters and candidates are complete, and the failures are told to whoever seals."""

    class Broken(LabelMeter):
        def count(self, batch: Batch) -> Counts:
            raise RuntimeError(f"no count of {len(batch.scores)} items")

    reservoir = Reservoir(CLASSES, sources=SOURCES, batch_size=20)
    meters = Meters((Broken(CLASSES), MassMeter(CLASSES)))
    live = Recorder("mail@1", CLASSES, SOURCES, reservoir, meters=meters)
    for _ in range(2):
        live.observe(decided((0, 0, 0.75)))
    sealed = live.seal(START)
    assert (sealed.items, len(sealed.candidates), sealed.meters_failed) == (2, 1, 2)
    assert {name: counts.tolist() for name, counts in sealed.meters.items()} == {
        "mass": [3 * 2**19, 2**18, 2**18]
    }
    assert sealed.merge(sealed).meters_failed == 4
    assert live.seal(START).meters_failed == 0


def test_an_id_is_unique_once_an_epoch_however_it_is_sealed() -> None:
    """A seal does not forget, the end of the epoch does; raw counts hold every occurrence."""
    live = recorder()
    seals = []
    for at in (START + 1, START + 2, START + EPOCH_SECONDS + 1, START + EPOCH_SECONDS + 2):
        live.observe(decided((1, 0, 0.9), at=at, item_id="a"))
        live.observe(decided((2, 0, 0.9), at=at, item_id="b"))
        seals.append(live.seal(at))
    assert [each.meters["unique"].tolist() for each in seals] == [
        [0, 1, 1, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 1, 1, 0],
    ]
    assert [each.meters["deduplicated"][[FIRST, REPEAT]].tolist() for each in seals] == [
        [2, 0],
        [0, 2],
        [0, 2],
        [2, 0],
    ]
    assert [each.items for each in seals] == [2, 2, 2, 2]


@pytest.mark.parametrize(("deduplicate", "unique"), [("id", 3), ("content", 2)])
def test_without_an_id_it_depends_on_the_setting(deduplicate: Deduplicate, unique: int) -> None:
    """By id each such item counts; by content one that says the same does not."""
    live = recorder(deduplicate=deduplicate)
    live.observe(decided((0, 0, 0.9), at=START, item_id="a"))
    for _ in range(2):
        live.observe(decided((1, 0, 0.9), at=START))
    assert live.seal(START).meters["unique"].sum() == unique


def test_a_recorder_without_meters_says_so() -> None:
    """Nothing is measured, and nothing is said of measures."""
    reservoir = Reservoir(CLASSES, sources=SOURCES, batch_size=20)
    live = Recorder("mail@1", CLASSES, SOURCES, reservoir)
    live.observe(decided((0, 0, 0.9)))
    sealed = live.seal(START)
    assert (sealed.meters, sealed.measures, sealed.task) == ({}, {}, "multiclass")


def test_other_models_do_not_merge() -> None:
    """Counts of two versions mean different things."""
    other = Recorder("mail@2", CLASSES, SOURCES, Reservoir(CLASSES, sources=SOURCES, batch_size=20))
    with pytest.raises(ValueError, match="cannot merge counts of mail@1 with counts of mail@2"):
        recorder().seal(START).merge(other.seal(START))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_workers=st.integers(1, 4),
    seal_every=st.integers(1, 30),
)
def test_merging_any_split_equals_the_whole(seed: int, n_workers: int, seal_every: int) -> None:
    """Invariant 2: however a stream is spread over workers and cut into seals, the merge is the same."""
    stream = random_stream(seed, 60)
    whole = recorder(batch_size=4)
    for observed in stream:
        whole.observe(observed)
    expected = whole.seal(START + 60)

    assigned = np.random.default_rng(seed).integers(0, n_workers, len(stream))
    workers = [recorder(batch_size=4) for _ in range(n_workers)]
    parts: list[Sealed] = []
    for turn, (worker, observed) in enumerate(zip(assigned, stream, strict=True)):
        workers[worker].observe(observed)
        if turn % seal_every == 0:
            parts.append(workers[worker].seal(START + turn))
    parts.extend(worker.seal(START + 60) for worker in workers)
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)

    assert merged.counts.tolist() == expected.counts.tolist()
    assert merged.score_bins.tolist() == expected.score_bins.tolist()
    assert merged.answers.tolist() == expected.answers.tolist()
    assert {name: counts.tolist() for name, counts in merged.meters.items()} == {
        name: counts.tolist() for name, counts in expected.meters.items()
    }
    assert merged.measures == expected.measures == METERS.to_json()
    assert merged.source_counts == expected.source_counts
    assert (merged.first_at, merged.last_at) == (expected.first_at, expected.last_at)
    assert best(merged, like=expected) == best(expected, like=expected)


def best(sealed: Sealed, *, like: Sealed) -> dict[str, list[str]]:
    """The keys of each kind of candidate, as many as one recorder holds."""
    held = {kind: len(found) for kind, found in merge(like.candidates, RANKING).items()}
    found = merge(sealed.candidates, RANKING)
    return {kind: [each.key for each in found[kind]][:n] for kind, n in held.items()}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**20), n=st.integers(1, 12))
def test_each_label_is_an_answer_and_each_item_is_counted_once(seed: int, n: int) -> None:
    """With several labels an item, every flag is exported; what is watched still sums to the items."""
    rng = np.random.default_rng(seed)
    probabilities = rng.random((n, 3), np.float32)
    flags = probabilities >= 0.6
    kinds = np.where(flags.any(axis=1), 0, 2).astype(np.int8)
    kinds[rng.random(n) < 0.2] = 3
    tops = probabilities.argmax(axis=1).astype(np.int32)
    decisions = Decisions(probabilities, flags, np.full(n, -1, np.int32), kinds, tops)
    reservoir = Reservoir(CLASSES, sources=SOURCES, batch_size=20, thresholds=[0.6] * 3)
    live = Recorder("mail@1", CLASSES, SOURCES, reservoir, multilabel=True)
    texts = [f"text {row}" for row in range(n)]
    live.observe(Observed(texts, [None] * n, ["email"] * n, decisions, START, rng.random(n)))
    sealed = live.seal(START)
    expected = np.zeros((3, N_DECISIONS), np.int64)
    for row in range(n):
        for column in np.flatnonzero(flags[row]) if flags[row].any() else [tops[row]]:
            expected[column, kinds[row]] += 1
    assert sealed.answers.tolist() == expected.tolist()
    assert sealed.counts.tolist() == decisions.counts(3).tolist()
    assert sealed.items == n
