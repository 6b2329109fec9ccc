"""Tests of `model_store.thresholds`."""

import pytest

from model_store.canonical import canonical_json
from model_store.errors import TargetError
from model_store.thresholds import (
    DEFAULT_RECALL,
    ClassThreshold,
    FrontierPoint,
    Interval,
    Target,
    check_delta,
    check_targets,
    n_min,
    parse_target,
)


def test_n_min():
    """The least n is where an unbroken run of successes is rarer than delta."""
    assert (n_min(0.5, 0.25), n_min(0.5, 0.125), n_min(0.9, 0.9**5), n_min(0.1, 0.5)) == (2, 3, 5, 1)
    assert (n_min(0.85, 0.1), n_min(0.8, 0.1), n_min(0.99, 0.1), n_min(0.85, 0.05)) == (15, 11, 230, 19)


def test_classes_without_a_target_get_the_default():
    """The default is a recall, the same for every class."""
    asked = check_targets([Target("a", recall=0.9)], ("a", "b"))
    assert asked == {"a": Target("a", recall=0.9), "b": Target("b", recall=DEFAULT_RECALL)}


POINT = FrontierPoint("highest_precision", 0.25, Interval(0.5, 0.4), Interval(0.9, 0.6))


@pytest.mark.parametrize(
    "threshold",
    [
        ClassThreshold(
            "a", 0.5, "certified", Target("a", 0.8), {"threshold": 90}, Interval(0.9, 0.8), Interval(1, 0.9)
        ),
        ClassThreshold(
            "a",
            0.125,
            "infeasible",
            Target("a", 0.8, 0.7),
            {},
            Interval(0.9, 0.8),
            Interval(0.2, 0.1),
            (POINT,),
        ),
        ClassThreshold(
            "a",
            0.5,
            "insufficient_data",
            Target("a", 0.8),
            {},
            Interval(None, 0),
            Interval(None, 0),
            n_needed=11,
        ),
    ],
    ids=lambda threshold: threshold.status,
)
def test_json_round_trip(threshold: ClassThreshold):
    """Every kind of result survives policy.json."""
    again = ClassThreshold.from_json(threshold.to_json())
    assert again == threshold
    assert canonical_json(again.to_json()) == canonical_json(threshold.to_json())


@pytest.mark.parametrize(
    ("change", "named"),
    [({"status": "sure"}, "sure"), ({"frontier": [{"goal": "best", "threshold": 1}]}, "best")],
    ids=["status", "goal"],
)
def test_a_word_outside_the_vocabulary_is_refused(change: dict[str, object], named: str):
    """A status that this release does not know may promise anything."""
    valid = ClassThreshold(
        "a", 0.5, "empirical", Target("a", 0.8), {}, Interval(1, 1), Interval(1, 1)
    ).to_json()
    with pytest.raises(ValueError, match=named):
        ClassThreshold.from_json({**valid, **change})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hate:recall=0.85", Target("hate", recall=0.85)),
        ("hate:precision=.6", Target("hate", precision=0.6)),
        ("hate: precision = 0.6 , recall = 0.85", Target("hate", recall=0.85, precision=0.6)),
        ("a:b:recall=0.5", Target("a:b", recall=0.5)),
        ("with space:recall=0.5", Target("with space", recall=0.5)),
    ],
    ids=["recall", "precision", "both with spaces", "colon in the name", "space in the name"],
)
def test_targets_are_read(text: str, expected: Target):
    """The grammar of the command line."""
    assert parse_target(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hate", "expected CLASS:recall=R"),
        ("hate:", "expected CLASS:recall=R"),
        (":recall=0.8", "expected CLASS:recall=R"),
        ("hate:0.85", "expected CLASS:recall=R"),
        ("hate:f1=0.8", "expected CLASS:recall=R"),
        ("hate:recall=0.8,recall=0.9", "expected CLASS:recall=R"),
        ("hate:recall=", "is not a number"),
        ("hate:recall=85%", "is not a number"),
        ("hate:recall=nan", "is not a number"),
        ("hate:recall=0", "not between 0 and 1"),
        ("hate:recall=85", "not between 0 and 1"),
        ("hate:precision=-0.1", "not between 0 and 1"),
        ("hate:recall=1.0", "cannot be shown by any number of rows.*0.99 takes 230.*positives"),
        ("hate:precision=1", "cannot be shown by any number of rows"),
    ],
)
def test_an_unreadable_target_says_what_is_expected(text: str, said: str):
    """One line that names the value and what is allowed."""
    with pytest.raises(TargetError, match=said) as caught:
        parse_target(text)
    assert "\n" not in str(caught.value)


def test_an_unknown_class_is_answered_with_the_classes():
    """The message lists what there is."""
    with pytest.raises(TargetError, match="unknown class 'hat'; the classes are hate, neither"):
        check_targets([Target("hat", recall=0.8)], ("hate", "neither"))


def test_two_targets_for_one_class_are_refused():
    """They would contradict each other."""
    with pytest.raises(TargetError, match="'a' has two targets"):
        check_targets([Target("a", recall=0.8), Target("a", precision=0.8)], ("a", "b"))


@pytest.mark.parametrize("delta", [0.0, 0.6, -1.0, float("nan")])
def test_a_delta_outside_its_range_is_refused(delta: float):
    """A confidence below one half promises nothing."""
    with pytest.raises(TargetError, match="delta"):
        check_delta(delta)
