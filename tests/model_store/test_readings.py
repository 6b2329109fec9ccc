"""Tests of `model_store.readings`."""

from typing import Any

import numpy as np
import pytest

from model_store.graphs.columns import Column, ColumnInputs, GraphInput
from model_store.graphs.inputs import TextInput
from model_store.graphs.text import TextFrontEnd
from model_store.readings import MAX_FEATURES, MISSING, input_cuts, readings_of
from tests.support.bundles import tiny_front_end


def numbers(*names: str, missing: bool = False) -> ColumnInputs:
    """A front end of columns of numbers."""
    columns = tuple(Column(name, "float", missing) for name in names)
    return ColumnInputs(columns, (GraphInput("x", names, "tensor(float)"),))


def test_a_text_has_a_length_and_unknown_words():
    """Where the vocabulary is ours; a graph that reads texts itself shows only how long they are."""
    texts = ["billing delivery", "billing please", "nothing here", ""]
    length, unknown = readings_of(tiny_front_end(("billing", "delivery")))
    assert (length.name, length.read(texts)) == ("length", [16, 14, 12, 0])
    assert (unknown.name, unknown.read(texts)) == ("unknown", [0.0, 0.5, 1.0, 0.0])
    assert [each.name for each in readings_of(TextInput("text"))] == ["length"]


def test_a_front_end_of_phrases_alone_knows_no_words():
    """Every word would be unknown."""
    front_end = TextFrontEnd({"please help": 0}, np.ones(1, np.float32), word_range=(2, 2))
    assert [each.name for each in readings_of(front_end)] == ["length"]


def test_only_columns_of_numbers_are_read():
    """A value that is missing reads as one below every number."""
    columns = (Column("age", "integer", missing=True), Column("city", "text"), Column("new", "boolean"))
    inputs = (GraphInput("a", ("age", "new"), "tensor(float)"), GraphInput("b", ("city",), "tensor(string)"))
    (age,) = readings_of(ColumnInputs(columns, inputs))
    items: list[dict[str, Any]] = [{"age": 3}, {"age": None}, {}]
    assert (age.name, age.stream, age.what, age.missing) == ("feature:age", "inputs:age", "age", True)
    assert age.read(items) == [3, MISSING, MISSING]


def test_cuts_are_tenths_that_occur():
    """Each bin between them holds a tenth of the rows, and equal values make no empty bins."""
    rows = [{"a": float(i), "b": float(i // 50), "c": 1.0} for i in range(100)]
    cuts = input_cuts(numbers("a", "b", "c"), rows)
    assert cuts["feature:a"] == (9, 19, 29, 39, 49, 59, 69, 79, 89)
    assert cuts["feature:b"] == (0, 1)
    assert cuts["feature:c"] == (1,)


def test_cuts_are_of_the_rows_that_have_the_number():
    """A column without any number has no cuts, and no rows have no readings."""
    rows = [{"a": 1.0, "b": None}, {"a": None, "b": None}, {"a": 2.0, "b": None}]
    assert input_cuts(numbers("a", "b", missing=True), rows) == {"feature:a": (1, 2), "feature:b": ()}
    assert input_cuts(numbers("a"), []) == {}


def test_of_many_columns_those_with_the_most_values_are_kept():
    """A budget of false alarms that is spread over a thousand columns finds nothing in any."""
    names = [f"c{i}" for i in range(MAX_FEATURES + 4)]
    rows = [{name: float(row % (at + 1)) for at, name in enumerate(names)} for row in range(60)]
    kept = input_cuts(numbers(*names), rows)
    assert list(kept) == [f"feature:{name}" for name in names[4:]]


@pytest.mark.parametrize("k", [2, 30])
def test_the_cuts_of_a_text_are_whole_characters_and_shares(k: int):
    """A cut at no unknown word tells clean texts from others."""
    front_end = tiny_front_end(tuple(f"word{i}" for i in range(k)))
    cuts = input_cuts(front_end, [f"word{i} " * (i % 5 + 1) + "strange" * (i % 2) for i in range(k)])
    assert cuts["unknown"][0] == 0.0
    assert all(cut == int(cut) for cut in cuts["length"])
