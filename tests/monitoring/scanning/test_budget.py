"""How the false-alarm budget is spread."""

import numpy as np
import pytest

from monitoring.scanning.budget import (
    column_weights,
    stream_shares,
    watch_weights,
    whole_mix_budget,
)


def test_of_two_categories_only_the_rarer_is_tested():
    """With two categories one count says all, so the whole budget is its own."""
    assert column_weights("mix", np.array([900, 100])).tolist() == [[0.0, 0.75], [0.0, 0.25]]
    assert column_weights("mix", np.array([5, 6])).tolist() == [[0.75, 0.0], [0.25, 0.0]]


def test_the_budget_adds_up_to_what_the_whole_mix_leaves():
    """Three quarters go to rises, and declared importance is spread in proportion."""
    weights = column_weights("mix", np.array([10, 20, 30]), watch=[2, 1, 1], whole_mix=0.2)
    assert weights.sum() == pytest.approx(0.8)
    assert weights[0].sum() == pytest.approx(0.6)
    assert weights[0, 0] == pytest.approx(2 * weights[0, 1])


def test_a_budget_for_the_wrong_number_of_categories_is_refused():
    """The error says how many shares are expected."""
    with pytest.raises(ValueError, match="expected 3"):
        column_weights("mix", np.array([1, 2, 3]), watch=[1, 1])


def test_cuts_are_watched_both_ways_alike_and_flags_as_classes_are():
    """A score that rises is no more important than one that falls; two flags are two counts."""
    assert column_weights("cuts", np.ones(2)).tolist() == [[0.25, 0.25], [0.25, 0.25]]
    assert column_weights("flags", np.array([900, 100])).tolist() == [[0.375, 0.375], [0.125, 0.125]]


def test_streams_share_sixty_twenty_five_fifteen():
    """All inputs together have 15 %, each as much as the other."""
    names = ["classes", "scores", "inputs:length", "inputs:unknown"]
    assert stream_shares(names) == pytest.approx((0.60, 0.25, 0.075, 0.075))


def test_what_an_absent_stream_would_have_goes_to_the_others():
    """Shares add up to 1 whatever there is, in proportion to what was declared."""
    assert stream_shares(["classes"]) == (1.0,)
    assert stream_shares(["classes", "scores"]) == pytest.approx((0.60 / 0.85, 0.25 / 0.85))
    assert stream_shares(["classes", "scores"], {"classes": 1, "scores": 3}) == (0.25, 0.75)


def test_a_stream_without_a_share_is_refused():
    """The error names it."""
    with pytest.raises(ValueError, match="weather"):
        stream_shares(["classes", "weather"])
    with pytest.raises(ValueError, match="not all 0"):
        stream_shares(["classes"], {"classes": 0.0})


def test_a_watch_list_leaves_the_rest_unwatched():
    """What is not on it weighs nothing; without one everything weighs the same."""
    assert watch_weights(("a", "b", "c"), {"c": 2.0}).tolist() == [0.0, 0.0, 2.0]
    assert watch_weights(("a", "b", "c")).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("watch", "why"),
    [
        pytest.param({"d": 1.0}, "'d'", id="unknown"),
        pytest.param({"a": -1.0}, ">= 0", id="negative"),
        pytest.param({"a": 0.0}, "not all 0", id="nothing"),
    ],
)
def test_a_watch_list_that_watches_nothing_is_refused(watch: dict[str, float], why: str):
    """The error says what is known or allowed."""
    with pytest.raises(ValueError, match=why):
        watch_weights(("a", "b", "c"), watch)


def test_only_a_mix_of_more_than_two_has_a_whole():
    """Flags and cuts are no mix, and of two categories one count tells everything."""
    found = [whole_mix_budget(kind, n) for kind, n in [("mix", 3), ("mix", 2), ("flags", 5), ("cuts", 5)]]
    assert found == [0.3, 0.0, 0.0, 0.0]


def test_a_thousand_categories_share_one_budget():
    """The weights of 1,000 categories add up to what the whole mix leaves."""
    assert column_weights("mix", np.arange(1_000), whole_mix=0.3).sum() == pytest.approx(0.7)
