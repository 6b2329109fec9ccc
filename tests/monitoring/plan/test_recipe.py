"""With a seed model the service's recipe chooses, and what is drawn beside that stays a fair sample."""

from pathlib import Path

import numpy as np
import pytest

from model_store.data.signatures import PERMUTATIONS
from model_store.policy import Decisions
from monitoring.errors import PlanRefused
from monitoring.plan.choose import Wave
from monitoring.plan.pool import Fresh, Pool
from monitoring.plan.recipe import choose_by_model
from monitoring.plan.signs import Answers
from monitoring.waves.facts import ModelFacts

N, CLASSES = 120, ("ok", "late", "fraud")
SOURCES = ("app",) * 80 + ("mail",) * 39 + ("fax",)
TEXTS = tuple(f"{chr(97 + n % 26) * 9} {n * 7919 % 1000:x}" for n in range(N))
POOL = Pool(Path("pool.csv"), TEXTS, SOURCES, None, tuple(map(str, range(N))))
FRESH = Fresh(np.arange(N), np.full(N, 2), 0)
FACTS = ModelFacts(CLASSES, (0.5, 0.5, 0.5), {}, np.empty((0, PERMUTATIONS), np.uint32))


def answers() -> Answers:
    """Return what a model says: the first fourteen rows are likely fraud, each less than the one before."""
    fraud = np.where(np.arange(N) < 14, 0.95 - 0.03 * np.arange(N), 0.02)
    late = np.random.default_rng(3).random(N) * (1 - fraud)
    p = np.stack([1 - fraud - late, late, fraud], axis=1).astype(np.float32)
    label = np.where(p.max(axis=1) >= 0.5, p.argmax(axis=1), -1).astype(np.int32)
    decision = (label < 0).astype(np.int8)
    return Answers(FACTS, Decisions(p, p >= 0.5, label, decision, p.argmax(axis=1).astype(np.int32)))


def wave(*, size: int = 20, seed: int = 0, caps: dict[str, float] | None = None, marked: int = 0) -> Wave:
    """Return a wave that looks for fraud, where the first texts were labelled."""
    return choose_by_model(
        POOL,
        FRESH,
        answers(),
        size=size,
        lacking={"fraud": 15},
        caps=caps or {},
        seed=(seed, 1),
        labelled=TEXTS[:marked],
    )


def test_the_likeliest_come_first() -> None:
    """As many as the slice is asked for; their probability stands beside, and what the model answered."""
    found = wave()
    rare = {item.row: item for item in found.items if item.slice == "rare"}
    explored = {item.row for item in found.items if item.slice == "explore"}
    assert found.slices == {"rare": 13, "novel": 2, "uncertain": 2, "explore": 3}
    assert found.classes == {"fraud": 13}
    assert sorted(rare) == [row for row in range(13 + len(explored)) if row not in explored][:13]
    assert {item.rare for item in rare.values()} == {"fraud"}
    assert rare[min(rare)].score == pytest.approx(0.95 - 0.03 * min(rare), abs=1e-6)
    assert all(len(item.probabilities) == len(CLASSES) for item in found.items)
    assert rare[min(rare)].predicted == "fraud"


def test_nothing_is_chosen_twice() -> None:
    """What is drawn is not chosen too, and the wave has all that it may have."""
    for seed in range(20):
        rows = [item.row for item in wave(seed=seed).items]
        assert len(set(rows)) == len(rows) == 20


def test_a_cap_holds_over_all_slices() -> None:
    """As long as other sources have anything; what is beyond it then is counted."""
    found = wave(caps={"app": 0.3})
    assert sum(item.source == "app" for item in found.items) <= found.sources["app"] == 6
    full = wave(size=100, caps={"app": 0.3})
    n_app = sum(item.source == "app" for item in full.items)
    assert full.over_cap == {"app": n_app - 30}


@pytest.mark.parametrize("size", [3, 4, 10, 119, 120])
@pytest.mark.parametrize("cap", [0.05, 0.5])
def test_no_wave_is_larger_than_it_may_be(size: int, cap: float) -> None:
    """From one item a source to the whole pool, whatever the caps."""
    found = wave(size=size, caps={"app": cap})
    assert len(found.items) == min(size, 117)  # three of the pool are closely like others of it
    assert {item.source for item in found.items if item.slice == "explore"} == {"app", "mail", "fax"}


def test_more_sources_than_items_are_refused() -> None:
    """Each has one drawn, and the wave would be larger than it may be."""
    with pytest.raises(PlanRefused, match=r"pool\.csv: 3 sources, and 2 items in this wave"):
        wave(size=2)


def test_what_is_labelled_tells_what_is_novel() -> None:
    """Without any of it nothing is, and the share goes to what is uncertain."""
    assert (wave().got("novel"), wave(marked=40).got("novel") > 0) == (0, True)


def test_the_same_seed_makes_the_same_wave() -> None:
    """And another one another."""
    assert wave(seed=1) == wave(seed=1)
    assert wave(seed=1) != wave(seed=2)


def test_every_item_is_drawn_as_often_as_its_probability_says() -> None:
    """However likely it is; a drawn item stands for its copies, another for none."""
    runs, times, chances = 400, np.zeros(N), np.zeros(N)
    for seed in range(runs):
        for item in wave(size=40, seed=seed).items:
            if item.slice == "explore":
                times[item.row] += 1
                chances[item.row] = item.inclusion_probability
                assert item.weight == pytest.approx(2 / item.inclusion_probability)
            else:
                assert (item.weight, item.inclusion_probability) == (0.0, 1.0)
    assert sorted({round(float(p), 6) for p in chances if p}) == [
        round(5 / 119, 6),
        1.0,
    ]  # of 6, one is the fax
    deviation = np.sqrt(chances * (1 - chances) / runs)
    drawn = chances > 0
    assert (np.abs(times / runs - chances)[drawn] <= 4.5 * deviation[drawn] + 1e-12).all()
    assert drawn.mean() > 0.95
