"""How soon a change would be noticed, and what can never be."""

import math

import pytest

from monitoring.planning import items_to_detect


def plan(share: float = 0.04, ratio: float = 2.0, **changes: float):
    """Return `items_to_detect` under ordinary conditions, with `changes`."""
    ordinary = {"threshold": 16.5, "weight": 0.75, "bucket_items": 20.0, "reference_items": 20_000.0}
    return items_to_detect(share, ratio, **{**ordinary, **changes})


def test_planning_gives_items_that_shrink_with_the_change_and_grow_with_tolerance():
    """A larger change is found sooner, a tolerance or a smaller reference makes it later."""
    assert plan(ratio=3.0) < plan(ratio=2.0) < plan(ratio=1.5)
    assert plan() < plan(tolerance=0.1)
    assert plan(reference_items=math.inf) < plan() < plan(reference_items=3_000.0)


@pytest.mark.parametrize(
    "impossible",
    [
        pytest.param({"ratio": 1.05, "tolerance": 0.1}, id="within the tolerance"),
        pytest.param({"share": 0.6}, id="twice the share is more than all"),
        pytest.param({"share": 0.0}, id="absent from the reference"),
        pytest.param({"reference_items": 300.0}, id="reference too small"),
        pytest.param({"weight": 0.0}, id="not watched"),
        pytest.param({"ratio": 1.0}, id="no change"),
    ],
)
def test_planning_says_when_a_change_cannot_be_noticed(impossible: dict[str, float]):
    """None, not a number that will never come true."""
    assert plan(**impossible) is None


def test_a_class_that_vanishes_can_be_planned_for():
    """A fall to nothing has a finite answer too."""
    assert 0 < plan(ratio=0.0) < plan(ratio=0.5)
