"""The reservoir keeps what a labeling batch may need, in bounds, the same for any split of a stream."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.policy import Decisions
from monitoring.recording.observed import Observed
from monitoring.recording.ranking import Ranking, nearness
from monitoring.recording.reservoir import Candidate, Reservoir, draw_limit, item_key, merge, slots

CLASSES = ("billing", "delivery", "fraud")
USUAL = (0.6, 0.37, 0.03)
RANKING = Ranking.of(CLASSES, USUAL)
SOURCES = ("email", "chat")


def decided(probabilities: npt.NDArray[np.float32]) -> Decisions:
    """Return decisions of a policy whose thresholds are all .5."""
    top = probabilities.argmax(axis=1).astype(np.int32)
    flags = probabilities >= 0.5
    passes = flags.any(axis=1)
    label = np.where(passes, top, -1).astype(np.int32)
    return Decisions(probabilities, flags, label, np.where(passes, 0, 2).astype(np.int8), top)


def stream(
    n: int, *, seed: int, size: int = 1, n_texts: int | None = None, k: int = 3, several: bool = False
) -> list[Observed]:
    """Return `n` requests of `size` items; with `n_texts` the texts repeat, with the same probabilities.

    With `several` the probabilities are each label's own, and do not sum to 1.
    """
    rng = np.random.default_rng(seed)
    n_texts = n * size if n_texts is None else n_texts
    table = rng.dirichlet(np.full(k, 0.4), n_texts).astype(np.float32)
    if several:
        table = rng.beta(0.5, 0.5, (n_texts, k)).astype(np.float32)
    table[: n_texts // 10] = np.eye(k, dtype=np.float32)[0]  # saturated: ties
    requests = []
    for i in range(n):
        which = rng.integers(n_texts, size=size)
        sources = [SOURCES[j % 2] for j in which]
        requests.append(
            Observed(
                inputs=[f"text {j}" for j in which],
                ids=[f"id-{j}" if j % 3 == 0 else None for j in which],
                sources=sources,
                decisions=decided(table[which]),
                arrived_at=1000.0 + i // 4,
                priorities=rng.random(size),
            )
        )
    return requests


def reservoir(batch_size: int = 4, **options: Any) -> Reservoir:
    """Return a worker's reservoir for small batches."""
    return Reservoir(CLASSES, sources=SOURCES, batch_size=batch_size, usual=USUAL, **options)


def everything(
    requests: list[Observed], thresholds: npt.NDArray[np.float64] | None = None
) -> list[Candidate]:
    """Return every occurrence as a candidate of every kind it could have."""
    rows = []
    for request in requests:
        for i, text in enumerate(request.inputs):
            decisions, source = request.decisions, request.sources[i]
            kinds = {f"top:{name}" for name in CLASSES}
            kinds |= {"top", "uncertain", f"uncertain:{CLASSES[decisions.top[i]]}", f"random:{source}"}
            near = None if thresholds is None else float(nearness(decisions.probabilities, thresholds)[i])
            rows.append(
                Candidate(
                    key=request.ids[i] or item_key(source, text),
                    item_id=request.ids[i],
                    source=source,
                    text=text,
                    probabilities=decisions.probabilities[i],
                    label=int(decisions.label[i]),
                    decision=int(decisions.decision[i]),
                    at=request.arrived_at,
                    priority=float(request.priorities[i]),
                    kinds=frozenset(kinds),
                    uncertainty=near,
                )
            )
    return rows


def tops(
    candidates: list[Candidate], batch_size: int = 4, important: frozenset[str] = frozenset()
) -> dict[str, list[tuple[str, float, float]]]:
    """Return what identifies the candidates of each kind, cut to the slots of one epoch."""
    kept = slots(batch_size, n_classes=3, n_sources=3, important=important)
    merged = merge(candidates, RANKING, kept=kept)
    return {kind: [(c.key, c.at, c.priority) for c in held] for kind, held in merged.items()}


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    workers=st.integers(1, 4),
    n_texts=st.sampled_from([5, 40, 400]),
    important=st.frozensets(st.sampled_from(CLASSES)),
)
def test_any_split_of_a_stream_merges_to_the_whole(
    seed: int, workers: int, n_texts: int, important: frozenset[str]
):
    """Whatever worker saw an item, whenever it drained or forgot, the merged tops are those of all items."""
    requests = stream(120, seed=seed, size=2, n_texts=n_texts)
    rng = np.random.default_rng(seed + 1)
    pool = [reservoir(important=important) for _ in range(workers)]
    reported: list[Candidate] = []
    for request in requests:
        worker = pool[rng.integers(workers)]
        worker.offer(request)
        if rng.random() < 0.1:
            reported += worker.drain(passed=rng.random() if rng.random() < 0.5 else None)
        if rng.random() < 0.02:
            worker.reset()
    for worker in pool:
        reported += worker.drain()
    whole = tops(everything(requests), important=important)
    assert tops(reported, important=important) == whole


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(30)))
def test_the_order_of_arrival_does_not_matter(order: list[int]):
    """Observeds that overtake one another leave the same tops, ties of saturated probabilities included."""
    requests = stream(30, seed=3, size=2, n_texts=12)
    worker = reservoir(2)
    for i in order:
        worker.offer(requests[i])
    assert tops(list(worker.drain()), 2) == tops(everything(requests), 2)


def test_drain_reports_an_entry_once():
    """What was reported is not reported again, and a second drain of a quiet worker is empty."""
    worker = reservoir()
    for request in stream(50, seed=1):
        worker.offer(request)
    first = worker.drain()
    assert len({(c.key, c.priority) for c in first}) == len(first) > 0
    assert worker.drain() == ()


def test_entries_displaced_before_a_drain_are_not_reported():
    """An undrained worker holds no more than its slots, however many items pass."""
    worker = reservoir()
    for request in stream(3000, seed=2):
        worker.offer(request)
    kept = slots(4, n_classes=3, n_sources=3)
    of_all = kept.most_unusual + kept.most_uncertain
    assert len(worker.drain()) <= 3 * kept.top + 3 * kept.uncertain + of_all + 3 * kept.random


def test_light_traffic_is_reported_whole():
    """A worker that forgets what it reported reports what better items would have kept out, and once each."""
    requests, counts = stream(400, seed=4, n_texts=10**6), {}
    for forget in (False, True):
        worker, reported = reservoir(20), list[Candidate]()
        for request in requests:
            worker.offer(request)
            reported += worker.drain(passed=1.0 if forget else None)
        assert len({one.priority for one in reported}) == len(reported)
        counts[forget] = len(reported)
    assert counts[False] < 0.8 * len(requests) < counts[True] == len(requests)


@pytest.mark.parametrize("workers", [1, 4])
def test_a_worker_forgets_no_more_when_its_share_is_reported(workers: int):
    """Beyond ten reservoirs' worth of all workers it reports what one filling of the slots reports."""
    share, counts = (1 + 10 / workers) * 20 * 5, {False: [0, 0], True: [0, 0]}
    for forget, of_epoch in counts.items():
        worker = reservoir(20, workers=workers)
        for epoch in (0, 1):
            for request in stream(3_000, seed=4, n_texts=10**6):
                worker.offer(request)
                of_epoch[epoch] += len(worker.drain(passed=1.0 if forget else None))
            worker.reset()
    (patient, again), (reported, anew) = counts.values()
    assert patient == again
    assert share < reported == anew < share + patient < 3_000


def test_what_is_reported_is_of_the_whole_epoch():
    """Busy traffic empties the slots in every part of an epoch, not only until the room is used up."""
    worker, requests = reservoir(20), stream(6_000, seed=4, n_texts=10**6)
    reported = []
    for at, request in enumerate(requests, start=1):
        worker.offer(request)
        reported.append(len(worker.drain(passed=None if at % 600 else at / 6_000)))
    of_tenths = np.array(reported).reshape(10, 600).sum(axis=1)
    assert of_tenths[5:].sum() > 0.7 * of_tenths[:5].sum()
    assert 600 < of_tenths.sum() < 1_300


def test_which_items_a_score_lets_in_does_not_depend_on_the_draws():
    """Other draws of the same stream: the same candidates by their scores, however full the room is."""
    found = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        worker, scored = reservoir(20), list[str]()
        for at, request in enumerate(stream(1_500, seed=4, n_texts=10**6), start=1):
            worker.offer(replace(request, priorities=rng.random(1)))
            reported = worker.drain(passed=None if at % 10 else at / 1_500)
            scored += [one.key for one in reported if one.scored]
        found.append(scored)
    assert found[0] == found[1] == found[2] == found[3]


@pytest.mark.parametrize(
    ("later", "kinds"),
    [
        ([(0.1, 0.1, 0.4 - 0.01 * i) for i in range(20)], {"top": 8, "top:fraud": 1}),
        ([(0.5, 0.4, 0.1)] * 10 + [(0.01, 0.01, 0.98)], {"uncertain": 7, "uncertain:fraud": 1}),
    ],
)
def test_forgotten_slots_take_what_is_worse_than_what_they_held(
    later: list[tuple[float, ...]], kinds: dict[str, int]
):
    """No floor is left standing: less unusual items enter, the best first, and a less uncertain one."""
    worker = reservoir(4)
    for request in stream(200, seed=11, n_texts=10**6):
        worker.offer(request)
    worker.drain(passed=1.0)
    for i, p in enumerate(later):
        one = decided(np.array([p], np.float32))
        worker.offer(Observed([f"later {i}"], [None], ["chat"], one, 2_000.0 + i, np.array([0.5])))
    found = Counter(kind for one in worker.drain() for kind in one.kinds)
    assert {kind: found[kind] for kind in kinds} == kinds


def test_what_is_forgotten_takes_no_memory():
    """A worker that forgot is as empty as a new one, and fills as one."""
    worker, fresh = reservoir(20), reservoir(20)
    for request in stream(300, seed=5, n_texts=10**6):
        worker.offer(request)
    assert worker.held_bytes > 0
    worker.drain(passed=1.0)
    assert worker.held_bytes == 0
    for request in stream(300, seed=6, n_texts=10**6):
        for each in (worker, fresh):
            each.offer(replace(request, arrived_at=request.arrived_at + 1_000))
            each.drain()
        assert worker.held_bytes == fresh.held_bytes


def test_a_resend_is_not_reported_again_when_its_original_was_forgotten():
    """A load test on one text stays one candidate of an epoch, however often slots are emptied."""
    one = decided(np.array([[0.2, 0.7, 0.1]], np.float32))
    worker = reservoir(20)
    reported = []
    for i in range(50):
        worker.offer(Observed(["the same"], ["a"], ["chat"], one, float(i), np.array([0.5])))
        reported += [c for c in worker.drain(passed=1.0) if "top" in c.kinds]
    assert len(reported) == 1


def test_a_text_that_is_sent_over_and_over_stays_remembered(monkeypatch: pytest.MonkeyPatch):
    """Among many others it is one candidate of an epoch, though not all of them can be remembered."""
    monkeypatch.setattr("monitoring.recording.reservoir._REMEMBERED_ITEMS", 10)
    one = decided(np.array([[0.2, 0.7, 0.1]], np.float32))
    worker, reported = reservoir(20), list[Candidate]()
    for i in range(100):
        text = "the same" if i % 5 == 0 else f"other {i}"
        worker.offer(Observed([text], [None], ["chat"], one, float(i), np.array([0.5])))
        reported += worker.drain(passed=1.0)
    assert sum(c.text == "the same" and c.scored for c in reported) == 1
    assert sum(c.scored for c in reported) == 81


def test_a_new_epoch_remembers_nothing_of_the_last(monkeypatch: pytest.MonkeyPatch):
    """What was sent in both is a candidate of both, the items of the older memory too."""
    monkeypatch.setattr("monitoring.recording.reservoir._REMEMBERED_ITEMS", 10)
    one = decided(np.array([[0.2, 0.7, 0.1]], np.float32))
    worker, scored = reservoir(20), []
    for epoch in range(2):
        reported = list[Candidate]()
        for i in range(15):
            at = np.array([0.5])
            worker.offer(Observed([f"text {i}"], [None], ["chat"], one, 100.0 * epoch + i, at))
            reported += worker.drain(passed=1.0)
        scored.append(sum(c.scored for c in reported))
        worker.reset()
    assert scored == [15, 15]


def test_a_resend_is_known_by_its_earliest_occurrence():
    """Answers come out of order: what is later than one that was reported is not new."""
    one = decided(np.array([[0.2, 0.7, 0.1]], np.float32))
    worker, reported = reservoir(20), list[Candidate]()
    for at in (5.0, 9.0, 7.0, 3.0):
        worker.offer(Observed(["the same"], [None], ["chat"], one, at, np.array([0.5])))
        reported += worker.drain(passed=1.0)
    assert [c.at for c in reported if c.scored] == [5.0, 3.0]


def test_reset_keeps_what_was_not_drained():
    """The end of an epoch empties the slots, but an entry still goes out with the next drain."""
    worker = reservoir()
    (request,) = stream(1, seed=5)
    worker.offer(request)
    worker.reset()
    assert [c.text for c in worker.drain()] == request.inputs
    worker.offer(replace(request, arrived_at=2000.0, priorities=np.array([0.9])))
    assert len(worker.drain()) == 1


def test_exact_repeats_take_one_certainty_slot_and_a_random_one_each():
    """Fifty resends of one text are one certainty candidate, but fifty occurrences to draw from."""
    request = Observed(
        ["Where  is my parcel?"],
        [None],
        ["chat"],
        decided(np.array([[0.2, 0.7, 0.1]], np.float32)),
        0.0,
        np.array([0.5]),
    )
    worker = reservoir(100)
    for i in range(50):
        worker.offer(replace(request, arrived_at=float(i), priorities=np.array([0.5 - i / 200])))
    merged = merge(worker.drain(), RANKING)
    assert {kind: len(held) for kind, held in merged.items()} == {
        "random:chat": slots(100, n_classes=3, n_sources=3).random,
        "top": 1,
        "top:billing": 1,
        "top:delivery": 1,
        "top:fraud": 1,
        "uncertain": 1,
        "uncertain:delivery": 1,
    }
    assert [c.priority for c in merged["random:chat"]] == sorted(c.priority for c in merged["random:chat"])
    assert merged["top:fraud"][0].at == 0.0


def test_ties_are_not_broken_by_the_random_draw():
    """Of saturated items the earliest stay: the certainty picks must be independent of the priorities."""
    worker = reservoir(2)
    one = decided(np.array([[1.0, 0.0, 0.0]], np.float32))
    for i in range(40):
        worker.offer(Observed([f"t{i}"], [f"k{i}"], ["email"], one, float(i), np.array([1 - i / 41])))
    held = merge(worker.drain(), RANKING)["top:billing"]
    assert [c.key for c in held] == [f"k{i}" for i in range(slots(2, n_classes=3, n_sources=3).top)]


def test_no_text_is_kept_when_asked_not_to():
    """With keep_text none a candidate has its key, its probabilities, and no text."""
    worker = reservoir(keep_text="none")
    for request in stream(20, seed=6):
        worker.offer(request)
    candidates = worker.drain()
    assert candidates
    assert all(c.text is None and c.key for c in candidates)


def test_a_candidate_does_not_keep_the_request_alive():
    """Its probabilities are a copy, not a view into the array of 256 items."""
    worker = reservoir()
    (request,) = stream(1, seed=7, size=256)
    worker.offer(request)
    assert all(c.probabilities.base is None for c in worker.drain())


def test_the_random_slots_of_one_source_can_fill_the_whole_exploration_slice():
    """With many sources the even share would be too small for a source that has nearly all the traffic."""
    assert slots(200, n_classes=6, n_sources=33).random == draw_limit(200) == 30


@pytest.mark.parametrize(("batch_size", "total"), [(200, 1000), (1000, 3000)])
def test_slots_add_up_to_the_multiple_of_the_batch(batch_size: int, total: int):
    """Five batches in all up to 300 items, three above."""
    kept = slots(batch_size, n_classes=5, n_sources=1)
    of_all = kept.most_unusual + kept.most_uncertain
    assert 0 <= 5 * (kept.top + kept.uncertain) + of_all + kept.random - total <= 13  # rounded up


def test_an_important_class_has_more_slots_of_the_same_total():
    """Half of what high probabilities have is for the declared ones alone; declaring all changes nothing."""
    kept = slots(200, n_classes=150, n_sources=1, important=frozenset({"fraud", "abuse"}))
    assert (kept.of("top:login"), kept.of("top:fraud"), kept.of("top:abuse")) == (1, 114, 114)
    assert (kept.of("uncertain:fraud"), kept.of("random:chat")) == (kept.uncertain, kept.random)
    by_name = kept.of("top:fraud") * 2 + kept.of("top:login") * 148
    assert by_name + kept.of("top") <= 0.45 * 1000 + 150 + 3  # rounded up
    every = slots(200, n_classes=3, n_sources=1, important=frozenset(CLASSES))
    plain = slots(200, n_classes=3, n_sources=1)
    assert {every.of(f"top:{name}") for name in CLASSES} == {plain.top}


def test_an_undeclared_rare_class_keeps_more_than_a_class_has_slots_for():
    """Among a hundred classes: what is much for a rare class stays though nobody declared that it matters."""
    k, n = 100, 4_000
    rng = np.random.default_rng(10)
    names = tuple(f"class {i}" for i in range(k))
    usual = np.full(k, 0.999 / 99)
    usual[7] = 0.001
    of = rng.choice(k, n, p=usual)
    of[:40] = 7
    p = np.full((n, k), 0.4 / k)
    p[np.arange(n), of] += 0.6
    worker = Reservoir(names, sources=SOURCES, batch_size=20, usual=usual.tolist())
    texts = [f"text {i}" for i in range(n)]
    observed = Observed(texts, [None] * n, ["email"] * n, decided(p.astype(np.float32)), 0.0, rng.random(n))
    worker.offer(observed)
    merged = merge(worker.drain(), Ranking.of(names, usual.tolist()))
    assert len(merged["top:class 7"]) == 1
    rare = [one for one in merged["top"] if one.probabilities[7] > 0.5]
    assert len(rare) == len(merged["top"]) == slots(20, n_classes=k, n_sources=3).most_unusual == 36


def test_a_class_that_the_model_does_not_have_takes_nothing():
    """Settings may name classes of another model."""
    named, plain = reservoir(important=["unheard of"]), reservoir()
    for request in stream(200, seed=9):
        named.offer(request)
        plain.offer(request)
    assert len(named.drain()) == len(plain.drain())


def test_key_ignores_white_space_but_not_the_source():
    """The same words in another layout are the same item; the same words from another source are not."""
    assert item_key("chat", "a  b\n") == item_key("chat", " a b") != item_key("email", "a b")
    assert len(item_key("chat", "\ud800")) == 20


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**20), workers=st.integers(1, 3))
def test_with_several_labels_any_split_merges_to_the_whole_too(seed: int, workers: int) -> None:
    """Probabilities that do not sum to 1 lose no uncertain item, and what ranks it travels with it."""
    thresholds = np.array([0.5, 0.2, 0.05])
    requests = stream(80, seed=seed, size=2, several=True)
    rng = np.random.default_rng(seed + 1)
    pool = [reservoir(thresholds=thresholds) for _ in range(workers)]
    reported: list[Candidate] = []
    for request in requests:
        worker = pool[rng.integers(workers)]
        worker.offer(request)
        if rng.random() < 0.1:
            reported += worker.drain()
    for worker in pool:
        reported += worker.drain()
    assert tops(reported) == tops(everything(requests, thresholds))


def test_a_model_of_one_label_has_uncertain_items() -> None:
    """There is no second class to be near to."""
    one = Reservoir(("spam",), sources=SOURCES, batch_size=4, thresholds=[0.3])
    p = np.linspace(0, 1, 40, dtype=np.float32).reshape(-1, 1)
    decisions = Decisions(
        p, p >= 0.3, np.full(40, -1, np.int32), np.zeros(40, np.int8), np.zeros(40, np.int32)
    )
    texts = [f"text {i}" for i in range(40)]
    one.offer(Observed(texts, [None] * 40, ["email"] * 40, decisions, 0.0, np.full(40, 0.5)))
    kept = merge(one.drain(), Ranking.of(("spam",)))["uncertain:spam"]
    assert abs(float(kept[0].probabilities[0]) - 0.3) < 0.02


def test_features_become_their_json_only_where_one_is_kept() -> None:
    """A candidate holds them as text, names sorted; the same row again is no new item, whatever its order."""
    p = decided(np.array([[0.2, 0.7, 0.1]], np.float32))
    row = {"amount": 12.5, "age": None, "channel": "web"}
    worker = reservoir(100)
    for at, features in enumerate((row, dict(reversed(row.items())), {**row, "amount": 12.6})):
        worker.offer(Observed([features], [None], ["chat"], p, float(at), np.array([0.5])))
    kept = merge(worker.drain(), RANKING)["top:delivery"]
    assert [one.text for one in kept] == [
        '{"amount": 12.5, "channel": "web"}',
        '{"amount": 12.6, "channel": "web"}',
    ]
    assert kept[0].key == item_key("chat", '{"amount": 12.5, "channel": "web"}')


def test_features_are_not_kept_where_texts_are_not() -> None:
    """They say as much of a person as a text does."""
    worker = reservoir(keep_text="none")
    p = decided(np.array([[0.2, 0.7, 0.1]], np.float32))
    worker.offer(Observed([{"age": 40}], ["a"], ["chat"], p, 0.0, np.array([0.5])))
    assert [one.text for one in worker.drain()] == [None]


def test_the_memory_of_its_slots_is_known_and_goes_with_them() -> None:
    """It is that of what the slots hold, however many items passed and were displaced."""
    worker = reservoir(4)
    for request in stream(400, seed=8, size=3):
        worker.offer(request)
    held = {id(one): one for slot in _slots_of(worker) for one in slot.best_first()}
    assert worker.held_bytes == sum(one.held_bytes for one in held.values()) > 0
    worker.drain()
    worker.reset()
    assert worker.held_bytes == 0


def test_long_texts_cost_the_choice_and_never_the_sample() -> None:
    """Beyond its memory nothing enters for its score; the random slots are those of a worker with room."""
    requests = stream(300, seed=9, size=2)
    roomy, tight = reservoir(20), reservoir(20, most_bytes=40_000)
    for request in requests:
        roomy.offer(request)
        tight.offer(request)
    assert roomy.turned_away == 0 < tight.turned_away
    assert tight.held_bytes < roomy.held_bytes
    drawn = [
        {kind: held for kind, held in tops(list(each.drain()), 20).items() if kind.startswith("random:")}
        for each in (roomy, tight)
    ]
    assert drawn[0] == drawn[1] != {}


def _slots_of(worker: Reservoir) -> list[Any]:
    held = worker._held
    of_all = (held._most_unusual, held._most_uncertain)
    return [*held._top, *held._uncertain, *of_all, *held._random.values()]
