"""Tests of `model_store.data.parts`."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.data.csvfile import RowsInvalid
from model_store.data.parts import PARTS, PartEmpty, RowsOutside, Splits, SplitsOverlap, declared

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


@given(rows=st.lists(st.integers(0, 4), max_size=20))
@settings(max_examples=60)
def test_rows_drawn_from_another_part_are_loud(rows: list[int]):
    """Over- and undersampling may draw a training row as often as they like, and no other row once."""
    drawn = np.array(rows, dtype=np.intp)
    if strangers := sorted({row + 1 for row in rows if row in (1, 3)}):
        with pytest.raises(RowsOutside) as caught:
            SPLITS.confined(drawn, to="train")
        assert caught.value.numbers == tuple(strangers)
    else:
        assert SPLITS.confined(drawn, to="train") is drawn


def test_the_message_about_a_foreign_row_says_what_to_do():
    """One line with part and row."""
    with pytest.raises(RowsOutside, match=r"^row 2 is outside the part 'train'; draw from that part only$"):
        SPLITS.confined(np.array([0, 1]), to="train")


def test_a_column_may_say_the_part_of_each_row():
    """In whatever order; parts that need no rows may have none."""
    cells = ("test", "train", "threshold", "train", "calibration")
    found = declared(cells)
    assert {name: rows.tolist() for name, rows in found.items()} == {
        "train": [1, 3],
        "calibration": [4],
        "threshold": [2],
        "test": [0],
    }
    assert tuple(found.parts) == PARTS
    assert len(declared(cells[1:], optional=("test",)).test) == 0
    with pytest.raises(PartEmpty, match="no row is meant for the part 'test'; add rows for it"):
        declared(cells[1:])


def test_an_unknown_part_is_named_by_row():
    """And the message says which there are."""
    with pytest.raises(
        RowsInvalid, match=r"^rows.csv: row 2 has no known part; the parts are calibration, threshold$"
    ):
        declared(
            ("calibration", "train", "threshold"), parts=("calibration", "threshold"), path=Path("rows.csv")
        )
