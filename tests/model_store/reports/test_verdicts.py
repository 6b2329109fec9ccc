"""Tests of `model_store.reports.verdicts`."""

from dataclasses import replace

import numpy as np
import pytest

from model_store.promises.thresholds import ClassThreshold, Interval, Status, n_min, parse_target
from model_store.reports.metrics import Share, clopper_pearson, share
from model_store.reports.verdicts import checks, fewest_rows


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
    [
        (95, 100, "confirmed"),
        (108, 124, "not contradicted"),
        (70, 100, "contradicted"),
        (0, 0, "not measured"),
        (15, 15, "not contradicted"),
        (14, 14, "too few rows"),
        (0, 1, "too few rows"),
        (1, 3, "too few rows"),
        (6, 10, "too few rows"),
        (0, 3, "contradicted"),
    ],
)
def test_a_verdict_compares_what_was_asked_with_the_whole_interval(hits: int, n: int, verdict: str):
    """Above it, below it, in it - which few rows would be whatever is true - or nothing to compare with."""
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


def test_few_rows_are_counted_by_what_their_weights_leave_of_them():
    """Forty rows of which one stands for nearly everything are one."""
    heavy = share(np.ones(40, dtype=bool), np.array([1_000.0] + [1.0] * 39))
    (found,) = checks(_threshold("hate:recall=0.85"), caught=heavy, precision=_share(1, 2))
    assert found.verdict == "too few rows"
    even = share(np.arange(40) < 36, np.full(40, 7.0))
    (found,) = checks(_threshold("hate:recall=0.85"), caught=even, precision=_share(1, 2))
    assert found.verdict == "not contradicted"


@pytest.mark.parametrize("asked", [0.05, 0.3, 0.5, 0.85])
def test_from_the_fewest_rows_on_half_of_what_was_asked_is_noticed(asked: float):
    """In four of five samples drawn at random, and with half as many rows less often."""
    rng = np.random.default_rng(0)

    def noticed(n: int) -> float:
        hits, counts = np.unique(rng.binomial(n, asked / 2, 20_000), return_counts=True)
        below = np.array([clopper_pearson(int(k), n)[1] < asked for k in hits])
        return float(counts[below].sum() / counts.sum())

    assert noticed(fewest_rows(asked)) > 0.79
    assert noticed(fewest_rows(asked) // 2) < 0.75


def test_a_high_ratio_takes_as_many_rows_as_its_claim():
    """Fewer could not have claimed it, so they cannot say much for it."""
    assert fewest_rows(0.99) == n_min(0.99, 0.1) == 230
