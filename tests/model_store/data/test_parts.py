"""Tests of `model_store.data.parts`."""

import numpy as np
import pytest

from model_store.data.parts import Splits, SplitsOverlap

SPLITS = Splits({"train": np.array([4, 0, 2]), "test": np.array([1, 3])}, 5)


def test_parts_are_kept_in_order_and_their_rows_ascending():
    """Names in order of use; a part is asked for by its name."""
    assert [(name, rows.tolist()) for name, rows in SPLITS.items()] == [
        ("train", [0, 2, 4]),
        ("test", [1, 3]),
    ]
    assert SPLITS["test"].tolist() == SPLITS.test.tolist() == [1, 3]
    with pytest.raises(KeyError):
        SPLITS["threshold"]


def test_the_rows_of_a_part_cannot_be_written_to():
    """Nor does what they were made from change them."""
    given_rows = np.array([0, 1])
    splits = Splits({"train": given_rows, "test": np.array([2])}, 3)
    given_rows[0] = 2
    assert splits.train.tolist() == [0, 1]
    with pytest.raises(ValueError, match="read-only"):
        splits.train[0] = 2


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ([0, 1, 2], [2, 3, 4], "row 3 is in no part or in more than one; give every row to one part"),
        ([0, 0, 1, 2], [3, 4], "row 1 is in no part or in more than one"),
        ([0, 1], [4], "2 rows (3, 4) are in no part or in more than one"),
        ([0, 1, 2, 3, 4], [5, -1], "2 rows (0, 6) are in no part or in more than one"),
        ([], [], "5 rows (1, 2, 3, 4, 5) are in no part"),
    ],
    ids=["shared", "twice", "left out", "not there", "empty"],
)
def test_parts_that_are_not_disjoint_or_leave_rows_out_cannot_be_made(
    train: list[int], test: list[int], said: str
):
    """Whoever makes them: a fold of a cross-validation, a file's column, a test."""
    with pytest.raises(SplitsOverlap) as caught:
        Splits({"train": np.array(train, dtype=int), "test": np.array(test, dtype=int)}, 5)
    assert str(caught.value).startswith(said)
