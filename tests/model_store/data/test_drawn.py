"""Tests of `model_store.data.drawn`."""

from typing import Any

import pytest

from model_store.data.csvfile import RowsInvalid
from model_store.data.drawn import NothingDrawn, StratumMissing, drawn
from model_store.data.rows import Rows

FOUR = ("exploration",) * 4
MIXED = ("exploration", "certainty", "exploration", "certainty")


def rows(**columns: Any) -> Rows:
    """Return four rows with these columns."""
    return Rows(texts=("a", "b", "c", "d"), **columns)


@pytest.mark.parametrize(
    ("columns", "sample", "used", "weights", "certifies"),
    [
        ({}, True, [0, 1, 2, 3], None, True),
        ({}, False, [0, 1, 2, 3], None, False),
        ({"strata": MIXED}, True, [0, 2], None, True),
        ({"weights": (2.0,) * 4}, False, [0, 1, 2, 3], None, False),
        ({"weights": (2.0,) * 4}, True, [0, 1, 2, 3], None, True),
        ({"weights": (2.0, 1.0, 2.0, 1.0)}, True, [0, 1, 2, 3], [2.0, 1.0, 2.0, 1.0], False),
        ({"weights": (2.0, 0.0, 2.0, 0.0), "strata": MIXED}, False, [0, 2], None, True),
        ({"weights": (2.0, 3.0, 2.0, 0.0), "strata": MIXED}, False, [0, 1, 2], [2.0, 3.0, 2.0], False),
        ({"weights": (5.0,) * 4, "strata": FOUR, "inclusion": True}, False, [0, 1, 2, 3], None, True),
        ({"weights": (5.0, 1.0, 5.0, 1.0), "strata": MIXED, "inclusion": True}, False, [0, 2], None, True),
        (
            {"weights": (5.0,) * 4, "strata": (*FOUR[:3], "exploration-partial")},
            True,
            [0, 1, 2, 3],
            None,
            True,
        ),
        (
            {"weights": (5.0,) * 4, "strata": (*FOUR[:3], "exploration-partial")},
            False,
            [0, 1, 2, 3],
            None,
            False,
        ),
    ],
    ids=[
        "declared",
        "undeclared",
        "chosen rows",
        "equal weights alone",
        "equal weights, declared",
        "unequal weights",
        "a batch",
        "a batch whose chosen rows stand for draws",
        "inclusion",
        "inclusion with chosen rows",
        "part of an exploration, declared",
        "part of an exploration",
    ],
)
def test_which_rows_stand_for_the_traffic(
    columns: dict[str, Any], sample: bool, used: list[int], weights: list[float] | None, certifies: bool
):
    """Rows chosen by score do not, and equal weights prove nothing by themselves: a batch's are all 1."""
    found = drawn(rows(**columns), sample=sample)
    assert found.used.tolist() == used
    assert found.chosen.tolist() == [i for i in range(4) if i not in used]
    assert (None if found.weights is None else found.weights.tolist()) == weights
    assert found.certifies is certifies


def test_weights_find_their_rows_again():
    """By the numbers of the file; a chosen row has none."""
    found = drawn(rows(weights=(2.0, 0.0, 3.0, 0.0)), sample=True).weights_of(4)
    assert found is not None
    assert found.tolist() == [2.0, 0.0, 3.0, 0.0]
    assert drawn(rows(), sample=True).weights_of(4) is None


def test_inclusion_probabilities_need_strata():
    """1 is the probability of a row that was chosen, and of one that was drawn from a small source."""
    with pytest.raises(StratumMissing, match="--stratum"):
        drawn(rows(weights=(1.0,) * 4, inclusion=True), sample=True)


def test_another_column_is_not_taken_for_the_strata():
    """The slice of a batch, say: its names are refused by row number."""
    with pytest.raises(RowsInvalid, match=r"2 rows have a stratum that is none of .*: 2, 4; name the column"):
        drawn(rows(strata=("exploration", "watched", "exploration", "uncertain")), sample=True)


def test_rows_that_were_all_chosen_are_refused():
    """They are no part of any sample."""
    with pytest.raises(NothingDrawn, match="all 4 rows were chosen by score"):
        drawn(rows(strata=("certainty",) * 4), sample=True)
