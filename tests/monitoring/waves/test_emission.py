"""Batches that somebody asks for, and that what they sample is exact."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from model_store.data import wordmarks
from model_store.data.wordmarks import Marks
from model_store.policy import Decisions
from monitoring.clock import ManualClock
from monitoring.config import WatcherConfig
from monitoring.detection.detector import DetectorConfig
from monitoring.detection.finding import Finding
from monitoring.errors import BatchRefused, IdempotencyKeyReused, UnknownModel
from monitoring.meaning.gate import Gate
from monitoring.meaning.meant import Meant
from monitoring.meaning.verdict import ClassPrior
from monitoring.recording.observed import Observed
from monitoring.recording.recorder import Recorder
from monitoring.recording.reservoir import Reservoir
from monitoring.store import Alarm, Span, Store, tables
from monitoring.store.alarms import insert_alarm
from monitoring.watcher import Watcher
from monitoring.waves.emission import by_hand_batch_id, emit_by_hand
from monitoring.waves.facts import ModelFacts
from monitoring.waves.views import View
from tests.support.labeling import put_batch

CLASSES = ("ham", "spam")
CONFIG = WatcherConfig(detector=DetectorConfig(bucket_seconds=10.0), batch_size=20)
FACTS = ModelFacts(
    classes=CLASSES,
    thresholds=(0.5, 0.5),
    digests={"calibration": "c", "policy": "p"},
    seen=np.zeros((0, 64), np.uint32),
)


@pytest.fixture
def ask(store: Store, clock: ManualClock) -> Callable[..., str]:
    """Ask for a batch."""

    def emit(
        key: str = "k1", *, model_key: str = "mail@1", config: WatcherConfig = CONFIG, **options: object
    ) -> str:
        return emit_by_hand(
            store,
            model_key,
            facts=FACTS,
            config=config,
            clock=clock,
            idempotency_key=key,
            who="ops",
            **options,  # type: ignore[arg-type]
        )

    return emit


def test_of_an_earlier_release_s_batch_is_compared_what_it_says(
    store: Store, ask: Callable[..., str]
) -> None:
    """Who asked, and for which proposal; a true repeat over an upgrade makes no second batch."""
    batch = by_hand_batch_id("mail@1", "k1")
    put_batch(store, batch, ["a"], batch=batch, asked_by="ops", proposal="p1")
    assert ask(size=7, about={"proposal": "p1"}) == batch
    with pytest.raises(IdempotencyKeyReused, match=f"batch {batch} and differs in for_proposal"):
        ask(size=7)


def request(n: int, *, at: float, rng: np.random.Generator) -> Observed:
    """One request of n items, all different."""
    p = rng.random(n).astype(np.float32)
    probabilities = np.stack([p, 1 - p], axis=1)
    tops = probabilities.argmax(axis=1).astype(np.int32)
    texts = [" ".join(str(word) for word in rng.integers(0, 10_000, 9)) for _ in range(n)]
    return Observed(
        inputs=texts,
        ids=[None] * n,
        sources=["email" if draw < 0.5 else "other" for draw in rng.random(n)],
        decisions=Decisions(
            probabilities=probabilities,
            flags=probabilities >= 0.5,
            label=tops,
            decision=np.zeros(n, np.int8),
            top=tops,
        ),
        arrived_at=at,
        priorities=rng.random(n),
    )


def serve(
    store: Store, clock: ManualClock, *, seconds: int, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Let two workers serve under a watcher; return time and priority of every occurrence from email."""
    workers = [
        Recorder("mail@1", CLASSES, ("email",), Reservoir(CLASSES, sources=("email",), batch_size=20))
        for _ in range(2)
    ]
    watcher = Watcher(
        store, CONFIG, clock=clock, holder="one", resolve=lambda _key: FACTS, on_failure=lambda _stage: None
    )
    drawn: list[tuple[float, float]] = []
    began = clock.now()
    for second in range(seconds):
        for number, worker in enumerate(workers):
            observed = request(3, at=clock.now(), rng=rng)
            worker.observe(observed)
            drawn += [
                (clock.now(), float(priority))
                for priority, source in zip(observed.priorities, observed.sources, strict=True)
                if source == "email"
            ]
            store.counts.flush(f"worker {number} from {began}", second + 1, worker.seal(clock.now() + 1))
        clock.advance(1)
        watcher.tick()
    clock.advance(10)
    watcher.tick()
    return drawn


def test_a_batch_by_hand_is_made_once_for_a_key(
    store: Store, clock: ManualClock, ask: Callable[..., str]
) -> None:
    """Sending the request again returns the same batch; another key makes another one, of other items."""
    serve(store, clock, seconds=30, rng=np.random.default_rng(1))
    first, again, second = ask("k1"), ask("k1"), ask("k2")
    assert first == again != second
    batches = [store.batches.get(batch_id) for batch_id in (first, second)]
    keys = [{item.key for item in batch.items} for batch in batches]
    assert keys[0]
    assert not keys[0] & keys[1]
    assert [entry.details["batch"] for entry in store.audit.list()] == [second, first]
    assert store.batches.counts_by_reason() == {"by_hand": 2}


def test_what_was_handed_out_is_known_as_the_model_reads_it(store: Store, clock: ManualClock) -> None:
    """Contents of earlier batches join the marks of the bundle, made by its view; without one none do."""
    serve(store, clock, seconds=30, rng=np.random.default_rng(1))
    read: list[str] = []

    def marks(contents: Sequence[str]) -> Marks:
        read.extend(contents)
        return wordmarks.marks(contents)

    of_bundle = wordmarks.marks([f"word{n}" for n in range(30)])

    def compared(key: str, facts: ModelFacts) -> tuple[list[str | None], object]:
        batch = store.batches.get(
            emit_by_hand(
                store, "mail@1", facts=facts, config=CONFIG, clock=clock, idempotency_key=key, who="ops"
            )
        )
        return [item.text for item in batch.items], batch.manifest["compared_with"]

    with_view = replace(FACTS, marks=of_bundle, view=View(marks))
    first, known = compared("one", with_view)
    assert known == 30
    _, known = compared("two", with_view)
    assert known == 30 + len(first)
    assert set(first) <= set(read)
    _, known = compared("three", replace(with_view, view=None))
    assert known == 30


def test_the_random_part_of_a_batch_is_an_exact_sample(
    store: Store, clock: ManualClock, ask: Callable[..., str]
) -> None:
    """Two workers, two epochs, seals and flushes between: each epoch gives its smallest priorities.

    Each occurrence had the same chance, and the inclusion probability is draws over occurrences.
    """
    drawn = serve(store, clock, seconds=700, rng=np.random.default_rng(2))
    batch = store.batches.get(ask())
    sources = batch.manifest["sources"]
    assert isinstance(sources, dict)
    assert sources["email"]["occurrences"] == len(drawn)
    total = [sum(each[what] for each in sources.values()) for what in ("draws", "occurrences")]
    explored = [item for item in batch.items if item.stratum == "exploration" and item.source == "email"]
    assert {item.inclusion_probability for item in explored} == {total[0] / total[1]}
    assert len(explored) == sources["email"]["draws"]
    assert batch.complete_sample
    priorities = priority_by_key(store, clock)
    for epoch in {at // 600 for at, _ in drawn}:
        mine = sorted(priorities[item.key] for item in explored if item.at // 600 == epoch)
        assert mine == sorted(priority for at, priority in drawn if at // 600 == epoch)[: len(mine)]


def test_a_day_of_traffic_gives_all_the_explored_labels_that_a_claim_lacks(
    store: Store, clock: ManualClock, ask: Callable[..., str]
) -> None:
    """Each epoch holds three draws of a batch of twenty; three hours of them give forty at once.

    With equal chances, and more than `batch_size`: the budget is the only limit.
    """
    rng = np.random.default_rng(3)
    serve(store, clock, seconds=10, rng=rng)
    for _ in range(18):
        clock.advance(600)
        serve(store, clock, seconds=10, rng=rng)
    batch = store.batches.get(ask(explore=40))
    assert (len(batch.items), batch.complete_sample) == (40, True)
    assert len({item.inclusion_probability for item in batch.items}) == 1
    assert len({item.at // 600 for item in batch.items}) > 12
    few = store.batches.get(ask("k2", explore=40, config=replace(CONFIG, labels_per_day=50)))
    assert (len(few.items), few.complete_sample) == (10, True)


def moved(store: Store, at: float, *, model_key: str = "mail@1") -> None:
    """Record an alarm whose change began then."""
    found = Finding(at, 640, 640, 4, 20.0, 16.0, (), ("spam",))
    epoch = int(at // 600)
    with store._database.write(durable=False) as connection:
        insert_alarm(
            connection, Alarm(f"a{at}", model_key, 5, at + 9, epoch, epoch, found, batch_note="none")
        )


def test_draws_are_of_whole_epochs_since_the_traffic_moved(
    store: Store, clock: ManualClock, ask: Callable[..., str]
) -> None:
    """Another version may have noticed it: a mixture of before and after proves nothing of either."""
    rng = np.random.default_rng(4)
    serve(store, clock, seconds=700, rng=rng)
    before = clock.now()
    moved(store, before, model_key="mail@0")
    with pytest.raises(BatchRefused, match=r"the traffic moved at .* ask again when there is traffic from"):
        ask(explore=10)
    for _ in range(3):
        clock.advance(600)
        serve(store, clock, seconds=30, rng=rng)
    batch = store.batches.get(ask(explore=9))
    assert min(item.at for item in batch.items) >= (before // 600 + 1) * 600
    epochs = batch.manifest["epochs"]
    assert isinstance(epochs, dict)
    assert epochs["since"] == before
    drawn = store.labelled.drawn(batch_ids=[batch.id])
    assert {each.drawn_from >= before for each in drawn} == {True}
    mixed = store.batches.get(ask("k2"))
    explored = [item for item in mixed.items if item.stratum == "exploration"]
    assert explored
    assert min(item.at for item in explored) >= before
    assert mixed.complete_sample


@pytest.mark.parametrize("ago", [None, 100_000.0, 1_300.0], ids=["never", "before the day", "within the day"])
def test_when_all_is_drawn_the_refusal_says_of_what_time(
    store: Store, clock: ManualClock, ask: Callable[..., str], ago: float | None
) -> None:
    """Of the last day, or since the traffic moved within it; that is in the manifest too."""
    rng = np.random.default_rng(7)
    for _ in range(3):
        serve(store, clock, seconds=10, rng=rng)
        clock.advance(600)
    at = clock.now() - (ago or 0.0)
    if ago is not None:
        moved(store, at)
    patient, known = replace(CONFIG, max_open_batches=99), set()

    def draw_all() -> None:
        for number in range(50):
            epochs = store.batches.get(ask(f"k{number}", explore=9, config=patient)).manifest["epochs"]
            known.add(epochs["since"])  # type: ignore[index]

    with pytest.raises(BatchRefused) as refused:
        draw_all()
    within = ago == 1_300.0
    assert known == {at if within else None}
    said = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
    words = f"since the traffic moved at {said} was" if within else "of the last day was drawn before"
    assert f"all that can be drawn at random {words}" in str(refused.value)


def test_right_after_a_move_a_batch_still_has_draws(
    store: Store, clock: ManualClock, ask: Callable[..., str]
) -> None:
    """They are of traffic before it too, and say so."""
    serve(store, clock, seconds=60, rng=np.random.default_rng(5))
    moved(store, clock.now() - 30)
    batch = store.batches.get(ask())
    assert {item.stratum for item in batch.items} == {"certainty", "exploration"}
    (first,) = {each.drawn_from for each in store.labelled.drawn(batch_ids=[batch.id])}
    assert first < clock.now() - 30


def test_an_audit_asked_for_by_hand_says_what_it_is(
    store: Store, clock: ManualClock, ask: Callable[..., str]
) -> None:
    """Its items have chances of their own, and the next sample passes over none of them."""
    serve(store, clock, seconds=120, rng=np.random.default_rng(6))
    batch = store.batches.get(ask(mode="audit", watched=["spam"], size=10))
    assert (batch.manifest["mode"], batch.complete_sample) == ("audit", False)
    assert len(batch.items) > 0
    assert store.batches.taken().drawn == frozenset()


def meaning(*, low: float, passed: bool | None = True) -> dict[str, Any]:
    """What the watcher notes of the traffic: spam had a tenth of the validation rows, and has `low` now."""
    priors = (
        ClassPrior("ham", 0.9, 1 - low, 1 - low - 0.01, 1 - low + 0.01, 0.01),
        ClassPrior("spam", 0.1, low + 0.01, low, low + 0.02, 0.01),
    )
    return Meant(items=1_000, effective=1_000, priors=priors, gate=Gate(passed, 0.5, 0.0)).to_json()


@pytest.mark.parametrize(
    ("noted", "options", "risen"),
    [
        (meaning(low=0.16), {}, ["spam"]),
        (meaning(low=0.14), {}, []),
        (meaning(low=0.16, passed=False), {}, []),
        (meaning(low=0.16, passed=None), {}, ["spam"]),
        (meaning(low=0.16), {"explore": 10}, []),
        (meaning(low=0.16), {"mode": "audit", "watched": ["ham"]}, []),
        (None, {}, []),
    ],
    ids=["risen", "by less", "not explained by the mix", "several labels", "drawn", "audit", "unknown"],
)
def test_classes_whose_share_has_risen_are_watched(
    store: Store,
    clock: ManualClock,
    ask: Callable[..., str],
    noted: Mapping[str, Any] | None,
    options: dict[str, Any],
    risen: list[str],
) -> None:
    """By half of their old share or more, where estimates hold; what a person asked to draw is left alone."""
    serve(store, clock, seconds=30, rng=np.random.default_rng(1))
    with store._database.write(durable=False) as connection:
        connection.execute(tables.detectors.update().values(meaning=noted))
    manifest = store.batches.get(ask(**options)).manifest
    assert manifest["risen"] == risen
    assert manifest["watched"] == [*options.get("watched", ()), *risen]
    slices = manifest["slices"]
    assert isinstance(slices, dict)
    assert bool(slices["watched"]["got"]) is bool(risen)


def priority_by_key(store: Store, clock: ManualClock) -> dict[str, float]:
    """The priorities of the candidates of the last hour; each item came once."""
    epoch = int(clock.now() // 600)
    read = store.closing.read_wave(Span("mail@1", epoch - 6, epoch, 10**6, None), at=clock.now())
    columns = read.population.columns
    return dict(zip(columns.keys, columns.priorities.tolist(), strict=True))


@pytest.mark.parametrize(
    ("limits", "code"),
    [({"max_open_batches": 0}, "open_batches"), ({"labels_per_day": 10}, "label_budget")],
    ids=["open batches", "label budget"],
)
def test_a_batch_by_hand_respects_the_limits(
    store: Store, clock: ManualClock, ask: Callable[..., str], limits: dict[str, int], code: str
) -> None:
    """What a team can take holds for people too, and the code is for programs."""
    serve(store, clock, seconds=20, rng=np.random.default_rng(1))
    with pytest.raises(BatchRefused) as refused:
        ask(config=replace(CONFIG, **limits))  # type: ignore[arg-type]
    assert refused.value.code == code


def test_a_batch_counts_against_the_budget_once_for_each_who_labels_it(
    store: Store, clock: ManualClock, ask: Callable[..., str]
) -> None:
    """Several people an item are several labels, and what no day has room for is not put off to the next."""
    serve(store, clock, seconds=20, rng=np.random.default_rng(1))
    few = replace(CONFIG, batch_size=10, labels_per_day=25, overlap=3)
    with pytest.raises(BatchRefused, match="asks for 30 labels and a day has 25, so none can be made"):
        ask(config=few)
    batch = store.batches.get(ask(config=replace(few, overlap=2)))
    assert batch.overlap == 2
    assert store.batches.load(now=clock.now()).items_today == 2 * len(batch.items)


def test_a_smaller_batch_fits_where_a_full_one_does_not(
    store: Store, clock: ManualClock, ask: Callable[..., str]
) -> None:
    """The budget is compared with what is asked for."""
    serve(store, clock, seconds=20, rng=np.random.default_rng(1))
    batch_id = ask(config=replace(CONFIG, labels_per_day=10), size=8)
    assert 0 < len(store.batches.get(batch_id).items) <= 8


def test_there_must_be_traffic(store: Store, ask: Callable[..., str]) -> None:
    """A model nobody asked anything has no items to label."""
    with pytest.raises(UnknownModel):
        ask()
