"""Tests of `model_store.splits`."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from model_store.splits import SHARES, ClassEntangled, ClassTooSmall, Splits, split


def _of(splits: Splits, n: int) -> npt.NDArray[np.int64]:
    """Return the number of the split of each row; each row is in exactly one."""
    found = np.full(n, -1)
    for number, (_, rows) in enumerate(splits.items()):
        assert (found[rows] == -1).all()
        found[rows] = number
    assert (found >= 0).all()
    return found


@st.composite
def _labelled_groups(draw: st.DrawFn) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n, k = draw(st.integers(60, 300)), draw(st.integers(2, 5))
    groups = rng.integers(0, draw(st.integers(40, n)), n)
    label_of_group = rng.integers(0, k, groups.max() + 1)
    labels = np.where(
        rng.random(n) < draw(st.sampled_from([0.0, 0.1])), rng.integers(0, k, n), label_of_group[groups]
    )
    # four groups of its own for each class
    own = np.arange(4 * k)
    return np.concatenate([labels, own % k]), np.concatenate([groups, groups.max() + 1 + own])


@given(case=_labelled_groups(), seed=st.integers(0, 1_000))
@settings(max_examples=80, deadline=None)
def test_groups_stay_whole_and_every_split_has_every_class(
    case: tuple[npt.NDArray[Any], npt.NDArray[Any]], seed: int
):
    """Whatever the groups, also mixed ones, no group is divided and no class is left out of a split."""
    labels, groups = case
    found = _of(split(labels, groups, seed=seed), len(labels))
    for group in np.unique(groups):
        assert len(np.unique(found[groups == group])) == 1
    for k in np.unique(labels):
        assert set(found[labels == k]) == {0, 1, 2, 3}


@given(seed=st.integers(0, 100_000))
@settings(max_examples=150, deadline=None)
def test_classes_that_share_their_groups_still_reach_every_split(seed: int):
    """Near-duplicates labelled differently: moving a group for one class takes no other class away."""
    rng = np.random.default_rng(seed)
    labels, groups = rng.integers(0, 3, 30), rng.integers(0, 10, 30)
    assume(all(len(np.unique(groups[labels == k])) >= 5 for k in range(3)))
    found = _of(split(labels, groups, seed=seed), 30)
    for k in range(3):
        assert set(found[labels == k]) == {0, 1, 2, 3}


def test_classes_that_cannot_all_reach_every_split_are_refused_by_name():
    """Three classes of four groups among only five: any two groups in one split leave a class short."""
    labels = np.repeat([0, 1, 2], 4)
    groups = np.array([0, 1, 2, 3, 0, 1, 2, 4, 0, 1, 3, 4])
    with pytest.raises(ClassEntangled, match=r"class '[abc]' shares its few groups"):
        split(labels, groups, seed=0, classes=("a", "b", "c"))


def test_without_duplicates_the_shares_are_exact():
    """Each class is shared out to the row."""
    labels = np.repeat([0, 1], [1_000, 60])
    found = _of(split(labels, np.arange(1_060), seed=1), 1_060)
    assert np.bincount(found[labels == 0]).tolist() == [500, 150, 200, 150]
    assert np.bincount(found[labels == 1]).tolist() == [30, 9, 12, 9]


def test_with_duplicates_the_shares_are_close():
    """Groups of up to five move no class's share by more than a few rows."""
    rng = np.random.default_rng(2)
    groups = np.sort(rng.integers(0, 2_000, 5_000))
    labels = np.where(rng.random(2_001) < 0.08, 1, 0)[groups]
    found = _of(split(labels, groups, seed=3), 5_000)
    for k in (0, 1):
        shares = np.bincount(found[labels == k], minlength=4) / (labels == k).sum()
        np.testing.assert_allclose(shares, SHARES, atol=0.02)


def test_repeated_texts_go_to_every_split():
    """Over many seeds a group of three lands in each split about as often as the split is large."""
    labels, groups = np.zeros(400, dtype=np.int64), np.concatenate([np.zeros(3, np.int64), np.arange(1, 398)])
    home = [int(_of(split(labels, groups, seed=seed), 400)[0]) for seed in range(400)]
    shares = np.bincount(home, minlength=4) / 400
    np.testing.assert_allclose(shares, SHARES, atol=4 * 0.5 / 20)
    assert (shares > 0.05).all()


def test_the_same_seed_gives_the_same_split():
    """And another seed another one."""
    labels, groups = np.arange(200) % 3, np.arange(200)
    first, again, other = (_of(split(labels, groups, seed=seed), 200) for seed in (5, 5, 6))
    assert (first == again).all()
    assert (first != other).any()


def test_a_group_larger_than_any_split_goes_to_training():
    """Nothing else has room for it, and the other splits still get every class."""
    labels = np.concatenate([np.zeros(80, np.int64), np.zeros(10, np.int64), np.ones(20, np.int64)])
    groups = np.concatenate([np.zeros(80, np.int64), np.arange(1, 31)])
    found = _of(split(labels, groups, seed=0), 110)
    assert (found[:80] == 0).all()
    assert set(found[80:90]) >= {1, 2, 3}


@pytest.mark.parametrize(
    ("rare_rows", "rare_groups", "said"),
    [
        (1, [900], "class 'b' has 1 row (51); the four splits need at least 4"),
        (3, [900, 901, 902], "class 'b' has 3 rows (51, 52, 53); the four splits"),
        (
            6,
            [900, 900, 900, 901, 902, 902],
            "class 'b' has 6 rows (51, 52, 53, 54, 55, ...) in 3 groups of near-dup",
        ),
    ],
    ids=["one row", "three rows", "six rows in three groups"],
)
def test_a_class_too_small_for_four_splits_is_named(rare_rows: int, rare_groups: list[int], said: str):
    """The message holds the class, its rows and what is needed."""
    labels = np.repeat([0, 1], [50, rare_rows])
    groups = np.array([*range(50), *rare_groups])
    with pytest.raises(ClassTooSmall) as caught:
        split(labels, groups, seed=0, classes=("a", "b"))
    assert str(caught.value).startswith(said)


def test_four_rows_of_a_class_are_enough():
    """One for each split."""
    labels = np.repeat([0, 1], [50, 4])
    found = _of(split(labels, np.arange(54), seed=0), 54)
    assert sorted(found[50:].tolist()) == [0, 1, 2, 3]
