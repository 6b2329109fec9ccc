"""Tests of `model_store.data.indicators`."""

import numpy as np
import pytest

from model_store.data.indicators import indicators, rarest


def test_a_label_outside_the_classes_is_of_none():
    """-1 says that an item has no class, and a class that came later is none of these."""
    assert indicators(np.array([1, -1, 5]), 2).tolist() == [[False, True], [False, False], [False, False]]


def test_a_matrix_is_its_own_indicators():
    """Nothing is copied."""
    matrix = np.array([[True, True], [False, False]])
    assert indicators(matrix, 2) is matrix


@pytest.mark.parametrize(
    "labels", [np.zeros((2, 3), np.bool_), np.zeros((2, 2), np.int64)], ids=["classes", "numbers"]
)
def test_a_matrix_of_other_classes_or_of_numbers_is_refused(labels: np.ndarray):
    """The error says what is expected."""
    with pytest.raises(ValueError, match="booleans of shape"):
        indicators(labels, 2)


def test_the_rarest_class_of_an_item_is_the_one_with_the_fewest_rows():
    """With one label an item it is that label; with none it is -1."""
    matrix = np.array([[True, False, True], [True, False, False], [True, True, False], [False] * 3])
    assert rarest(matrix, 3).tolist() == [2, 0, 1, -1]
    assert rarest(np.array([2, 0, 0]), 3).tolist() == [2, 0, 0]
