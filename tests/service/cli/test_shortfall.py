"""What a fit says about a class that it could not certify."""

from dataclasses import replace

import pytest

from model_store import ClassThreshold, Target
from model_store.promises.thresholds import FrontierPoint, Goal, Interval, Status
from service.cli.shortfall import THRESHOLD_SHARE, shortfall

NONE = Interval(None, 0.0)


def threshold(status: Status, *points: FrontierPoint, n_needed: int | None = None) -> ClassThreshold:
    """Return a class of this status, asked for recall and precision."""
    return ClassThreshold(
        "hate",
        0.5,
        status,
        Target("hate", recall=0.85, precision=0.6),
        {},
        NONE,
        NONE,
        frontier=points if status == "infeasible" else None,
        n_needed=n_needed,
    )


def point(goal: Goal, recall: float, precision: float) -> FrontierPoint:
    """Return a point whose bounds are a tenth below its estimates."""
    return FrontierPoint(goal, 0.5, Interval(recall, recall - 0.1), Interval(precision, precision - 0.1))


AT_RECALL = point("best_precision_at_recall", 0.86, 0.31)
AT_PRECISION = point("best_recall_at_precision", 0.42, 0.61)
HIGHEST = point("highest_precision", 0.12, 0.55)
RECALL_WORDS = "at that recall the best precision is 0.310 (>= 0.210)"


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ((AT_RECALL, AT_PRECISION), [RECALL_WORDS, "at that precision the best recall is 0.420 (>= 0.320)"]),
        ((AT_RECALL, HIGHEST), [RECALL_WORDS, "the highest precision is 0.550 (>= 0.450), at recall 0.120"]),
        ((), ["too few rows"]),
    ],
    ids=["both", "a precision out of reach", "no frontier"],
)
def test_an_infeasible_target_is_answered_with_what_can_be_had(
    points: tuple[FrontierPoint, ...], words: list[str]
) -> None:
    """The figure that each half of the target leaves for the other, with its bound."""
    line = shortfall(threshold("infeasible", *points))
    assert line is not None
    assert line.startswith("hate: infeasible, recall 0.85 with precision 0.6 cannot be had; ")
    assert all(word in line for word in words), line


def test_too_few_positives_are_answered_with_how_many_more() -> None:
    """In the split that counts, and in the rows of a file, of which that split is a fifth."""
    line = shortfall(threshold("insufficient_data", n_needed=17))
    assert line is not None
    assert "at least 17 more positives in the threshold split" in line
    assert "about 85 more rows" in line


def test_an_estimate_is_called_one() -> None:
    """`empirical` claims nothing about other rows."""
    assert "an estimate without guarantee" in str(shortfall(threshold("empirical")))


def test_positives_that_repeat_are_named_with_their_groups() -> None:
    """They are why many positives prove little."""
    repeating = {"n_positive": {"train": 90, "threshold": 60}, "n_groups": 20}
    assert str(shortfall(replace(threshold("empirical"), **repeating))).endswith(
        "; an estimate without guarantee; 60 positives in 20 groups of alike rows"
    )
    assert "; 60 positives in 20 groups of alike rows" in str(
        shortfall(replace(threshold("insufficient_data", n_needed=5), **repeating))
    )
    assert shortfall(replace(threshold("certified"), **repeating)) is None


def test_a_certified_class_needs_no_line() -> None:
    """Its bound is in the table."""
    assert shortfall(threshold("certified")) is None


def test_the_share_of_the_threshold_split_is_that_of_the_splits() -> None:
    """It is written down twice, since a serving image cannot import the splits."""
    splits = pytest.importorskip("model_store.data.splits")
    assert splits.SHARES[2] == THRESHOLD_SHARE


def test_a_class_that_abstains_says_what_it_leaves_to_people() -> None:
    """Also when its claim is certified, for that is the price of it."""
    wide = replace(threshold("certified"), review_from=0.2, review_share=Interval(0.094, 0.07, 0.12))
    assert shortfall(wide) == (
        "hate: certified, recall 0.85 with precision 0.6; 9.4% (7.0%-12.0%) of items go to people"
    )
    assert shortfall(threshold("certified")) is None


def test_a_proof_that_failed_is_told_from_one_that_was_not_asked_for() -> None:
    """Whoever wrote certify=true wants to know why it says empirical."""
    asked = threshold("empirical")
    assert "an estimate without guarantee" in (shortfall(asked) or "")
    wanted = replace(asked, target=replace(asked.target, certify=True))
    assert "the proof that was asked for failed on them" in (shortfall(wanted) or "")
