"""A batch says where it comes from, and whether its draws are a whole sample."""

from dataclasses import replace
from typing import Any

import pytest

from monitoring.waves.strata import all_time
from monitoring.waves.taken import Taken
from tests.support.waves import population, text_of, wave_of


def test_the_manifest_tells_where_the_batch_comes_from():
    """What the caller knows is in it, and what was counted: occurrences and draws of every source."""
    candidates = population(400, seed=15)
    counts = {"email": 9000, "chat": 1000, "phone": 0}
    wave = wave_of(
        candidates, epoch_counts=all_time(counts), about={"alarm": "alarm-1", "window": {"first_epoch": 3}}
    )
    assert wave.manifest["alarm"] == "alarm-1"
    assert wave.manifest["schema"] == 3
    sources = wave.manifest["sources"]
    assert sources["email"]["occurrences"] == 9000
    draws = (sources["email"]["draws"], sources["chat"]["draws"], sources["phone"]["draws"])
    assert draws in {(13, 2, 0), (14, 1, 0)}  # 13.5 and 1.5, rounded by the seed
    explored = {item.inclusion_probability for item in wave.items if item.slice == "explore"}
    assert explored == {15 / 10_000}  # of both sources, whatever their draws came to


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda one: replace(one, text=f"{text_of(0)} {one.key}"), "several draws are one item"),
        (lambda one: replace(one, text=None, item_id=None), "a draw nobody could recognise"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_sample_with_a_draw_that_is_no_item_is_not_complete(change: Any, why: str):
    """Of the ten smallest priorities two lose what tells them apart, or themselves."""
    candidates = sorted(population(400, seed=21, sources=("email",)), key=lambda one: one.priority)
    assert wave_of(candidates).manifest["complete_sample"] is True, why
    assert wave_of([*map(change, candidates[:2]), *candidates[2:]]).manifest["complete_sample"] is False


def test_a_sample_without_the_draws_that_were_labelled_before_is_not_complete():
    """Nothing says where; they are left out, not replaced, and the weights of the others stay."""
    candidates = population(400, seed=21, sources=("email",))
    first = min(candidates, key=lambda one: one.priority)
    wave = wave_of(candidates, taken=Taken(keys={first.key}))
    assert wave.manifest["complete_sample"] is False
    assert wave.manifest["left_out"]["draws_already_taken"] == 1
    assert sum(item.weight for item in wave.items) == pytest.approx(400 * 14 / 15)


def test_a_draw_that_is_an_item_of_another_batch_is_that_item():
    """It is in the manifest with its place and its chance, and the sample is whole: nobody is asked twice."""
    candidates = population(400, seed=21, sources=("email",))
    first = min(candidates, key=lambda one: one.priority)
    known = Taken({first.key}, places={first.key: ("b1", 3)}, contents={first.key: first.text or ""})
    wave = wave_of(candidates, taken=known)
    assert wave.manifest["complete_sample"] is True
    assert wave.manifest["draws_taken"] == [
        {
            "batch": "b1",
            "rank": 3,
            "source": "email",
            "at": first.at,
            "chance": 15 / 400,
            "priority": first.priority,
            "carried": True,
        }
    ]
    assert first.key not in {item.key for item in wave.items}
    other = wave_of(candidates, taken=replace(known, contents={first.key: "other words"}))
    assert other.manifest["complete_sample"] is False
