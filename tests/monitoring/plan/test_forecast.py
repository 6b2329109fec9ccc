"""Nothing is promised before there are labels; then rates carry over with bounds, and a rule says stop."""

import pytest

from monitoring.plan.earlier import Tally
from monitoring.plan.forecast import (
    POSITIVES,
    Expected,
    Stop,
    explored_labels,
    of_rates,
    of_scores,
    stop,
    wave_sizes,
)
from monitoring.plan.shares import SLICES, Slice


def test_a_pool_or_a_budget_ends_the_waves() -> None:
    """The last one is what is left."""
    assert wave_sizes(2000, 1000, 1500) == [1000, 500]
    assert wave_sizes(500, 1000, 9000) == [500]


def test_rates_carry_over_with_clopper_pearson_bounds() -> None:
    """0 of 10 is between 0 and 30.8 % (their table), 10 of 10 between 69.2 and 100 %."""
    measured = {"rare": Tally(10, 10), "spread": Tally(0, 10), "explore": Tally()}
    found = of_rates({"rare": 100, "spread": 100, "explore": 0}, measured)
    assert found == Expected(69, 131, "measured", 100.0)


def test_a_slice_without_labels_may_hold_none_or_all() -> None:
    """And no estimate is given then."""
    nothing: dict[Slice, Tally] = dict.fromkeys(SLICES, Tally())
    found = of_rates({"rare": 10, "spread": 10, "explore": 5}, nothing)
    assert found == Expected(0, 25, "unknown")


def test_calibrated_probabilities_add_up() -> None:
    """100 fair coins: 50, give or take 1.96 times 5."""
    assert of_scores([0.5] * 100) == Expected(40, 60, "model", 50.0)


@pytest.mark.parametrize(
    ("rare", "explore", "verdict"),
    [
        (Tally(10, 100), Tally(5, 100), "go on"),
        (Tally(9, 100), Tally(5, 100), "stop"),
        (Tally(1, 100), Tally(0, 100), "go on"),
        (Tally(0, 100), Tally(0, 100), "stop"),
        (Tally(), Tally(5, 100), "unknown"),
        (Tally(5, 100), Tally(), "unknown"),
    ],
)
def test_less_than_twice_the_explored_rate_stops(rare: Tally, explore: Tally, verdict: str) -> None:
    """Exactly twice goes on; nothing at all stops; without labels nobody knows."""
    assert stop({"rare": rare, "spread": Tally(), "explore": explore}).verdict == verdict


def test_the_rates_are_told() -> None:
    """As shares."""
    assert stop({"rare": Tally(3, 4), "explore": Tally(1, 4)}) == Stop("go on", 0.75, 0.25)


def test_a_rare_class_takes_many_explored_labels() -> None:
    """15 positives without a miss prove a recall of .85 with 90 % (.85 ** 15 < .1 < .85 ** 14)."""
    assert (POSITIVES, explored_labels(Tally(2, 100)), explored_labels(Tally(0, 100))) == (15, 750, None)
