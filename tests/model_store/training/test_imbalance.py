"""Tests of `model_store.training.imbalance`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.data.indicators import AnyLabels
from model_store.training.imbalance import (
    MOST_COPIES,
    Recipe,
    class_weights,
    drawn,
    effective_number_weights,
    rebalanced,
)
from model_store.training.recipes import RECIPES

COUNTS = st.lists(st.integers(1, 5_000), min_size=2, max_size=8).map(np.array)


@st.composite
def _training_rows(draw: st.DrawFn) -> tuple[np.ndarray, AnyLabels, int]:
    """Return numbers of training rows among others, and labels of either kind."""
    n_classes = draw(st.integers(2, 4))
    n = draw(st.integers(n_classes, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = np.sort(rng.choice(200, n, replace=False))
    if draw(st.booleans()):
        return rows, rng.random((n, n_classes)) < 0.3, n_classes
    return (
        rows,
        np.concatenate([np.arange(n_classes), rng.integers(n_classes, size=n - n_classes)]),
        n_classes,
    )


def test_class_weights_of_the_documented_example():
    """18,400 ordinary rows and 1,600 of spam: 0.54 and 6.25."""
    np.testing.assert_allclose(class_weights(np.array([18_400, 1_600])), [0.543478, 6.25], atol=1e-6)


@given(COUNTS)
@settings(max_examples=30, deadline=None)
def test_class_weights_make_classes_weigh_alike(counts: np.ndarray):
    """Weight times rows is N / K for every class."""
    np.testing.assert_allclose(class_weights(counts) * counts, counts.sum() / len(counts))


def test_a_class_without_rows_has_no_weight_and_is_not_counted():
    """In a fold without it, the others share what there is."""
    np.testing.assert_allclose(class_weights(np.array([30, 0, 10])), [2 / 3, 0, 2])
    assert effective_number_weights(np.array([30, 0, 10]))[1] == 0


def test_effective_numbers_are_those_of_the_paper():
    """By hand, beta 0.9: 1 row counts as 1, 2 as 1.9; weights as 1 to 1 / 1.9, at mean 1 over 3 rows."""
    expected = np.array([1, 1 / 1.9]) * 3 / (1 + 2 / 1.9)
    np.testing.assert_allclose(effective_number_weights(np.array([1, 2]), beta=0.9), expected)


@given(COUNTS, st.floats(0, 0.9999))
@settings(max_examples=50, deadline=None)
def test_effective_numbers_lie_between_no_weights_and_class_weights(counts: np.ndarray, beta: float):
    """A row weighs 1 on average, and beside a larger class none weighs more than N / (K n_c) has it."""
    weights = effective_number_weights(counts, beta=beta)
    assert np.average(weights, weights=counts) == pytest.approx(1)
    ratio = weights / weights[counts.argmax()]
    assert (ratio >= 1 - 1e-9).all()
    assert (ratio <= counts.max() / counts * (1 + 1e-9)).all()


@pytest.mark.parametrize("beta", [-0.1, 1.0, 1.5])
def test_beta_is_a_share(beta: float):
    """1 would divide nothing by nothing."""
    with pytest.raises(ValueError, match="expected a number in"):
        effective_number_weights(np.array([3, 4]), beta=beta)


@given(_training_rows(), st.sampled_from(RECIPES), st.integers(0, 5))
@settings(max_examples=80, deadline=None)
def test_only_training_rows_are_trained_on(
    given_rows: tuple[np.ndarray, AnyLabels, int], recipe: Recipe, seed: int
):
    """None of the 200 rows but those that were given, whatever the recipe; the weight in all is theirs."""
    rows, labels, n_classes = given_rows
    plan = rebalanced(recipe, rows, labels, n_classes=n_classes, per_label=labels.ndim == 2, seed=seed)
    assert set(plan.rows) <= set(rows)
    assert (np.diff(plan.rows) > 0).all()
    assert plan.weights.shape == (len(plan.rows), *labels.shape[1:])
    np.testing.assert_allclose(plan.weights.sum(axis=0), len(rows))
    if recipe != "undersample":
        np.testing.assert_array_equal(plan.rows, rows)


def test_undersampling_keeps_as_many_of_each_class_as_the_rarest_has():
    """Without repeats."""
    labels = np.repeat([0, 1, 2], [50, 7, 20])
    rows = drawn("undersample", np.arange(100, 177), labels, n_classes=3, seed=0)
    assert np.bincount(labels[rows - 100]).tolist() == [7, 7, 7]
    assert len(set(rows)) == 21


def test_oversampling_keeps_every_row_and_raises_the_rest_to_the_commonest():
    """All classes are of one size."""
    labels = np.repeat([0, 1, 2], [50, 7, 20])
    rows = drawn("oversample", np.arange(77), labels, n_classes=3, seed=0)
    assert set(rows) == set(range(77))
    assert np.bincount(labels[rows]).tolist() == [50, 50, 50]


def test_oversampling_has_a_limit():
    """Of a class of 2,000 and 30 of 1 the copies would be 62,000 rows: the small ones stay smaller."""
    labels = np.concatenate([np.zeros(2_000, dtype=int), np.arange(1, 31)])
    rows = drawn("oversample", np.arange(2_030), labels, n_classes=31, seed=0)
    counts = np.bincount(labels[rows])
    assert counts[0] == 2_000
    assert len(set(counts[1:])) == 1
    assert MOST_COPIES * 2_030 - 31 < len(rows) <= MOST_COPIES * 2_030


def test_a_row_of_several_labels_counts_for_the_rarest():
    """Rows of the common label alone are drawn down to it; rows of none are a class of their own."""
    labels = np.array([[True, False]] * 20 + [[True, True]] * 4 + [[False, False]] * 9)
    rows = drawn("undersample", np.arange(33), labels, n_classes=2, seed=0)
    assert [(rows < 20).sum(), ((rows >= 20) & (rows < 24)).sum(), (rows >= 24).sum()] == [4, 4, 4]


def test_labels_weigh_on_their_own():
    """3 of 12 rows carry it: 2 and 2/3, N / (2 n), whatever the other label."""
    labels = np.zeros((12, 2), dtype=bool)
    labels[:3, 0] = labels[::2, 1] = True
    plan = rebalanced("balanced", np.arange(12), labels, n_classes=2, per_label=True, seed=0)
    np.testing.assert_allclose(plan.weights[:, 0], [2] * 3 + [2 / 3] * 9)
    np.testing.assert_allclose(plan.weights[:, 1], 1)


def test_the_same_seed_draws_the_same_rows():
    """Another one draws others."""
    labels = np.repeat([0, 1], [300, 40])
    first, again, other = (
        drawn("undersample", np.arange(340), labels, n_classes=2, seed=seed) for seed in (1, 1, 2)
    )
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
