"""A wave holds the best by score, what is spread out, and an unbiased sample of every source."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.plan.choose import Wave, choose
from monitoring.plan.pool import Fresh, Pool

N = 60
SOURCES = ("app",) * 40 + ("mail",) * 19 + ("fax",)
POOL = Pool(
    Path("pool.csv"),
    tuple(f"{chr(97 + n % 26) * 9} {n * 7919 % 1000}" for n in range(N)),
    SOURCES,
    None,
    tuple(map(str, range(N))),
)
FRESH = Fresh(np.arange(N), np.ones(N, np.int64), 0)
SCORES = np.zeros((N, 2))
SCORES[:6, 0] = [1, 2, 3, 1, 1, 3]
SCORES[40:43, 1] = 1


def wave(
    *, size: int = 20, seed: int = 0, caps: dict[str, float] | None = None, scores: np.ndarray = SCORES
) -> Wave:
    """Return a wave of the pool, which looks for two classes."""
    lacking = {"fraud": 15, "abuse": 15}
    return choose(POOL, FRESH, scores, size=size, lacking=lacking, caps=caps or {}, seed=(seed, 1))


@given(size=st.integers(1, N), seed=st.integers(0, 10_000), cap=st.sampled_from([0.3, 1.0]))
@settings(max_examples=60, deadline=None)
def test_nothing_twice_nothing_over_its_quota(size: int, seed: int, cap: float) -> None:
    """Every source gives exactly its quota, and items are as many as the quotas say."""
    found = wave(size=size, seed=seed, caps={"app": cap})
    rows = [item.row for item in found.items]
    assert len(set(rows)) == len(rows) == sum(found.sources.values()) <= size
    for name, quota in found.sources.items():
        assert sum(item.source == name for item in found.items) == quota
    assert all((item.rare is None) == (item.slice != "rare") for item in found.items)


def test_the_same_seed_makes_the_same_wave() -> None:
    """And another one another."""
    assert wave(seed=1) == wave(seed=1)
    assert wave(seed=1) != wave(seed=2)


def test_most_hits_come_first_and_each_class_gets_its_part() -> None:
    """Of what exploration has not drawn; an item without a hit is in no rare slice."""
    found = wave(size=20)
    rare = {item.row: item for item in found.items if item.slice == "rare"}
    explored = {item.row for item in found.items if item.slice == "explore"}
    assert {1, 2, 5} - explored <= set(rare)
    assert {item.rare for item in rare.values()} == {"fraud", "abuse"}
    assert all(item.score > 0 for item in rare.values())


def test_what_one_class_cannot_use_goes_to_the_other() -> None:
    """Here one has hits everywhere and the other nowhere."""
    scores = np.zeros((N, 2))
    scores[:, 0] = 1
    found = wave(size=20, scores=scores)
    assert found.classes == {"fraud": 6, "abuse": 5}
    assert sum(item.rare == "fraud" for item in found.items) == 11


def test_every_item_is_explored_as_often_as_its_probability_says() -> None:
    """n_s / N_s of its source, whatever its score; the weight is what an item stands for."""
    runs, times = 600, np.zeros(N)
    for seed in range(runs):
        found = wave(seed=seed)
        for item in found.items:
            if item.slice == "explore":
                times[item.row] += 1
                assert item.weight == pytest.approx(1 / item.inclusion_probability)
            else:
                assert (item.weight, item.inclusion_probability) == (0.0, 1.0)
    chance = {"app": 1 / 40, "mail": 1 / 19, "fax": 1.0}  # 3 of 20 are explored, one a source
    expected = np.array([chance[source] for source in SOURCES])
    deviation = np.sqrt(expected * (1 - expected) / runs)
    assert (np.abs(times / runs - expected) <= 4.5 * deviation + 1e-12).all()
