"""Texts of variables become values, or a clause that says what is allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import values

NAMES = st.text("abc =:_é", min_size=1, max_size=8).map(str.strip).filter(bool)
NUMBERS = st.floats(0.001, 1_000.0)


@given(pairs=st.dictionaries(NAMES, NUMBERS, max_size=8).map(lambda found: tuple(found.items())))
@pytest.mark.parametrize("separator", ["=", ":"])
def test_pairs_written_are_read_as_the_same(pairs: values.Pairs, separator: str) -> None:
    """Numbers to the last bit, also where a name holds the sign itself."""
    parse = values.pairs(0.001, 1_000.0, separator=separator, what="class")
    assert parse(values.written(pairs, separator)) == pairs


@pytest.mark.parametrize("raw", ["a", "=1", "a=", "a=x", "a=1,a=2", "a=nan", "a=2"])
def test_pairs_that_are_none_say_what_is_allowed(raw: str) -> None:
    """Name, sign and number, each name once, each number in its range."""
    with pytest.raises(ValueError, match=r"class=number.* each class once .*in \[0, 1\]"):
        values.pairs(0, 1, separator="=", what="class")(raw)


def test_shares_are_a_whole_in_the_order_of_their_names() -> None:
    """What is not named gets nothing, and the first part never does."""
    parse = values.shares("classes", "scores")
    assert parse("scores=.25, classes=.75") == (("classes", 0.75), ("scores", 0.25))
    assert parse("classes=1") == (("classes", 1.0), ("scores", 0.0))
    for raw in ("classes=.5", "scores=1", "classes=.5,inputs=.5", "classes"):
        with pytest.raises(ValueError, match=r"classes=share,scores=share with shares .* classes above 0"):
            parse(raw)
