"""Tests of `model_store.calibrating.folds`."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.calibrating.folds import FOLDS, folds, out_of_fold


@given(seed=st.integers(0, 10_000), k=st.integers(2, 6), n=st.integers(5, 200))
@settings(max_examples=50, deadline=None)
def test_every_class_is_shared_out_evenly(seed: int, k: int, n: int):
    """No fold has two rows of a class more than another."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, n)
    fold_of = folds(labels, n_classes=k, rng=rng)
    counts = np.zeros((k, FOLDS), np.int64)
    np.add.at(counts, (labels, fold_of), 1)
    assert np.ptp(counts, axis=1).max() <= 1


@given(seed=st.integers(0, 10_000), n=st.integers(5, 200))
@settings(max_examples=50, deadline=None)
def test_a_group_stays_in_one_fold(seed: int, n: int):
    """With one label an item and with several."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, n, n) * 7 - 3
    for labels in (rng.integers(0, 3, n), rng.random((n, 3)) < 0.3):
        fold_of = folds(labels, n_classes=3, rng=rng, groups=groups)
        assert all(len(np.unique(fold_of[groups == group])) == 1 for group in np.unique(groups))


def test_groups_of_a_rare_class_reach_every_fold():
    """A group counts for the rarest class it has a row of, however many others it has."""
    groups = np.repeat(np.arange(100), 2)
    labels = np.zeros(200, np.int64)
    labels[:20:2] = 1  # ten groups with one row of the rare class and one of the common
    fold_of = folds(labels, n_classes=2, rng=np.random.default_rng(0), groups=groups)
    assert np.bincount(fold_of[labels == 1]).tolist() == [2] * FOLDS


def test_no_rows_have_no_folds():
    """Nothing is divided by their number."""
    none = np.zeros(0, np.int64)
    assert folds(none, n_classes=2, rng=np.random.default_rng(0), groups=none).tolist() == []


def test_what_is_predicted_of_a_row_was_not_fitted_on_it():
    """A fit that remembers its rows finds none of those it is asked about."""
    scores = np.arange(20, dtype=np.float32)[:, None]
    fold_of = folds(np.zeros(20, np.int64), n_classes=1, rng=np.random.default_rng(0))
    known = out_of_fold(
        lambda seen, _: lambda asked: np.isin(asked, seen).astype(np.float32), scores, scores, fold_of
    )
    assert known.tolist() == np.zeros((20, 1)).tolist()
