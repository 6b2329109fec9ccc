"""Tests of `model_store.reports.metrics`."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from model_store.reports.metrics import (
    average_precision,
    clopper_pearson,
    macro_f1,
    roc_auc,
    share,
    threshold_curve,
)


@given(n=st.integers(5, 200), k=st.integers(2, 6), seed=st.integers(0, 1_000))
@settings(max_examples=40, deadline=None)
def test_macro_f1_counts_no_answer_as_an_answer_of_its_own(n: int, k: int, seed: int):
    """It is not averaged, and it costs the recall of the true class."""
    rng = np.random.default_rng(seed)
    labels, predicted = rng.integers(0, k, n), rng.integers(-1, k, n)
    check = f1_score(labels, predicted, labels=range(k), average="macro", zero_division=0)
    assert macro_f1(labels, predicted, n_classes=k) == pytest.approx(check)


def test_macro_f1_of_one_label_is_that_of_its_positives():
    """The items without it are no class of their own."""
    true, said = np.array([[True], [False], [True]]), np.array([[True], [False], [False]])
    assert macro_f1(true, said, n_classes=1) == pytest.approx(2 / 3)


@pytest.mark.parametrize("area", [average_precision, roc_auc])
def test_an_area_without_positives_is_undefined(area: Callable[..., float | None]):
    """It is not 0, which would say the model is bad, and no warning is raised."""
    assert area(np.array([0.1, 0.2]), np.array([False, False])) is None


def test_roc_auc_without_negatives_is_undefined_while_average_precision_is_one():
    """Every item that is flagged is right then."""
    scores, all_true = np.array([0.1, 0.2]), np.array([True, True])
    assert roc_auc(scores, all_true) is None
    assert average_precision(scores, all_true) == 1.0


@given(n=st.integers(1, 300), hits=st.integers(0, 300))
@settings(max_examples=60, deadline=None)
def test_the_interval_is_that_of_clopper_and_pearson(n: int, hits: int):
    """As scipy computes it."""
    hits = min(hits, n)
    exact = binomtest(hits, n).proportion_ci(0.95, method="exact")
    assert clopper_pearson(hits, n) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_a_share_of_nothing_claims_nothing():
    """No estimate, and the interval holds every proportion."""
    found = share(np.zeros(0, dtype=bool))
    assert (found.estimate, found.lower, found.upper, found.rows) == (None, 0.0, 1.0, 0)


@given(n=st.integers(1, 100), seed=st.integers(0, 1_000), weight=st.floats(0.1, 50))
@settings(max_examples=40, deadline=None)
def test_equal_weights_change_nothing(n: int, seed: int, weight: float):
    """Only the ratios of weights count."""
    hit = np.random.default_rng(seed).random(n) < 0.3
    plain, weighted = share(hit), share(hit, np.full(n, weight))
    assert (weighted.estimate, weighted.lower, weighted.upper) == pytest.approx(
        (plain.estimate, plain.lower, plain.upper), abs=1e-6
    )


def test_unequal_weights_move_the_estimate_and_widen_the_interval():
    """100 rows of which one stands for as many items as the other 99 are worth four, not 100."""
    hit = np.array([True] + [False] * 99)
    weights = np.array([99.0] + [1.0] * 99)
    found = share(hit, weights)
    assert found.estimate == pytest.approx(0.5)
    assert found.lower < 0.1
    assert found.upper > 0.9
    assert found.effective == found.worth == pytest.approx(4.0, abs=0.1)
    assert (share(hit).effective, share(hit).worth) == (None, 100)


@given(n=st.integers(2, 300), values=st.integers(1, 40), seed=st.integers(0, 1_000))
@settings(max_examples=40, deadline=None)
def test_every_point_of_a_curve_is_what_flagging_from_there_on_gives(n: int, values: int, seed: int):
    """Tied scores too; thresholds ascend and recall falls."""
    rng = np.random.default_rng(seed)
    scores, positive = rng.integers(0, values, n) / values, rng.random(n) < 0.4
    positive[0] = True
    curve = threshold_curve(scores, positive, most=20)
    assert curve is not None
    assert len(curve.thresholds) <= 20
    assert list(curve.thresholds) == sorted(curve.thresholds)
    for t, precision, recall in zip(curve.thresholds, curve.precision, curve.recall, strict=True):
        flagged = scores >= t - 1e-6
        assert precision == pytest.approx(positive[flagged].mean(), abs=1e-6)
        assert recall == pytest.approx((positive & flagged).sum() / positive.sum(), abs=1e-6)


def test_a_curve_keeps_its_ends_and_both_sides_of_a_jump():
    """A line drawn from the last point before a gap to the first behind it is where nothing was flagged."""
    scores = np.concatenate([np.linspace(0, 0.1, 10_000), np.linspace(0.9, 1, 10)])
    curve = threshold_curve(scores, np.ones(len(scores), dtype=bool), most=30)
    assert curve is not None
    assert (curve.thresholds[0], curve.thresholds[-1]) == (0.0, 1.0)
    assert 0.1 in curve.thresholds
    assert 0.9 in curve.thresholds
