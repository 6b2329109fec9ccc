"""Tests of `model_store.data.splits`."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from model_store.data.splits import (
    PARTS,
    SHARES,
    ClassEntangled,
    ClassTooSmall,
    Splits,
    default_shares,
    split,
)


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


@st.composite
def _multilabel(draw: st.DrawFn) -> tuple[npt.NDArray[np.bool_], npt.NDArray[Any], tuple[str, ...]]:
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n, k = draw(st.integers(80, 200)), draw(st.integers(1, 5))
    parts = draw(st.sampled_from([PARTS, PARTS[1:], PARTS[1:3]]))
    labels = rng.random((n, k)) < rng.choice([0.05, 0.3, 0.6], k)
    groups = rng.integers(0, draw(st.integers(60, n)), n)
    # as many groups of its own for each class as there are parts
    own = np.repeat(np.eye(k, dtype=np.bool_), len(parts), axis=0)
    return (
        np.concatenate([labels, own]),
        np.concatenate([groups, groups.max() + 1 + np.arange(len(own))]),
        parts,
    )


@given(case=_multilabel(), seed=st.integers(0, 1_000))
@settings(max_examples=80, deadline=None)
def test_sets_of_labels_keep_groups_whole_and_reach_every_part(
    case: tuple[npt.NDArray[np.bool_], npt.NDArray[Any], tuple[str, ...]], seed: int
):
    """Whichever parts are asked for: no group is divided, every label is in each, every row in one."""
    labels, groups, parts = case
    splits = split(labels, groups, seed=seed, parts=parts)
    assert tuple(splits.parts) == parts
    found = _of(splits, len(labels))
    for group in np.unique(groups):
        assert len(np.unique(found[groups == group])) == 1
    for k in range(labels.shape[1]):
        assert set(found[labels[:, k]]) == set(range(len(parts)))


def test_rows_of_several_labels_are_dealt_out_with_the_rarest():
    """Its shares are exact, and those of the commoner one close."""
    labels = np.zeros((1_000, 2), dtype=np.bool_)
    labels[:600, 0] = True
    labels[580:620, 1] = True
    found = _of(split(labels, np.arange(1_000), seed=4), 1_000)
    assert np.bincount(found[labels[:, 1]]).tolist() == [20, 6, 8, 6]
    assert np.bincount(found[~labels.any(axis=1)]).tolist() == [190, 57, 76, 57]
    np.testing.assert_allclose(np.bincount(found[labels[:, 0]]) / 600, SHARES, atol=0.01)


def test_one_hot_labels_are_split_as_classes_are():
    """The two forms of the same truth give the same parts."""
    rng = np.random.default_rng(3)
    labels, groups = rng.integers(0, 3, 300), rng.integers(0, 200, 300)
    single = _of(split(labels, groups, seed=1), 300)
    assert (_of(split(np.eye(3, dtype=np.bool_)[labels], groups, seed=1), 300) == single).all()


def test_parts_share_in_proportion_to_their_usual_shares():
    """Without training rows the others take what it would have had."""
    assert default_shares(PARTS) == SHARES
    np.testing.assert_allclose(default_shares(PARTS[1:]), [0.3, 0.4, 0.3])
    splits = split(np.zeros(700, dtype=np.int64), np.arange(700), seed=0, parts=("calibration", "threshold"))
    assert [len(rows) for _, rows in splits.items()] == [300, 400]
    splits = split(np.zeros(10, np.int64), np.arange(10), seed=0, parts=PARTS[1:3], shares=(0.2, 0.8))
    assert [len(rows) for _, rows in splits.items()] == [2, 8]


def test_small_classes_are_refused_in_the_words_of_the_parts():
    """How many rows are needed is how many parts there are; a class without any row is named too."""
    labels, groups = np.array([0] * 9 + [1] * 2), np.arange(11)
    with pytest.raises(
        ClassTooSmall, match=r"class 'b' has 2 rows \(10, 11\); the three splits need at least 3"
    ):
        split(labels, groups, seed=0, parts=PARTS[1:], classes=("a", "b"))
    with pytest.raises(ClassTooSmall, match="class 'c' has no rows; the two splits need at least 2 that are"):
        split(labels, groups, seed=0, parts=PARTS[1:3], classes=("a", "b", "c"))
    matrix = np.zeros((9, 2), dtype=np.bool_)
    matrix[:6, 0], matrix[7, 1] = True, True
    with pytest.raises(ClassTooSmall, match=r"class 'b' has 1 row \(8\); the two splits need at least 2"):
        split(matrix, np.arange(9), seed=0, parts=PARTS[1:3], classes=("a", "b"))


@given(
    counts=st.lists(st.integers(0, 5), min_size=1, max_size=5),
    copies=st.integers(1, 3),
    seed=st.integers(0, 1_000),
    parts=st.sampled_from([PARTS[1:], PARTS[1:3]]),
)
@settings(max_examples=80, deadline=None)
def test_an_allowed_scarce_class_reaches_the_threshold_part_first(
    counts: list[int], copies: int, seed: int, parts: tuple[str, ...]
):
    """Then calibration, then the test, in single rows or in groups; one of no rows is no reason to refuse."""
    labels = np.repeat(np.arange(len(counts) + 1), [*counts, 30])
    groups = np.arange(len(labels))
    labels, groups = np.repeat(labels, copies), np.repeat(groups, copies)
    splits = split(labels, groups, seed=seed, parts=parts, scarce="allow")
    for k, n in enumerate(counts):
        reached = {part for part, rows in splits.items() if (labels[rows] == k).any()}
        assert reached >= set([part for part in ("threshold", "calibration", "test") if part in parts][:n])


def test_entangled_classes_are_dealt_out_as_well_as_it_goes_if_that_is_allowed():
    """An import has no other rows to wait for."""
    labels = np.repeat([0, 1, 2], 4)
    groups = np.array([0, 1, 2, 3, 0, 1, 2, 4, 0, 1, 3, 4])
    found = _of(split(labels, groups, seed=0, scarce="allow"), 12)
    for group in range(5):
        assert len(set(found[groups == group])) == 1
