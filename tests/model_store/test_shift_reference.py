"""Histograms of each class over the joint bins, and how bins are merged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.bundles.bundle import Bundle
from model_store.joint_cells import ENOUGH_ITEMS, MOST_BINS, JointCells, confidence_cuts
from model_store.shift_reference import build_shift_reference, shift_reference
from tests.support.shifts import made_up


@given(n=st.integers(1, 600), k=st.integers(2, 6), seed=st.integers(0, 1_000))
def test_every_row_is_in_one_bin_and_every_bin_in_one_cell(n: int, k: int, seed: int):
    """Nothing is lost or counted twice, whatever the number of rows."""
    answered = made_up(n, np.full(k, 1 / k), seed=seed)
    reference = build_shift_reference(answered.probabilities, answered.labels, answered.classes)
    assert reference.histograms.sum(axis=1).tolist() == np.bincount(answered.labels, minlength=k).tolist()
    assert reference.cells(reference.histograms).sum() == n
    assert reference.quarters(reference.histograms).sum() == n


@given(seed=st.integers(0, 1_000))
def test_a_cell_has_enough_rows_or_is_all_of_its_class(seed: int):
    """A class with few rows is one cell, and one with many is four."""
    answered = made_up(500, [0.05, 0.15, 0.8], seed=seed)
    reference = build_shift_reference(answered.probabilities, answered.labels, answered.classes)
    rows = reference.cells(reference.histograms).sum(axis=0)
    classes = reference.starts // MOST_BINS
    several = np.bincount(classes)[classes] > 1
    assert (rows[several] >= ENOUGH_ITEMS).all()
    assert np.count_nonzero(classes == 2) == MOST_BINS


def test_cuts_part_a_common_class_into_quarters():
    """Each holds a quarter of its rows, but for rounding."""
    answered = made_up(4_000, [0.5, 0.5], seed=2)
    reference = build_shift_reference(answered.probabilities, answered.labels, answered.classes)
    shares = reference.histograms.sum(axis=0).reshape(2, MOST_BINS)
    np.testing.assert_allclose(shares / shares.sum(axis=1, keepdims=True), 0.25, atol=0.01)


def test_rare_classes_share_their_cuts():
    """Quartiles of a few rows are biased, so they are taken over the rows of all such classes."""
    answered = made_up(600, [0.9, 0.05, 0.05], seed=3)
    cuts = confidence_cuts(answered.probabilities)
    assert cuts[1] == cuts[2]
    assert cuts[0] != cuts[1]


def test_rounding_moves_no_item_to_another_bin():
    """Cuts lie between probabilities that occur, also where many tie."""
    answered = made_up(2_000, [0.3, 0.7], seed=4)
    p = answered.probabilities.round(2)
    cells = JointCells(confidence_cuts(p))
    top, scores = p.argmax(axis=1), p.max(axis=1)
    for factor in (1 - 1e-5, 1 + 1e-5):
        assert (
            cells.of(top, (scores * np.float32(factor)).astype(np.float32)) == cells.of(top, scores)
        ).all()


def test_one_probability_for_all_rows_is_one_bin():
    """There is nothing to cut."""
    p = np.full((50, 2), 0.5, np.float32)
    reference = build_shift_reference(p, np.zeros(50, np.int64), ("a", "b"))
    assert np.count_nonzero(reference.histograms) == 1


def test_rows_of_no_class_are_a_component():
    """They are part of the traffic, and so of the mixture; probabilities alone cannot tell it."""
    answered = made_up(300, [0.5, 0.5], seed=5)
    labels = answered.labels.copy()
    labels[:30] = -1
    reference = build_shift_reference(answered.probabilities, labels, answered.classes)
    assert reference.counts.tolist()[2] == 30
    assert reference.priors.sum() == pytest.approx(1)
    assert reference.soft is None


def test_several_labels_an_item_have_no_bins():
    """Each label is a problem of its own; shares are per label."""
    p = np.array([[0.9, 0.8], [0.1, 0.7]], np.float32)
    reference = build_shift_reference(p, np.array([[True, True], [False, True]]), ("a", "b"))
    assert reference.multilabel
    assert reference.counts.tolist() == [1, 2]
    assert reference.priors.tolist() == [0.5, 1.0]


def test_a_bundle_says_it(tiny_bundle: Bundle):
    """The validation rows of a bundle are what is counted."""
    reference = shift_reference(tiny_bundle)
    assert reference.classes == tiny_bundle.manifest.classes
    assert reference.counts.tolist() == [4, 4, 4]
    assert reference.sample
