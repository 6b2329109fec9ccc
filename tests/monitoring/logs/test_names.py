"""Numbers for names, in the order in which they appear."""

from pathlib import Path

import pytest

from monitoring.logs.names import ABSENT, UNUSABLE, Names
from monitoring.logs.problems import LogRefused


def test_a_name_keeps_its_number():
    """Over all chunks of a file; blanks around a name do not make another one."""
    names = Names(Path("x"), "label", most=5)
    assert names.codes(["b", "a", "b"]).tolist() == [0, 1, 0]
    assert names.codes([" a ", "c", 3, "3", True]).tolist() == [1, 2, 3, 3, 4]
    assert names.names == ["b", "a", "c", "3", "True"]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("", ABSENT),
        (None, ABSENT),
        ("  ", ABSENT),
        (["a"], UNUSABLE),
        ({"a": 1}, UNUSABLE),
        ("\udcff", UNUSABLE),
    ],
)
def test_what_is_no_name_has_none(cell: object, code: int):
    """An empty cell, a list, an object, bytes that are not UTF-8."""
    names = Names(Path("x"), "label", most=5)
    assert names.codes(["a", cell, "a"]).tolist() == [0, code, 0]
    assert names.names == ["a"]


def test_an_empty_cell_may_have_a_name():
    """Then it is a class like another."""
    names = Names(Path("x"), "label", most=5, empty="none")
    assert names.codes(["", "a", None, "none"]).tolist() == [0, 1, 0, 0]


def test_a_column_of_free_text_is_refused():
    """Its values are not in the error."""
    names = Names(Path("x"), "text", most=3)
    with pytest.raises(LogRefused, match="'text' has more than 3 different values; name another one"):
        names.codes(["secret a", "secret b", "secret c", "secret d"])
