"""No cell runs in a spreadsheet, and none comes back changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.waves.cells import guard, unguard


@given(st.text(alphabet="'=+-@\t\r\n\uff1d\uff0b\uff0d\uff20a "))
def test_what_was_guarded_comes_back(cell: str):
    """Apostrophes of the text itself included."""
    assert unguard(guard(cell)) == cell


@pytest.mark.parametrize(
    "cell",
    [
        *("=HYPERLINK(1)", "+1", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1"),
        *("\uff1dHYPERLINK(1)", "\uff0b1", "\uff0d2", "\uff20SUM(A1)"),
    ],
)
def test_no_cell_begins_like_a_formula(cell: str):
    """Each of the characters a spreadsheet acts on is hidden behind an apostrophe."""
    assert guard(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "a=1", "'tis", "1-2", " =1"])
def test_other_cells_are_left_alone(cell: str):
    """Text that no spreadsheet runs is not touched."""
    assert guard(cell) == cell
