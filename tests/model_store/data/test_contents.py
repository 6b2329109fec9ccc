"""Tests of `model_store.data.contents`."""

import json

from model_store.data.contents import content_of


def test_a_text_stands_for_itself():
    """Not a character is changed."""
    assert content_of('  a "text"\n') == '  a "text"\n'


def test_a_table_row_is_readable_json_in_the_order_of_its_names():
    """The order in which a client sends the columns does not count, nor whether it sends null or nothing."""
    row = {"b": 2.5, "a": "grün", "c": True, "d": None}
    assert content_of(row) == '{"a": "grün", "b": 2.5, "c": true}'
    assert content_of(dict(reversed(row.items()))) == content_of({k: v for k, v in row.items() if k != "d"})


def test_values_keep_their_types():
    """A labeler sees what was sent: a code with its zero, a number without quotes."""
    assert json.loads(content_of({"zip": "01234", "age": 3, "share": 0.1})) == {
        "zip": "01234",
        "age": 3,
        "share": 0.1,
    }
