"""Greedy k-center takes the best, then whatever is far from it and good, and nobody that is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.waves.spread import spread


def directions(n: int, *, seed: int) -> np.ndarray:
    """Return n vectors of length 1."""
    found = np.random.default_rng(seed).normal(size=(n, 5)).astype(np.float32)
    unit: np.ndarray = found / np.linalg.norm(found, axis=1, keepdims=True)
    return unit


def test_the_best_is_first_and_the_farthest_second() -> None:
    """Four of one direction and a worst of the opposite one: that is the second pick."""
    vectors = np.array([[1, 0], [1, 0], [1, 0], [1, 0], [-1, 0]], np.float32)
    assert spread(vectors, wanted=2, permits=lambda _: True) == [0, 4]


def test_of_two_as_far_the_better_one_is_taken() -> None:
    """Rank weighs the distance."""
    vectors = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    assert spread(vectors, wanted=3, permits=lambda _: True) == [0, 1, 2]


def test_a_much_better_one_is_taken_though_it_is_nearer() -> None:
    """A cosine distance of .8 with weight .9 beats one of 1 with weight .5."""
    vectors = np.zeros((6, 7), np.float32)
    vectors[:, 0], vectors[0] = 1.0, 0.0  # four that are left out, being refused
    vectors[0, 1] = 1.0
    vectors[1] = [0, 0.2, np.sqrt(0.96), 0, 0, 0, 0]
    vectors[5] = [0, 0, 0, 1, 0, 0, 0]
    assert spread(vectors, wanted=2, permits=lambda row: row in (0, 1, 5)) == [0, 1]


@settings(max_examples=150, deadline=None)
@given(
    n=st.integers(0, 30),
    wanted=st.integers(0, 35),
    refused=st.sets(st.integers(0, 29)),
    seed=st.integers(0, 99),
)
def test_nobody_is_asked_twice_and_who_is_refused_is_not_taken(
    n: int, wanted: int, refused: set[int], seed: int
) -> None:
    """As many as wanted of those permitted, each once, whatever the permits are."""
    asked: list[int] = []

    def permits(row: int) -> bool:
        asked.append(row)
        return row not in refused

    picked = spread(directions(n, seed=seed), wanted=wanted, permits=permits)
    assert len(set(asked)) == len(asked)
    assert picked == [row for row in asked if row not in refused]
    assert len(picked) == min(wanted, len(set(range(n)) - refused))


def test_a_refused_one_keeps_nobody_away() -> None:
    """Only picks count as taken ground: the double of a refused row is as far as it was."""
    vectors = np.array([[1, 0], [0, 1], [0, 1], [0.8, 0.6]], np.float32)
    assert spread(vectors, wanted=2, permits=lambda row: row != 1) == [0, 2]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_picks_are_farther_apart_than_the_best_are(seed: int) -> None:
    """The nearest two of ten picks are farther apart than the nearest two of the ten best."""
    vectors = directions(60, seed=seed)

    def nearest(rows: list[int]) -> float:
        cosines = vectors[rows] @ vectors[rows].T - 2 * np.eye(len(rows))
        return float(1 - cosines.max())

    assert nearest(spread(vectors, wanted=10, permits=lambda _: True)) > nearest(list(range(10)))
