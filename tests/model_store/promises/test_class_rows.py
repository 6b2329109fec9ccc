"""Tests of `model_store.promises.class_rows`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from model_store.promises.class_rows import ClassRows, Tally
from model_store.promises.targets import Target


def rows(
    scores: list[float], positive: list[bool], weights: list[float] | None = None, *, recall: float = 0.7
) -> ClassRows:
    """Return rows of one class, weighted or not."""
    return ClassRows(
        name="a",
        scores=np.array(scores, dtype=np.float32),
        positive=np.array(positive),
        target=Target("a", recall=recall),
        delta=0.1,
        proves=weights is None,
        weights=None if weights is None else np.array(weights),
    )


def test_a_tally_of_unequal_weights_by_hand():
    """Weights 1, 1, 2: (1 + 1 + 2)^2 / (1 + 1 + 4) effective rows, half of them successes by weight."""
    tally = Tally.of(np.array([1.0, 1.0, 2.0]), np.array([True, True, False]))
    assert tally.trials == pytest.approx(16 / 6)
    assert tally.estimate == pytest.approx(0.5)
    assert tally.successes == pytest.approx(8 / 6)


@given(counts=st.tuples(st.integers(0, 40), st.integers(1, 40)), scale=st.floats(0.01, 100))
@settings(deadline=None)
def test_equal_weights_are_counts_whatever_their_scale(counts: tuple[int, int], scale: float):
    """Weights say how rows compare; a common factor changes nothing."""
    hits, misses = counts
    which = np.arange(hits + misses) < hits
    tally = Tally.of(np.full(hits + misses, scale), which)
    assert (tally.successes, tally.trials) == (pytest.approx(hits), pytest.approx(hits + misses))


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (3, 20), (20, 20)])
def test_a_two_sided_interval_is_clopper_and_pearsons(hits: int, n: int):
    """The same as scipy's exact interval."""
    found = Tally(hits, n).two_sided(0.1)
    expected = binomtest(hits, n).proportion_ci(confidence_level=0.9, method="exact")
    assert (found.lower, found.upper) == (pytest.approx(expected.low), pytest.approx(expected.high))
    assert found.estimate == hits / n


def test_nothing_counted_claims_nothing():
    """No rows, or rows that all weigh nothing: no estimate and bounds that hold for everything."""
    for tally in (Tally.of(np.empty(0), np.empty(0, np.bool_)), Tally.of(np.zeros(3), np.ones(3, np.bool_))):
        assert tally.estimate is None
        found = tally.two_sided(0.1)
        assert (found.lower, found.upper) == (0, 1)


def test_what_is_counted_at_a_threshold():
    """Recall is of positives, precision of flagged rows, and what lies between two thresholds is of all."""
    of = rows([0.9, 0.8, 0.7, 0.6], [True, False, True, True])
    assert of.recall_at(0.7) == Tally(2, 3)
    assert of.precision_at(0.7) == Tally(2, 3)
    assert of.precision_at(0.85) == Tally(1, 1)
    assert of.between(0.7, 0.9) == Tally(2, 4)
    assert of.precision_at(0.95) == Tally(0, 0)


def test_the_own_quantile_weighs_positives():
    """Seven of ten equal positives; or one that stands for nine of ten items."""
    scores = [0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5]
    assert rows(scores, [True] * 10).own_quantile() == pytest.approx(0.65)
    assert rows(scores, [True] * 10, [81.0] + [1.0] * 9).own_quantile() == pytest.approx(0.95)


@given(seed=st.integers(0, 500), values=st.integers(3, 40))
@settings(max_examples=30, deadline=None)
def test_a_curve_says_what_counting_at_each_candidate_says(seed: int, values: int):
    """Ties included, for equal weights and for others."""
    rng = np.random.default_rng(seed)
    scores = (rng.integers(1, values + 1, 80) / 50).tolist()
    positive = (rng.random(80) < 0.4).tolist()
    for weights in (None, rng.uniform(0.5, 3, 80).tolist()):
        of = rows(scores, positive, weights)
        curve = of.curve()
        assert (curve.trials >= 10 - 1e-9).all()
        bounds = curve.precision_bounds(0.1)
        for i, threshold in enumerate(curve.thresholds):
            precision = of.precision_at(float(threshold))
            assert curve.recall[i] == pytest.approx(of.recall_at(float(threshold)).estimate)
            assert curve.precision[i] == pytest.approx(precision.estimate)
            assert curve.trials[i] == pytest.approx(precision.trials)
            assert bounds[i] == pytest.approx(precision.lower(0.1))
