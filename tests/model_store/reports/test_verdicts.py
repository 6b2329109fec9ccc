"""Tests of `model_store.reports.verdicts`."""

from dataclasses import replace

import numpy as np
import pytest

from model_store.promises.thresholds import ClassThreshold, Interval, Status, parse_target
from model_store.reports.metrics import Share, share
from model_store.reports.verdicts import checks


def _threshold(target: str, *, status: Status = "certified", delta: float = 0.1) -> ClassThreshold:
    asked = parse_target(target)
    return ClassThreshold(
        class_name=asked.class_name,
        threshold=0.5,
        status=status,
        target=asked,
        n_positive={"threshold": 100},
        recall=Interval(0.9, 0.86),
        precision=Interval(0.7, 0.62),
        delta=delta,
    )


def _share(hits: int, n: int) -> Share:
    return share(np.arange(n) < hits)


@pytest.mark.parametrize(
    ("hits", "n", "verdict"),
    [(95, 100, "confirmed"), (108, 124, "stands"), (70, 100, "contradicted"), (0, 0, "not measured")],
)
def test_a_verdict_compares_what_was_asked_with_the_whole_interval(hits: int, n: int, verdict: str):
    """Above it, in it, below it, or nothing to compare with."""
    (found,) = checks(_threshold("hate:recall=0.85"), caught=_share(hits, n), precision=_share(1, 2))
    assert (found.aspect, found.asked, found.confidence, found.bound) == ("recall", 0.85, 0.9, 0.86)
    assert found.verdict == verdict


@pytest.mark.parametrize("status", ["infeasible", "insufficient_data"])
def test_where_nothing_was_claimed_nothing_is_contradicted(status: Status):
    """The figure is shown all the same."""
    threshold = _threshold("hate:recall=0.85", status=status)
    (found,) = checks(threshold, caught=_share(1, 100), precision=_share(1, 2))
    assert found.verdict == "no claim"
    assert found.measured.estimate == 0.01


def test_recall_and_precision_are_checked_each_on_its_own_rows():
    """With the confidence that the class's own delta leaves."""
    threshold = _threshold("hate:recall=0.8,precision=0.6", delta=0.05)
    recall, precision = checks(threshold, caught=_share(90, 100), precision=_share(20, 100))
    assert (recall.verdict, precision.verdict) == ("confirmed", "contradicted")
    assert recall.confidence == precision.confidence == 0.95


def test_a_class_that_leaves_items_to_people_is_checked_with_them():
    """Its claim is about what is flagged or left to people, and the check says so."""
    threshold = replace(_threshold("hate:recall=0.8"), review_from=0.25)
    (found,) = checks(threshold, caught=_share(90, 100), precision=_share(1, 1))
    assert found.aspect == "recall with review"
