"""Tests of `model_store.calibrating.reliability`."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as reference_log_loss

from model_store.calibrating.reliability import (
    BINS,
    brier,
    class_brier,
    class_log_loss,
    classwise_ece,
    log_loss,
    reliability_curve,
)

Floats = npt.NDArray[np.float64]


def drawn(n: int, k: int, seed: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return probabilities, and labels drawn from them."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(k, 0.7), n)
    return p, (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)


def test_classwise_ece_of_hand_made_bins():
    """Two bins of two: |.2 - .5| and |.8 - .5| by mass .5 each give .3."""
    p = np.array([0.2, 0.2, 0.8, 0.8], dtype=np.float32)
    both = np.stack([1 - p, p], axis=1)
    labels = np.array([0, 1, 0, 1])
    np.testing.assert_allclose(classwise_ece(both, labels, bins=2), [0.3, 0.3], atol=1e-6)


def test_classwise_ece_does_not_depend_on_the_order_of_tied_rows():
    """Items with one probability share a bin, whatever order they come in."""
    p = np.full((60, 2), 0.5, dtype=np.float32)
    labels = np.repeat([0, 1], 30)
    np.testing.assert_allclose(classwise_ece(p, labels), 0, atol=1e-7)
    np.testing.assert_allclose(classwise_ece(p, labels[::-1]), 0, atol=1e-7)


def test_classwise_ece_sees_a_rare_class_that_top_label_ece_hides():
    """A class at 2 % that is always given 10 % shows as .08."""
    p = np.tile(np.array([[0.9, 0.1]], dtype=np.float32), (1_000, 1))
    labels = (np.arange(1_000) < 20).astype(np.int64)
    np.testing.assert_allclose(classwise_ece(p, labels), [0.08, 0.08], atol=1e-6)


def test_no_items_have_no_calibration_error():
    """They have no share to be far from."""
    with pytest.raises(ValueError, match="at least one"):
        classwise_ece(np.zeros((0, 2)), np.zeros(0, np.int64))


@given(seed=st.integers(0, 10_000), n=st.integers(1, 300))
@settings(max_examples=50, deadline=None)
def test_the_curve_is_what_the_calibration_error_sums_up(seed: int, n: int):
    """Gaps of the bins, weighted by their items, are the error; all items are in some bin."""
    p, labels = drawn(n, 3, seed)
    p = p.round(1)
    for k in range(3):
        curve = reliability_curve(p[:, k], labels == k)
        items, gap = np.array(curve.items), np.abs(np.subtract(curve.mean, curve.share))
        assert items.sum() == n
        assert len(items) <= BINS
        assert list(curve.mean) == sorted(curve.mean)
        assert (items * gap).sum() / n == pytest.approx(classwise_ece(p, labels)[k], abs=1e-12)


def test_log_loss_and_brier_are_those_of_scikit_learn():
    """With one label an item Brier adds up the classes; each class is its two-class score."""
    p, labels = drawn(400, 3, 2)
    assert log_loss(p, labels) == pytest.approx(reference_log_loss(labels, p))
    for k in range(3):
        positive = labels == k
        assert class_brier(p, labels)[k] == pytest.approx(brier_score_loss(positive, p[:, k]))
        assert class_log_loss(p, labels)[k] == pytest.approx(reference_log_loss(positive, p[:, k]))
    assert brier(p, labels) == pytest.approx(class_brier(p, labels).sum())


def test_with_several_labels_an_item_figures_are_means_over_labels():
    """A second label that is as well calibrated as the first changes nothing."""
    p, labels = drawn(300, 2, 3)
    matrix = np.column_stack([labels == 1, labels == 1])
    twice = np.column_stack([p[:, 1], p[:, 1]])
    assert log_loss(twice, matrix) == pytest.approx(log_loss(p, labels))
    assert brier(twice, matrix) == pytest.approx(brier(p, labels) / 2)


def test_a_certain_mistake_has_a_finite_loss():
    """In float32 a probability of 1 stands for more than 1 - 6e-8."""
    sure = np.ones((1, 1), dtype=np.float32)
    assert 17 < log_loss(sure, np.array([[False]])) < 18
    assert np.isfinite(log_loss(np.array([[0.0, 1.0]]), np.array([0])))
