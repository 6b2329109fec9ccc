"""Letting a proposed version answer: bounded, exact, and of no harm to anything else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from model_store.policy import Decisions
from monitoring.proposing import Proposal, proposal_id
from monitoring.shadowing import Shadowing, shadow_json
from monitoring.shadowing.run import MOST_AT_ONCE
from tests.support.site import CLASSES, FACTS, QUIET, Site


@dataclass
class Fake:
    """A version that calls everything by one class."""

    answer: int
    seconds: float = 0.0001
    asked: list[str] = field(default_factory=list)
    input_kind: str = "text"
    classes: tuple[str, ...] = CLASSES
    fails: bool = False

    @property
    def single_item_seconds(self) -> float:
        """What an item takes."""
        return self.seconds

    @property
    def bundle(self) -> Any:
        """What of the bundle is looked at."""
        return SimpleNamespace(policy=SimpleNamespace(task="multiclass"))

    def decide(self, items: Sequence[str]) -> Decisions:
        """Answer."""
        if self.fails:
            raise RuntimeError("the graph failed")
        self.asked += items
        n = len(items)
        return Decisions(
            np.zeros((n, 3), np.float32),
            np.zeros((n, 3), np.bool_),
            np.full(n, self.answer, np.int32),
            np.zeros(n, np.int8),
            np.zeros(n, np.int32),
        )


def proposal(site: Site, *, candidate: str = "2") -> Proposal:
    """Propose a version in place of mail@1."""
    return site.store.proposals.add(
        Proposal(
            id=proposal_id("mail", candidate),
            model_name="mail",
            base_version="1",
            candidate_version=candidate,
            kind="fit",
            alarm_id=None,
            state="open",
            created_at=site.clock.now(),
            created_by="kim",
            why="it finds more",
            comparison={},
        )
    )


@pytest.fixture
def shadowing(site: Site) -> Callable[..., Shadowing]:
    """Return a function that starts another process's share of the work."""

    def start(fake: Fake, *, per_stratum: int = 50) -> Shadowing:
        return Shadowing(
            site.store,
            clock=site.clock,
            resolve=lambda _key: FACTS,
            load=lambda _key: fake,  # type: ignore[arg-type,return-value]
            per_stratum=lambda _key: per_stratum,
            on_failure=site.failures.append,
        )

    return start


def test_without_an_open_proposal_nothing_is_loaded(site: Site, shadowing: Callable[..., Shadowing]) -> None:
    """A watcher that has nothing to prove holds no second model."""
    fake = Fake(0)
    site.traffic(site.watcher(), QUIET, buckets=2, candidates=5)
    assert shadowing(fake).tick() == 0
    assert fake.asked == []


def test_a_proposal_answers_a_sample_of_the_closed_traffic(
    site: Site, shadowing: Callable[..., Shadowing]
) -> None:
    """Every drawn item once, whatever process does it, and shares speak of the traffic."""
    made, fake = proposal(site), Fake(0)
    site.traffic(site.watcher(), QUIET, buckets=3, candidates=5)
    assert shadowing(fake).tick() == 15
    site.traffic(site.watcher(), QUIET, buckets=1, candidates=5)
    assert shadowing(fake).tick() == 5
    assert shadowing(fake).tick() == 0
    assert len(set(fake.asked)) == len(fake.asked) == 20
    seen = shadow_json(site.store, made)
    assert (seen["state"], seen["live"], seen["candidate"]) == ("running", "mail@1", "mail@2")
    assert (seen["items"], seen["traffic"]) == (20, pytest.approx(800))
    by_class = {each["class"]: each for each in seen["classes"]}
    assert by_class["ham"]["candidate_ratio"] == 1.0
    assert sum(each["live_ratio"] for each in seen["classes"]) == pytest.approx(1.0)
    differing = sum(each["items"] for each in seen["changes"])
    assert differing == sum(each["only_live"] for each in seen["classes"])
    assert seen["agreement"]["ratio"] == pytest.approx(1 - differing / 20)
    assert {each["candidate"][0] for each in seen["examples"]} == {"ham"}
    assert all(each["text"] in fake.asked for each in seen["examples"])


def test_flushes_that_no_bucket_took_wait(site: Site, shadowing: Callable[..., Shadowing]) -> None:
    """The size of a stratum counts closed buckets, so only their draws are of it."""
    proposal(site)
    site.traffic(site.watcher(), QUIET, buckets=1, candidates=5)
    site.flush(QUIET, candidates=5)
    assert shadowing(Fake(0)).tick() == 5


def test_a_tick_is_bounded(site: Site, shadowing: Callable[..., Shadowing]) -> None:
    """So many items at once, fewer of a slow version, one of a very slow one; later ticks go on."""
    made = proposal(site)
    site.traffic(site.watcher(), QUIET, buckets=4, candidates=50)
    assert shadowing(Fake(0), per_stratum=150).tick() == MOST_AT_ONCE
    assert shadowing(Fake(0, seconds=0.05), per_stratum=150).tick() == 5
    assert shadowing(Fake(0, seconds=9.0), per_stratum=150).tick() == 1
    left = shadowing(Fake(0), per_stratum=150)
    while left.tick():
        pass
    assert shadow_json(site.store, made)["items"] == 150


def test_two_at_once_count_nothing_twice(site: Site, shadowing: Callable[..., Shadowing]) -> None:
    """The second to finish has asked in vain: only the newest revision is replaced."""
    made = proposal(site)
    site.traffic(site.watcher(), QUIET, buckets=2, candidates=5)
    first = site.store.shadows.get(made.id)
    assert first is None
    assert shadowing(Fake(0)).tick() == 10
    stored = site.store.shadows.get(made.id)
    assert stored is not None
    site.traffic(site.watcher(), QUIET, buckets=1, candidates=5)
    assert shadowing(Fake(0)).tick() == 5
    assert not site.store.shadows.put(stored)
    assert shadow_json(site.store, made)["items"] == 15


def test_past_epochs_stay_in_the_tally(site: Site, shadowing: Callable[..., Shadowing]) -> None:
    """A comparison of hours holds what the strata that still grow hold, and one sum of all before."""
    made, worker, watcher = proposal(site), shadowing(Fake(1)), site.watcher()
    for _ in range(6):
        site.traffic(watcher, QUIET, buckets=2, candidates=5)
        worker.tick()
        site.clock.advance(600)
    stored = site.store.shadows.get(made.id)
    assert stored is not None
    assert len(stored.seen["strata"]) <= 3
    assert shadow_json(site.store, made)["items"] == 60
    assert shadow_json(site.store, made)["traffic"] == pytest.approx(6 * 2 * 200)


def test_a_candidate_that_fails_costs_its_comparison_for_a_minute(
    site: Site, shadowing: Callable[..., Shadowing]
) -> None:
    """It is counted, tried again later, and closes no bucket late."""
    proposal(site)
    site.traffic(site.watcher(), QUIET, buckets=1, candidates=5)
    fake = Fake(0, fails=True)
    worker = shadowing(fake)
    worker.tick()
    worker.tick()
    assert site.failures == ["shadow"]
    fake.fails = False
    site.clock.advance(61)
    assert worker.tick() == 5


def test_a_decided_proposal_ends_its_comparison(site: Site, shadowing: Callable[..., Shadowing]) -> None:
    """What was found stays readable; nothing is asked any more, and nothing can be stored."""
    made, fake = proposal(site), Fake(0)
    site.traffic(site.watcher(), QUIET, buckets=1, candidates=5)
    worker = shadowing(fake)
    assert worker.tick() == 5
    stored = site.store.shadows.get(made.id)
    assert stored is not None
    site.clock.advance(5)
    decided = site.store.proposals.reject(made.id, at=site.clock.now(), who="ada", why="not better")
    assert not site.store.shadows.put(stored)
    site.traffic(site.watcher(), QUIET, buckets=1, candidates=5)
    assert worker.tick() == 0
    seen = shadow_json(site.store, decided)
    assert (seen["state"], seen["ended_at"], seen["items"]) == ("ended", decided.decided_at, 5)


def test_nothing_of_an_item_is_kept(site: Site, shadowing: Callable[..., Shadowing]) -> None:
    """Examples are rows by number: what is erased among the candidates is shown no more."""
    made, fake = proposal(site), Fake(0)
    site.traffic(site.watcher(), QUIET, buckets=2, candidates=5)
    shadowing(fake).tick()
    examples = shadow_json(site.store, made)["examples"]
    stored = site.store.shadows.get(made.id)
    assert stored is not None
    assert examples
    assert "item-" not in f"{stored}"
    rows = {each["row"]: each["priority"] for each in stored.examples}
    assert site.store.shadows.shown(rows).keys() == rows.keys()
    assert site.store.shadows.shown(dict.fromkeys(rows, 2.0)) == {}, "another item under the same number"
    erased = examples[0]["id"]
    site.store.erasure.erase([erased], who="ada", why="asked to")
    assert erased not in [each["id"] for each in shadow_json(site.store, made)["examples"]]


def test_the_candidates_are_looked_at_once_a_bucket(
    site: Site, shadowing: Callable[..., Shadowing], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand of them take a tenth of a second: not again before another bucket closed."""
    proposal(site)
    site.traffic(site.watcher(), QUIET, buckets=1, candidates=5)
    worker, looks = shadowing(Fake(0)), []
    read = site.store.shadows.strata
    monkeypatch.setattr(
        site.store.shadows, "strata", lambda *key, **which: looks.append(key) or read(*key, **which)
    )
    assert [worker.tick(), worker.tick(), worker.tick()] == [5, 0, 0]
    assert len(looks) == 1
    site.traffic(site.watcher(), QUIET, buckets=1, candidates=5)
    assert (worker.tick(), len(looks)) == (5, 2)
