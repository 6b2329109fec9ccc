"""Rows that a graph was not trained on, with what belongs to each."""

import numpy as np
import numpy.typing as npt
import pytest

from model_store.training.scored import HELD_OUT, Part


def part(labels: npt.NDArray[np.int64] | npt.NDArray[np.bool_], *, weighted: bool = True) -> Part:
    """Return rows with these labels, each with a weight, a group and an answer of its own."""
    n = len(labels)
    answers = np.log(np.linspace(0.1, 0.9, 2 * n, dtype=np.float32).reshape(n, 2))
    extras = (np.arange(n) + 1.0, np.arange(n)) if weighted else (None, None)
    return Part(answers, labels, *extras, inputs=["text"] * n)


@pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "plain"])
def test_rows_of_no_class_are_left_out_with_all_that_is_theirs(weighted: bool) -> None:
    """The rest keeps answers, labels, weights and groups side by side."""
    whole = part(np.array([0, -1, 1, -1]), weighted=weighted)
    known = whole.known()
    assert (len(whole), len(known)) == (4, 2)
    assert known.labels.tolist() == [0, 1]
    assert (known.log_probabilities == whole.log_probabilities[[0, 2]]).all()
    if weighted:
        assert known.weights is not None
        assert known.groups is not None
        assert (known.weights.tolist(), known.groups.tolist()) == ([1.0, 3.0], [0, 2])
    else:
        assert (known.weights, known.groups) == (None, None)


def test_where_every_row_is_of_a_class_nothing_is_copied() -> None:
    """Of several labels an item none at all is an answer too."""
    for labels in (np.array([0, 1]), np.zeros((2, 2), np.bool_)):
        whole = part(labels)
        assert whole.known() is whole


def test_what_is_held_out_is_all_used() -> None:
    """The shares of the three parts add up to one, and most of the rows carry the claims."""
    assert sum(HELD_OUT.values()) == pytest.approx(1.0)
    assert max(HELD_OUT, key=lambda name: HELD_OUT[name]) == "threshold"
