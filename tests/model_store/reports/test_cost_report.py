"""Tests of `model_store.reports.cost_report`."""

import json

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.costs import Costs, binary_threshold
from model_store.reports.cost_report import cost_report

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def _drawn(n: int, k: int, seed: int) -> tuple[Floats, Labels]:
    """Return calibrated probabilities, and labels drawn from them; the last class is rare."""
    rng = np.random.default_rng(seed)
    weight = np.full(k, 2.0)
    weight[-1] = 0.1
    p = rng.dirichlet(weight, n)
    return p.astype(np.float32), (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1).clip(max=k - 1)


def _costs(k: int, *, review: float | None = None) -> Costs:
    """Return costs in which missing the last class costs 20, and any other mistake 1."""
    matrix = 1.0 - np.eye(k)
    matrix[-1, :-1] = 20
    return Costs(tuple("abcdef"[:k]), matrix, review)


def test_costs_of_four_items_by_hand():
    """Realised by the true class, expected by the probabilities, review at its own price."""
    p = np.array([[0.9, 0.1], [0.97, 0.03], [0.4, 0.6], [0.99, 0.01]], dtype=np.float32)
    report = cost_report(_costs(2, review=0.3), p, np.array([1, 0, 1, 0]))
    assert report.most_probable.realised == 5  # a miss at 20, three right
    assert report.most_probable.expected == pytest.approx((2 + 0.6 + 0.4 + 0.2) / 4)
    assert report.bayes.realised == 0  # calls the first the rare class
    assert report.bayes.expected == pytest.approx((0.9 + 0.6 + 0.4 + 0.2) / 4)
    assert report.bayes_with_review is not None
    assert report.bayes_with_review.review_share == 0.75
    assert report.bayes_with_review.realised == pytest.approx(0.9 / 4)
    assert report.bayes_with_review.expected == pytest.approx((0.9 + 0.2) / 4)
    assert report.binary_threshold == pytest.approx(1 / 21)
    assert (report.constant, report.threshold) == ("b", pytest.approx(0.97))


def test_on_calibrated_rows_the_bayes_decision_beats_both_rivals_and_a_review_helps_further():
    """And what it expects to cost is what it costs, within sampling error."""
    p, labels = _drawn(20_000, 4, 1)
    report = cost_report(_costs(4, review=0.3), p, labels)
    assert report.bayes_with_review is not None
    assert report.bayes.realised < 0.9 * report.most_probable.realised
    assert report.bayes.realised < 0.9 * report.global_threshold.realised
    assert report.bayes_with_review.realised < 0.9 * report.bayes.realised
    assert report.bayes.realised == pytest.approx(report.bayes.expected, rel=0.05)
    assert 0 < report.bayes_with_review.review_share < 1


@given(seed=st.integers(0, 10_000), n=st.integers(1, 60), k=st.integers(2, 4), weighted=st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_global_threshold_is_the_best_there_is_on_the_rows(seed: int, n: int, k: int, weighted: bool):
    """No other threshold from the same constant answer costs less, and neither does no threshold."""
    p, labels = _drawn(n, k, seed)
    p = p.round(1)
    rng = np.random.default_rng(seed)
    w = rng.uniform(0.5, 2, n) if weighted else np.ones(n)
    costs = Costs(tuple("abcd"[:k]), rng.uniform(0.1, 5, (k, k)))
    report = cost_report(costs, p, labels, weights=w if weighted else None)
    constant = costs.classes.index(report.constant)
    others = np.where(np.arange(k) == constant, -1, p)
    best = np.inf
    for t in [2.0, *np.unique(p)]:
        answers = np.where(others.max(axis=1) >= t, others.argmax(axis=1), constant)
        best = min(best, float((costs.matrix[labels, answers] * w).sum() / w.sum()))
    assert report.global_threshold.realised == pytest.approx(best)
    constants = [(costs.matrix[labels, j] * w).sum() for j in range(k)]
    assert constants[constant] == min(constants)


def test_with_two_classes_the_best_threshold_comes_near_the_one_of_the_costs():
    """On calibrated rows in plenty."""
    rng = np.random.default_rng(3)
    second = rng.uniform(0, 1, 40_000)
    p = np.column_stack([1 - second, second]).astype(np.float32)
    costs = Costs(("no", "yes"), np.array([[0.0, 3.0], [1.0, 0.0]]))
    report = cost_report(costs, p, (rng.random(40_000) < second).astype(np.int64))
    assert report.constant == "no"
    assert report.threshold == pytest.approx(binary_threshold(costs), abs=0.03)


def test_a_class_pays_what_its_items_cost():
    """Weighted by their items the classes' costs are the whole; a class without rows has none."""
    p, labels = _drawn(2_000, 3, 4)
    labels[labels == 1] = 0
    report = cost_report(_costs(3), p, labels)
    assert [each.items for each in report.classes] == np.bincount(labels, minlength=3).tolist()
    assert report.classes[1].bayes is None
    assert report.classes[2].dearest_cost == 20
    for way, whole in (("bayes", report.bayes), ("most_probable", report.most_probable)):
        total = sum((getattr(each, way) or 0) * each.items for each in report.classes)
        assert total / 2_000 == pytest.approx(whole.realised)
    # the rare class is where the costs pay
    rare = report.classes[2]
    assert rare.bayes is not None
    assert rare.most_probable is not None
    assert rare.bayes < rare.most_probable


def test_without_a_cost_of_review_nobody_reviews():
    """The way that reviews is left out, of the JSON's classes too."""
    p, labels = _drawn(50, 2, 5)
    report = cost_report(_costs(2), p, labels)
    assert report.bayes_with_review is None
    assert list(report.ways) == ["most probable class", "one threshold for all", "least expected cost"]
    found = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert found["review_cost"] is None
    assert found["classes"][0]["bayes_with_review"] is None
    assert len(cost_report(_costs(2, review=1), p, labels).ways) == 4
