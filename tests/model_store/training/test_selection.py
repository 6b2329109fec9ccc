"""Tests of `model_store.training.selection`."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score

from model_store.training.imbalance import RowNumbers
from model_store.training.selection import (
    FOLDS,
    OpenFold,
    TooFewGroups,
    Tried,
    chosen,
    grouped_folds,
    score,
    select,
)

SECONDS = np.zeros(3)


def _quiet(_stage: str, _done: int, _total: int) -> None:
    """Report nothing."""


@given(st.integers(3, 80), st.integers(2, 6), st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_a_group_is_fitted_on_or_held_out(n: int, n_classes: int, several: bool, seed: int):
    """Never both; every row is held out once; however few rows a class has, and with several labels too."""
    rng = np.random.default_rng(seed)
    groups = np.concatenate([np.arange(3), rng.integers(max(3, n // 2), size=n - 3)])
    labels = rng.random((n, n_classes)) < 0.2 if several else rng.integers(n_classes, size=n)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folds = grouped_folds(labels, groups, n_classes=n_classes, seed=seed)
    assert np.sort(np.concatenate([held for _, held in folds])).tolist() == list(range(n))
    for fitted, held_out in folds:
        assert not set(groups[fitted]) & set(groups[held_out])
        assert len(fitted) + len(held_out) == n


def test_folds_have_their_share_of_a_rare_class():
    """30 of 600 rows: 10 in each."""
    labels = np.repeat([0, 1], [570, 30])
    folds = grouped_folds(labels, np.arange(600), n_classes=2, seed=1)
    assert [int(labels[held].sum()) for _, held in folds] == [10, 10, 10]


def test_too_few_groups_to_hold_any_out():
    """The message says what to do instead."""
    with pytest.raises(TooFewGroups, match=r"2 groups of near-duplicates.*needs 3: name one recipe"):
        grouped_folds(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), n_classes=2, seed=0)


def test_macro_f1_is_scikit_learns_over_classes_that_have_rows():
    """A class of which a fold holds none out has no F1 to average."""
    rng = np.random.default_rng(0)
    p, labels = rng.random((200, 4)), rng.integers(3, size=200)
    expected = f1_score(labels, p.argmax(axis=1), labels=[0, 1, 2], average="macro")
    assert score(p, labels, "macro_f1", n_classes=4) == pytest.approx(expected)


def test_pr_auc_is_the_mean_average_precision():
    """Over classes that have rows, one label an item or several."""
    rng = np.random.default_rng(0)
    p, labels = rng.random((200, 4)), rng.integers(3, size=200)
    expected = np.mean([average_precision_score(labels == k, p[:, k]) for k in range(3)])
    assert score(p, labels, "pr_auc", n_classes=4) == pytest.approx(expected)
    assert score(p, labels[:, None] == np.arange(4), "pr_auc", n_classes=4) == pytest.approx(expected)


def test_several_labels_are_decided_each_on_its_own():
    """From one half on."""
    p = np.array([[0.5, 0.9], [0.4, 0.6], [0.9, 0.1]])
    labels = np.array([[True, True], [True, False], [True, False]])
    assert score(p, labels, "macro_f1", n_classes=2) == pytest.approx((0.8 + 2 / 3) / 2)


def test_never_saying_the_rare_class_is_not_good():
    """Accuracy would be .98."""
    labels = np.repeat([0, 1], [98, 2])
    p = np.tile([0.9, 0.1], (100, 1))
    assert score(p, labels, "macro_f1", n_classes=2) < 0.5
    assert score(p, labels, "pr_auc", n_classes=2) < 0.52


def test_the_best_recipe_wins_when_it_is_clearly_better():
    """By much more than folds differ from each other."""
    found = chosen(["none", "balanced", "focal"], np.array([[0.5, 0.6], [0.6, 0.71], [0.7, 0.8]]), SECONDS)
    assert found.chosen == "focal"


def test_the_simpler_of_two_that_cannot_be_told_apart_wins():
    """Half a point better on one fold, worse on the other: the difference is within its error."""
    found = chosen(["none", "balanced", "focal"], np.array([[0.5, 0.5], [0.7, 0.8], [0.72, 0.79]]), SECONDS)
    assert found.chosen == "balanced"
    assert [each.within_noise for each in found.tried] == [False, True, True]


def test_a_hard_fold_is_hard_for_all():
    """Folds differ by .4, recipes by .02 in every fold: that is no noise."""
    found = chosen(["none", "balanced"], np.array([[0.4, 0.8], [0.42, 0.82]]), SECONDS[:2])
    assert found.chosen == "balanced"
    assert found.tried[0].standard_error == pytest.approx(0.2)
    assert found.tried[0].behind == pytest.approx(0.02)
    assert found.tried[0].behind_error == pytest.approx(0)


def test_recipes_share_a_fold_and_never_see_its_held_out_labels():
    """A fold is opened once, and every row a recipe may fit on is of another group than those it answers."""
    labels = np.tile([0, 1], 30)
    groups = np.repeat(np.arange(30), 2)
    opened: list[tuple[RowNumbers, RowNumbers]] = []
    stages: list[tuple[str, int, int]] = []

    def open_fold(fitted: RowNumbers, held_out: RowNumbers) -> OpenFold:
        opened.append((fitted, held_out))
        right = np.eye(2)[labels[held_out]]
        return lambda recipe: right if recipe == "good" else right[::-1] * 0 + 0.5

    found = select(
        ["bad", "good"],
        labels,
        groups,
        open_fold,
        n_classes=2,
        criterion="pr_auc",
        seed=0,
        progress=lambda *stage: stages.append(stage),
    )
    assert found.chosen == "good"
    assert [each.recipe for each in found.tried] == ["bad", "good"]
    assert found.tried[1].mean == 1
    assert len(opened) == FOLDS
    assert all(not set(groups[a]) & set(groups[b]) for a, b in opened)
    assert stages[0] == ("select", 0, 2 * FOLDS)
    assert stages[-1] == ("select", 2 * FOLDS, 2 * FOLDS)


def test_a_single_recipe_is_not_compared():
    """It has no figures."""

    def never(_fitted: RowNumbers, _held_out: RowNumbers) -> OpenFold:
        raise AssertionError

    found = select(
        ["focal"],
        np.array([0, 1]),
        np.array([0, 1]),
        never,
        n_classes=2,
        criterion="macro_f1",
        seed=0,
        progress=_quiet,
    )
    assert found.tried == (Tried("focal"),)
    assert not found.tried[0].within_noise
    assert found.tried[0].to_json() == {
        "recipe": "focal",
        "mean": None,
        "standard_error": None,
        "behind": None,
        "behind_error": None,
        "seconds": None,
    }
