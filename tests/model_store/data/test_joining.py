"""Tests of `model_store.data.joining`."""

from model_store.data.joining import at, joined
from model_store.data.rows import Rows

TEXTS = Rows(texts=("a", "b", "c"), labels=("x", "y", "x"), sources=("mail", "web", "mail"))
TABLE = Rows(features={"n": ("1", "2"), "k": ("", "u")}, label_sets=(frozenset({"x"}), frozenset()))


def test_some_rows_are_taken_in_the_order_asked_for() -> None:
    """Every column goes along; none appears that was not there."""
    assert at(TEXTS, [2, 0]) == Rows(texts=("c", "a"), labels=("x", "x"), sources=("mail", "mail"))
    assert at(TABLE, [1]) == Rows(features={"n": ("2",), "k": ("u",)}, label_sets=(frozenset(),))
    assert len(at(TEXTS, [])) == 0


def test_returned_rows_stand_behind_those_of_the_file() -> None:
    """In its columns: a source that the file does not tell is not told, ids tell the two apart."""
    more = Rows(texts=("d",), labels=("y",), sources=("chat",), ids=("b1/k",))
    both = joined(TEXTS, more)
    assert both.texts == ("a", "b", "c", "d")
    assert both.labels == ("x", "y", "x", "y")
    assert both.sources == ("mail", "web", "mail", "chat")
    assert both.ids == ("row 1", "row 2", "row 3", "b1/k")
    assert joined(Rows(texts=("a",), labels=("x",)), more).sources is None


def test_tables_are_joined_by_column() -> None:
    """Whatever order the columns of the other have."""
    more = Rows(features={"k": ("v",), "n": ("3",)}, label_sets=(frozenset({"y"}),), ids=("b1/k",))
    both = joined(TABLE, more)
    assert both.features == {"n": ("1", "2", "3"), "k": ("", "u", "v")}
    assert both.label_sets == (frozenset({"x"}), frozenset(), frozenset({"y"}))
