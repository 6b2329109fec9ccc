"""The watcher: buckets, alarms, batches, leases, and deaths at any point."""

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.clock import ManualClock
from monitoring.errors import BaselineRefused, StateUnavailable
from monitoring.freezing import freeze_baseline
from monitoring.status import history, status
from monitoring.store import Store, open_store
from monitoring.store.retention import Retention
from monitoring.watcher import Watcher
from monitoring.waves.facts import ModelFacts
from tests.support.morning import MORNING
from tests.support.site import ATTACK, CONFIG, FACTS, QUIET, Site


def test_drift_raises_an_alarm_with_its_batch(site: Site) -> None:
    """A class that rises is named, and the batch is about it."""
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=15)
    assert status(site.store, "mail@1", config=CONFIG.detector)["state"] in {"warming", "calm"}
    site.traffic(watcher, ATTACK, buckets=3)
    seen = status(site.store, "mail@1", config=CONFIG.detector)
    assert seen["state"] == "drift"
    assert seen["last_alarm"]["finding"]["watched"][0] == "phish"
    batch = site.store.batches.get(seen["last_alarm"]["batch"])
    assert 0 < len(batch.items) <= 20
    assert batch.manifest["alarm"] == seen["last_alarm"]["id"]
    assert site.failures == []


def test_every_item_is_in_one_bucket(site: Site) -> None:
    """What flushes held is in the buckets afterwards, and nothing is left behind."""
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=4)
    assert site.store.counts.total("mail@1").sum() == 4 * 200
    seen = history(site.store, "mail@1")
    assert [bucket["counts"] for bucket in seen["buckets"]] == [[180, 18, 2, 0]] * 4
    assert [bucket["end"] - bucket["start"] for bucket in seen["buckets"]] == [10.0] * 4


def test_models_have_detectors_of_their_own(site: Site) -> None:
    """Two versions with traffic at once are judged apart."""
    watcher = site.watcher()
    for _ in range(3):
        site.flush(QUIET, model_key="mail@1")
        site.flush(ATTACK, model_key="mail@2")
        site.clock.advance(10)
        watcher.tick()
    assert (
        status(site.store, "mail@1", config=CONFIG.detector)["items"]
        == status(site.store, "mail@2", config=CONFIG.detector)["items"]
        == 600
    )
    shares = [
        status(site.store, key, config=CONFIG.detector)["classes"][2]["current"]
        for key in ("mail@1", "mail@2")
    ]
    assert shares == [0.01, 0.3]


def test_an_outage_of_the_watcher_changes_nothing(tmp_path: Path) -> None:
    """Buckets follow from when flushes were committed: closed late, they are the same ones."""
    finals = []
    for name, punctual in (("punctual", True), ("late", False)):
        clock = ManualClock(MORNING)
        site = Site(open_store(tmp_path / name, clock=clock), clock)
        watcher = site.watcher()
        for turn in range(25):
            if turn % 7 != 3:  # silence now and then
                site.flush(QUIET if turn < 18 else ATTACK, candidates=3)
            clock.advance(10)
            if punctual:
                watcher.tick()
        site.watcher("late").tick() if not punctual else watcher.tick()
        finals.append(final_state(site))
        site.store.close()
    assert finals[0] == finals[1]
    assert finals[0]["alarms"]


def test_nothing_is_closed_before_its_time(site: Site) -> None:
    """A bucket is due when its ten seconds are over, not when a watcher looks."""
    watcher = site.watcher()
    site.flush(QUIET)
    for _ in range(9):
        site.clock.advance(1)
        watcher.tick()
    assert status(site.store, "mail@1", config=CONFIG.detector)["items"] == 0
    site.clock.advance(1)
    watcher.tick()
    assert status(site.store, "mail@1", config=CONFIG.detector)["items"] == 200


def test_a_clock_that_is_set_back_does_not_stop_the_watcher(site: Site) -> None:
    """The grid goes on from what the clock says now, and the flushes of the future are counted too."""
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=2)
    site.flush(QUIET)
    site.clock.set_now(MORNING - 3_600)
    site.traffic(watcher, QUIET, buckets=2)
    assert status(site.store, "mail@1", config=CONFIG.detector)["items"] == 5 * 200


def test_the_lease_has_one_holder(site: Site) -> None:
    """A second watcher does nothing until the first one's lease is over, and then goes on."""
    first, second = site.watcher("one"), site.watcher("two")
    first.tick()
    site.flush(QUIET)
    site.clock.advance(10)
    second.tick()
    assert status(site.store, "mail@1", config=CONFIG.detector)["watcher"]["holder"] == "one"
    assert status(site.store, "mail@1", config=CONFIG.detector)["items"] == 0
    site.clock.advance(6)
    second.tick()
    assert status(site.store, "mail@1", config=CONFIG.detector)["watcher"]["holder"] == "two"
    assert status(site.store, "mail@1", config=CONFIG.detector)["items"] == 200


def test_a_released_lease_is_free_at_once(site: Site) -> None:
    """An orderly stop hands over without waiting."""
    first, second = site.watcher("one"), site.watcher("two")
    first.tick()
    first.release()
    second.tick()
    lease = site.store.lease.status()
    assert lease is not None
    assert lease.holder == "two"


def test_a_watcher_that_lost_its_lease_while_it_computed_changes_nothing(site: Site) -> None:
    """The fence: the lease changed hands between its reading and its commit."""

    def meanwhile() -> None:
        site.clock.advance(CONFIG.lease_seconds)
        assert site.store.lease.acquire("two", seconds=CONFIG.lease_seconds) is not None

    first = site.watcher("one")
    first._store = interrupted(site.store, "closing", "commit", before=meanwhile)
    site.flush(QUIET)
    site.clock.advance(10)
    first.tick()
    lease = site.store.lease.status()
    assert lease is not None
    assert (lease.holder, lease.epoch) == ("two", 2)
    assert site.store.detectors.get("mail@1") is None
    site.clock.advance(1)
    first.tick()
    assert site.store.detectors.get("mail@1") is None
    site.watcher("two").tick()
    assert status(site.store, "mail@1", config=CONFIG.detector)["items"] == 200


def test_a_baseline_frozen_while_a_bucket_closes_is_kept(site: Site) -> None:
    """The fence: the detector was changed by hand between reading and commit, so the bucket is read again."""
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=5)
    watcher._store = interrupted(
        site.store, "closing", "commit", before=lambda: freeze(site, why="planned", force=False)
    )
    site.flush(QUIET)
    site.clock.advance(10)
    watcher.tick()
    assert status(site.store, "mail@1", config=CONFIG.detector)["items"] == 1_000
    watcher.tick()
    seen = status(site.store, "mail@1", config=CONFIG.detector)
    assert (seen["items"], seen["baseline"]["why"], seen["baseline"]["items"]) == (1_200, "planned", 1_000)


def freeze(site: Site, *, why: str, force: bool, clock: ManualClock | None = None) -> Mapping[str, object]:
    """Freeze as a route would."""
    return freeze_baseline(
        site.store,
        "mail@1",
        config=CONFIG.detector,
        clock=clock or site.clock,
        by="ops",
        why=why,
        force=force,
    )


def test_freezing_is_refused_during_an_alarm_unless_forced(site: Site) -> None:
    """Drifted traffic does not become normal by accident; forced, the alarm is over and all is on record."""
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=15)
    site.traffic(watcher, ATTACK, buckets=6)
    with pytest.raises(BaselineRefused, match="alarm is open"):
        freeze(site, why="the new normal", force=False)
    assert [entry.who for entry in site.store.audit.list()] == ["automatic"]  # the first baseline
    freeze(site, why="the new normal", force=True)
    seen = status(site.store, "mail@1", config=CONFIG.detector)
    assert seen["state"] != "drift"
    assert seen["last_alarm"]["cleared_at"] == site.clock.now()
    entry, first = site.store.audit.list(model_key="mail@1")
    assert (entry.who, entry.action, entry.details["why"]) == ("ops", "freeze_baseline", "the new normal")
    assert (first.who, first.action) == ("automatic", "freeze_baseline")
    site.traffic(watcher, ATTACK, buckets=3)
    assert len(site.store.alarms.list()) == 1


def test_freezing_needs_traffic(site: Site) -> None:
    """Without a closed bucket there is nothing to freeze."""
    site.flush(QUIET)
    with pytest.raises(BaselineRefused, match="no closed bucket yet"):
        freeze(site, why="early", force=True)


def test_a_wave_that_fails_costs_the_batch_and_not_the_alarm(site: Site) -> None:
    """The alarm commits with the reason; a minute later the batch is made."""
    broken = True

    def resolve(model_key: str) -> ModelFacts:
        if broken:
            raise OSError(f"{model_key}: the bundle's disk is gone")
        return FACTS

    watcher = site.watcher(resolve=resolve)
    site.traffic(watcher, QUIET, buckets=15)
    site.traffic(watcher, ATTACK, buckets=3)
    alarm = status(site.store, "mail@1", config=CONFIG.detector)["last_alarm"]
    assert (alarm["batch"], alarm["batch_note"]) == (None, "wave_failed: OSError")
    assert set(site.failures) == {"wave"}
    broken = False
    site.clock.advance(70)
    watcher.tick()
    alarm = status(site.store, "mail@1", config=CONFIG.detector)["last_alarm"]
    assert site.store.batches.get(alarm["batch"]).items
    assert alarm["batch_note"] is None


def test_a_batch_made_late_samples_the_traffic_of_its_alarm(site: Site) -> None:
    """A retry sees what the alarm's bucket saw: later flushes are not part of its population."""
    config = replace(CONFIG, max_open_batches=0)
    site.traffic(site.watcher(config=config), QUIET, buckets=15)
    site.traffic(site.watcher(config=config), ATTACK, buckets=3)
    (alarm,) = site.store.alarms.list()
    at_alarm = sum(
        bucket.counts.sum() for bucket in site.store.counts.history("mail@1") if bucket.end <= alarm.raised_at
    )
    site.traffic(site.watcher(config=config), ATTACK, buckets=3)
    late = site.watcher()
    late.tick()
    site.clock.advance(60)
    late.tick()
    (alarm,) = site.store.alarms.list()
    assert alarm.batch_id is not None
    batch = site.store.batches.get(alarm.batch_id)
    assert batch.manifest["sources"]["other"]["occurrences"] == at_alarm  # type: ignore[index]
    assert max(item.at for item in batch.items) <= alarm.raised_at


@pytest.mark.parametrize(
    ("limits", "note"),
    [
        ({"max_open_batches": 0}, "open_batches: 0 batches are open, at most 0 may be"),
        (
            {"labels_per_day": 19},
            "label_budget: a batch asks for 20 labels and a day has 19, so none can be made",
        ),
    ],
    ids=["open batches", "label budget"],
)
def test_an_alarm_beyond_what_a_team_can_take_says_so(site: Site, limits: dict[str, int], note: str) -> None:
    """No batch is made over the limits, and the alarm says which one."""
    watcher = site.watcher(config=replace(CONFIG, **limits))  # type: ignore[arg-type]
    site.traffic(watcher, QUIET, buckets=15)
    site.traffic(watcher, ATTACK, buckets=3)
    (alarm,) = site.store.alarms.list()
    assert alarm.batch_id is None
    assert alarm.batch_note is not None
    assert alarm.batch_note.startswith(note)
    assert site.store.batches.list() == ()
    assert site.failures == []


def test_traffic_without_candidates_gives_an_alarm_without_a_batch(site: Site) -> None:
    """Nothing to show to labelers is a reason too."""
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=15, candidates=0)
    site.traffic(watcher, ATTACK, buckets=3, candidates=0)
    (alarm,) = site.store.alarms.list()
    assert alarm.batch_note is not None
    assert alarm.batch_note.startswith("no_items:")


def test_a_failing_store_is_counted_and_the_watcher_goes_on(site: Site) -> None:
    """The loop outlives whatever a tick raises."""
    stop = threading.Event()
    calls: list[str] = []

    class Away(Watcher):
        def tick(self) -> None:
            calls.append("tick")
            if len(calls) == 3:
                stop.set()
            raise StateUnavailable("state", "away")

    watcher = Away(
        site.store,
        CONFIG,
        clock=site.clock,
        holder="one",
        resolve=lambda _key: FACTS,
        on_failure=site.failures.append,
    )
    watcher.run(Stopwatch(stop))
    assert site.failures == ["close"] * 3


class Stopwatch(threading.Event):
    """An event that is set when another is, and does not wait."""

    def __init__(self, other: threading.Event) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        """Tell whether the other event is set."""
        return self._other.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Return at once."""
        assert timeout is not None
        return self._other.is_set()


def test_lag_grows_when_no_watcher_works(site: Site) -> None:
    """It counts from when the next bucket was due at the latest, and is 0 while a watcher keeps up."""
    assert site.store.lag() == 0.0
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=3)
    assert site.store.lag() == 0.0
    site.clock.advance(300)
    assert site.store.lag() == 280.0
    watcher.tick()
    assert site.store.lag() == 0.0


def test_lag_counts_from_the_first_flush_when_there_never_was_a_watcher(site: Site) -> None:
    """A watcher that never started is as late as one that died."""
    site.flush(QUIET)
    site.clock.advance(100)
    assert site.store.lag() == 100.0


def test_a_model_without_traffic_is_left_alone_after_a_day(site: Site) -> None:
    """Old versions cost nothing; when traffic comes back, so does the watcher."""
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=1)
    site.clock.advance(CONFIG.idle_seconds + 100)
    watcher.tick()
    assert status(site.store, "mail@1", config=CONFIG.detector)["watcher"]["last_closed_at"] == MORNING + 10
    site.traffic(watcher, QUIET, buckets=1)
    assert status(site.store, "mail@1", config=CONFIG.detector)["items"] == 400


def test_old_candidates_and_texts_are_forgotten(site: Site) -> None:
    """Candidates go after a day, texts of batch items after their retention; keys and probabilities stay."""
    watcher = site.watcher(config=replace(CONFIG, retention_days=2))
    site.traffic(watcher, QUIET, buckets=15)
    site.traffic(watcher, ATTACK, buckets=3)
    (summary,) = site.store.batches.list()
    before = site.store.batches.get(summary.id)
    assert all(item.text for item in before.items)
    site.clock.advance(2 * 86_400 + 3_600)
    watcher.tick()
    after = site.store.batches.get(summary.id)
    assert [item.text for item in after.items] == [None] * len(before.items)
    assert [replace(item, text=None) for item in before.items] == list(after.items)


class Died(BaseException):
    """A process is killed: nothing catches it."""


class Mortal:
    """A store under a watcher that is killed at its `steps`-th call, just before it or just after it."""

    def __init__(self, target: object, life: list[int]) -> None:
        self._target, self._life = target, life

    def __getattr__(self, name: str) -> object:
        value = getattr(self._target, name)
        if not callable(value):
            return Mortal(value, self._life)

        def call(*args: object, **kwargs: object) -> object:
            self._step()
            result = value(*args, **kwargs)
            self._step()
            return result

        return call

    def _step(self) -> None:
        self._life[0] -= 1
        if self._life[0] == 0:
            raise Died


def live(root: Path, deaths: Sequence[int], *, seed: int, log: list[int] | None = None) -> dict[str, object]:
    """Run the same traffic under watchers that die after so many steps each; return what is left.

    `log` takes the number of steps of an immortal one before and after the tick that raised the alarm.
    """
    clock = ManualClock(MORNING)
    site = Site(open_store(root, clock=clock), clock)
    rng = np.random.default_rng(seed)
    lives = iter([[steps] for steps in deaths])
    holders = iter(range(1_000))

    def born() -> tuple[Watcher, list[int]]:
        life = next(lives, [10**9])
        watcher = site.watcher(f"watcher {next(holders)}")
        watcher._store = Mortal(site.store, life)  # type: ignore[assignment]
        return watcher, life

    watcher, life = born()
    for turn in range(20):
        for _ in range(int(rng.integers(0, 3))):
            per_class = rng.multinomial(200, (0.9, 0.09, 0.01) if turn < 14 else (0.6, 0.1, 0.3))
            site.flush(per_class.tolist(), candidates=3)
        for _ in range(2):
            clock.advance(5)
            before = 10**9 - life[0]
            try:
                watcher.tick()
            except Died:
                watcher, life = born()
            if log == [] and site.store.alarms.count():
                log.extend([before, 10**9 - life[0]])
    clock.advance(40)
    site.watcher("the last one").tick()
    assert site.failures == []
    left = final_state(site)
    site.store.close()
    return left


@pytest.fixture(scope="module")
def undisturbed() -> Callable[[int], dict[str, object]]:
    """Return what one watcher that never dies leaves behind, for a seed."""

    @functools.cache
    def run(seed: int) -> dict[str, object]:
        with TemporaryDirectory() as directory:
            return live(Path(directory), [], seed=seed)

    return run


@settings(max_examples=10, deadline=None)
@given(deaths=st.lists(st.integers(1, 60), min_size=1, max_size=12), seed=st.integers(0, 1))
def test_whoever_leads_and_however_often_it_dies(
    undisturbed: Callable[[int], dict[str, object]], deaths: list[int], seed: int
) -> None:
    """Invariant 3: detector, alarms, batches and buckets are those of one watcher that never died."""
    expected = undisturbed(seed)
    with TemporaryDirectory() as directory:
        assert live(Path(directory), deaths, seed=seed) == expected
    assert expected["alarms"]
    assert expected["batches"]


@pytest.mark.slow
def test_a_death_at_any_step_of_the_tick_that_raises_the_alarm(tmp_path: Path) -> None:
    """Before and after every call to the store of that tick, its batch included."""
    steps: list[int] = []
    expected = live(tmp_path / "undisturbed", [], seed=0, log=steps)
    first, last = steps
    assert last - first >= 10
    for step in range(first, last + 2):
        assert live(tmp_path / str(step), [step], seed=0) == expected


def final_state(site: Site) -> dict[str, object]:
    """Everything that must not depend on who did the work, and when."""
    detectors = {key: site.store.detectors.get(key) for key in site.store.counts.models()}
    return {
        "detectors": {
            key: row and (row.snapshot, row.status, row.last_seq) for key, row in detectors.items()
        },
        "alarms": site.store.alarms.list(),
        "batches": [site.store.batches.get(each.id) for each in site.store.batches.list()],
        "total": {key: site.store.counts.total(key).tolist() for key in detectors},
        "buckets": [
            (row.seq, row.start, row.end, row.counts.tolist()) for row in site.store.counts.history("mail@1")
        ],
    }


class Interrupted:
    """A store whose one method is preceded by something else, once."""

    def __init__(self, target: object, part: str, method: str, before: Callable[[], object]) -> None:
        self._target, self._part, self._method, self._before = target, part, method, before

    def __getattr__(self, name: str) -> object:
        value = getattr(self._target, name)
        if name == self._part:
            return Interrupted(value, "", self._method, self._once)
        if not self._part and name == self._method:
            return lambda *args, **kwargs: (self._before(), value(*args, **kwargs))[1]
        return value

    def _once(self) -> None:
        before, self._before = self._before, lambda: None
        before()


def interrupted(store: Store, part: str, method: str, *, before: Callable[[], object]) -> Store:
    """Return the store with `before` called first when the method is called for the first time."""
    return Interrupted(store, part, method, before)  # type: ignore[return-value]


def test_the_file_is_written_anew_once_a_day_when_something_was_forgotten(site: Site) -> None:
    """Overwriting leaves copies in old pages; writers wait for the rest, so it is not done every time."""
    told: list[bool] = []

    class Told(Retention):
        def erase(self, *, whole: bool = False) -> bool:
            told.append(whole)
            return super().erase(whole=whole)

    site.store.retention = Told(site.store._database)
    watcher = site.watcher()
    site.traffic(watcher, QUIET, buckets=2)
    assert told == [False]
    for _ in range(4):
        site.traffic(watcher, QUIET, buckets=1)
        site.clock.advance(90_000)
        watcher.tick()
        site.clock.advance(700)
        watcher.tick()
    assert told[1:] == [True, False] * 4
    assert site.failures == []
