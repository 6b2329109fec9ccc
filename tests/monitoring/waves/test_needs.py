"""Quotas add up, follow need, and put classes that moved first."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.waves.needs import MOVED_SHARE, quotas, risen

NAMES = tuple("abcdefgh")


@settings(max_examples=300, deadline=None)
@given(
    total=st.integers(0, 200),
    moved=st.lists(st.sampled_from(NAMES), max_size=4),
    lacking=st.dictionaries(st.sampled_from(NAMES), st.integers(0, 60)),
    target=st.integers(1, 40),
)
def test_quotas_add_up_and_follow_need(
    total: int, moved: list[str], lacking: dict[str, int], target: int
) -> None:
    """Every place is given while a class needs any, and of two of a kind the needier gets no fewer."""
    found = quotas(total, moved=moved, lacking=lacking, target=target)
    first = {name: max(lacking.get(name, 0), target) for name in moved}
    rest = {name: n for name, n in lacking.items() if n and name not in first}
    assert found.keys() <= first.keys() | rest.keys()
    assert sum(found.values()) == (total if first or rest else 0)
    assert all(n >= 1 for n in found.values())
    for needs in (first, rest):
        share = sum(found.get(name, 0) for name in needs)
        for name, need in needs.items():
            assert abs(found.get(name, 0) - share * need / sum(needs.values())) < 1
            assert all(found.get(name, 0) >= found.get(other, 0) for other in needs if need > needs[other])
    if first and rest:
        assert abs(sum(found.get(name, 0) for name in first) - MOVED_SHARE * total) <= 0.5 + 1e-6


def test_a_moved_class_that_lacks_nothing_asks_for_its_proof() -> None:
    """What it had before the change counts for nothing: it asks for the target, for more if it lacks more."""
    found = quotas(60, moved=["a", "b", "c"], lacking={"b": 30, "c": 3}, target=15)
    assert dict(found) == {"a": 15, "b": 30, "c": 15}


def test_places_that_do_not_divide_go_to_the_first_of_equals() -> None:
    """The order of the alarm decides, not that of the alphabet."""
    assert dict(quotas(5, moved=["z", "a", "m"], lacking={}, target=15)) == {"z": 2, "a": 2, "m": 1}


def test_a_class_named_twice_counts_once() -> None:
    """An alarm and the caller may both name it."""
    assert dict(quotas(10, moved=["a", "b", "a"], lacking={}, target=15)) == {"a": 5, "b": 5}


@pytest.mark.parametrize(
    ("old", "lower", "has_risen"),
    [(0.5, 0.751, True), (0.5, 0.75, False), (0.0, 0.001, True), (0.2, 0.1, False)],
)
def test_a_share_has_risen_when_its_lower_bound_is_half_more(
    old: float, lower: float, has_risen: bool
) -> None:
    """By more than half, and a class that was not there at all by anything."""
    assert risen({"a": (old, lower)}) == (["a"] if has_risen else [])
