"""Tests of `monitoring.recording.meterings`."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from monitoring.recording.meterings import added, from_json, summed, to_json

vectors = hnp.arrays(np.int64, 5, elements=st.one_of(st.just(0), st.integers(-(2**62), 2**62)))
metered = st.dictionaries(st.sampled_from(["score", "mass", "unique"]), vectors)


def lists(meters: dict[str, np.ndarray]) -> dict[str, list[int]]:
    """As something that compares."""
    return {name: counts.tolist() for name, counts in meters.items()}


@given(meters=metered)
def test_meters_come_back_equal(meters: dict[str, np.ndarray]) -> None:
    """Through JSON, sparse or not; no meter at all is no value."""
    stored = to_json(meters)
    assert (stored is None) == (not meters)
    assert lists(from_json(json.loads(json.dumps(stored)))) == lists(meters)


@given(a=metered, b=metered, c=metered)
def test_adding_is_associative_and_leaves_the_parts(
    a: dict[str, np.ndarray], b: dict[str, np.ndarray], c: dict[str, np.ndarray]
) -> None:
    """Whoever adds first; a meter that one part lacks is the sum of the others."""
    before = [lists(each) for each in (a, b, c)]
    assert lists(added(added(a, b), c)) == lists(added(a, added(b, c))) == lists(added(a, b, c))
    assert [lists(each) for each in (a, b, c)] == before
    assert lists(summed(map(to_json, (a, b, c)))) == lists(added(a, b, c))


def test_rows_of_earlier_releases_add_nothing() -> None:
    """They have no meters."""
    assert lists(summed([None, {"score": [1, 2]}, None])) == {"score": [1, 2]}


def test_of_two_lengths_the_later_counts() -> None:
    """Only another release can change what a meter is."""
    old, new = {"score": np.array([1, 2])}, {"score": np.array([3, 4, 5])}
    assert lists(added(old, new)) == {"score": [3, 4, 5]}


def test_zeros_take_little_room() -> None:
    """A thousand cells of which three are filled."""
    counts = np.zeros(1_000, np.int64)
    counts[[3, 500, 999]] = 7
    assert len(json.dumps(to_json({"joint": counts}))) < 80
