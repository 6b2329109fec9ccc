"""Tests of `model_store.promises.targets`."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import TargetError
from model_store.promises.targets import (
    DEFAULT_RECALL,
    Target,
    check_delta,
    check_targets,
    class_deltas,
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hate:recall=0.85", Target("hate", recall=0.85)),
        ("hate:precision=.6", Target("hate", precision=0.6)),
        ("hate: precision = 0.6 , recall = 0.85", Target("hate", recall=0.85, precision=0.6)),
        ("a:b:recall=0.5", Target("a:b", recall=0.5)),
        ("with space:recall=0.5", Target("with space", recall=0.5)),
        ("a=b:recall=0.5", Target("a=b", recall=0.5)),
        ("hate:recall=0.85,confidence=0.95", Target("hate", recall=0.85, confidence=0.95)),
        ("hate:precision=0.6,certify=true", Target("hate", precision=0.6, certify=True)),
        ("hate:precision=0.6,certify=false", Target("hate", precision=0.6)),
        (
            "hate:recall=0.8,precision=0.6,priority=abstain",
            Target("hate", recall=0.8, precision=0.6, priority="abstain"),
        ),
        (
            "hate:priority=precision_first,precision=0.6",
            Target("hate", precision=0.6, priority="precision_first"),
        ),
    ],
)
def test_targets_are_read(text: str, expected: Target):
    """The grammar of the command line."""
    assert parse_target(text) == expected


@given(
    recall=st.none() | st.floats(0.01, 0.99),
    precision=st.floats(0.01, 0.99),
    confidence=st.none() | st.floats(0.5, 0.999),
    abstain=st.booleans(),
    certify=st.booleans(),
)
def test_a_target_is_read_as_it_is_written(
    recall: float | None, precision: float, confidence: float | None, abstain: bool, certify: bool
):
    """A bundle keeps what was asked as text, to the last digit."""
    priority: Any = "abstain" if abstain and recall is not None else "precision_first"
    target = Target("a: b", recall, precision, confidence, priority, certify)
    assert parse_target(str(target)) == target


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hate", "expected CLASS:recall=R"),
        ("hate:", "expected CLASS:recall=R"),
        (":recall=0.8", "expected CLASS:recall=R"),
        ("hate:0.85", "expected CLASS:recall=R"),
        ("hate:f1=0.8", "'f1' is not understood; expected CLASS:recall=R"),
        ("hate:recall=0.8,recall=0.9", "recall is given twice"),
        ("hate:recall=0.8,certify=true,certify=true", "certify is given twice"),
        ("hate:confidence=0.9", "expected recall=, precision= or both"),
        ("hate:recall=", "is not a number"),
        ("hate:recall=85%", "is not a number"),
        ("hate:recall=nan", "is not a number"),
        ("hate:recall=0", "not between 0 and 1"),
        ("hate:recall=85", "not between 0 and 1"),
        ("hate:precision=-0.1", "not between 0 and 1"),
        ("hate:recall=0.8,confidence=much", "confidence 'much' is not a number"),
        ("hate:recall=0.8,confidence=nan", "confidence nan is not a number"),
        ("hate:recall=0.8,confidence=1", r"confidence 1 is not in \[0.5, 1\); write it as 0.9"),
        ("hate:recall=0.8,confidence=0.1", r"confidence 0.1 is not in \[0.5, 1\)"),
        ("hate:recall=0.8,confidence=95", r"confidence 95 is not in \[0.5, 1\)"),
        ("hate:recall=0.8,certify=yes", "certify 'yes': expected true or false"),
        ("hate:recall=0.8,priority=first", "expected one of recall_first, precision_first, abstain"),
        ("hate:recall=0.8,priority=precision_first", "precision_first needs a precision; add precision=P"),
        ("hate:recall=0.8,priority=abstain", "needs a recall and a precision; add precision=P"),
        ("hate:precision=0.8,priority=abstain", "needs a recall and a precision; add recall=R"),
    ],
)
def test_an_unreadable_target_says_what_is_expected(text: str, said: str):
    """One line that names the value and what is allowed."""
    with pytest.raises(TargetError, match=said) as caught:
        parse_target(text)
    assert "\n" not in str(caught.value)
    assert "hate" in str(caught.value) or text.startswith(":")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "hate:recall=1.0",
            "at confidence 0.9 .* 0.95 takes 45, 0.99 takes 230, 0.999 takes 2,302 positives",
        ),
        ("hate:recall=1,confidence=0.95", "at confidence 0.95 .* 0.95 takes 59, 0.99 takes 299"),
        ("hate:precision=1", ".* 0.99 takes 230, 0.999 takes 2,302 flagged items"),
    ],
)
def test_a_target_of_one_says_how_many_the_next_best_takes(text: str, said: str):
    """No number of rows shows that nothing is ever missed; what can be asked is named with its price."""
    with pytest.raises(TargetError, match=f"1 cannot be shown by any number of rows; ask for less: {said}"):
        parse_target(text)


@pytest.mark.parametrize(
    "wrong",
    [{"recall": "0.8"}, {"recall": True}, {"recall": 0.8, "certify": 1}],
    ids=["text", "truth", "certify"],
)
def test_a_value_of_another_type_is_refused(wrong: dict[str, Any]):
    """Whoever builds a target from JSON hears it here and not in a comparison."""
    with pytest.raises(TargetError, match="target for 'a'"):
        Target("a", **wrong)


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


def _asked(**confidences: float | None) -> dict[str, Target]:
    return {name: Target(name, recall=0.8, confidence=c) for name, c in confidences.items()}


def test_a_confidence_of_its_own_goes_before_the_general_delta():
    """0.95 leaves 0.05 exactly, as if it had been written as a delta."""
    deltas = class_deltas(_asked(a=0.95, b=None), delta=0.1, joint=False)
    assert deltas == {"a": 0.05, "b": 0.1}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (_asked(a=None, b=None, c=None, d=None), [0.025, 0.025, 0.025, 0.025]),
        (_asked(a=0.96, b=None, c=None), [0.04, 0.03, 0.03]),
        (_asked(a=0.95, b=0.95), [0.05, 0.05]),
        (_asked(a=0.99), [0.01]),
    ],
    ids=["equal", "one of its own", "all of their own", "less than all"],
)
def test_joint_deltas_sum_to_no_more_than_delta(asked: dict[str, Target], expected: list[float]):
    """Bonferroni: what all classes may fail with together is what was asked."""
    assert list(class_deltas(asked, delta=0.1, joint=True).values()) == pytest.approx(expected)


@pytest.mark.parametrize(
    "asked", [_asked(a=0.9, b=None), _asked(a=0.92, b=0.92)], ids=["nothing left", "more than all"]
)
def test_confidences_that_use_up_a_joint_claim_are_refused(asked: dict[str, Target]):
    """Nobody's claim may rest on a delta of nothing; the message names who took it."""
    with pytest.raises(TargetError, match=r"joint claims at confidence 0.9: the confidences of a"):
        class_deltas(asked, delta=0.1, joint=True)
