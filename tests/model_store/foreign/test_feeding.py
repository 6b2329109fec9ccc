"""Tests of `model_store.foreign.feeding`: which columns a graph takes, and where gaps may be."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from model_store.data.csvfile import RowsInvalid
from model_store.data.rows import Rows
from model_store.foreign.answers import Answers
from model_store.foreign.feeding import check_finite, feed
from model_store.foreign.graph import PlainGraph, read_graph
from model_store.foreign.recognise import Taken
from model_store.graphs.columns import ColumnInputs, GraphInput
from model_store.graphs.inputs import OnnxType, TextInput
from tests.support.foreign import small_model


@pytest.fixture
def graph(tmp_path: Path) -> PlainGraph:
    """Return a graph that holds the categories rome and paris."""
    encode = helper.make_node(
        "OneHotEncoder", ["x"], ["p"], cats_strings=["rome", "paris"], domain="ai.onnx.ml"
    )
    model = small_model([encode], {"x": (TensorProto.STRING, [None])}, {"p": (TensorProto.FLOAT, [None, 2])})
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return read_graph(path)


def _taken(columns: Mapping[str, OnnxType]) -> Taken:
    return Taken(inputs=tuple(GraphInput(name, (name,), kind) for name, kind in columns.items()))


def _rows(**cells: tuple[str, ...]) -> Rows:
    return Rows(features=cells, path=Path("rows.csv"))


def test_kinds_come_from_what_the_graph_takes(graph: PlainGraph):
    """A code in a text column stays a text; whole numbers are fed to a matrix of floats as they are."""
    rows = _rows(code=("07", "12"), age=("31", "40"), visits=("3", "4"), member=("true", "false"))
    types: dict[str, OnnxType] = {
        "code": "tensor(string)",
        "age": "tensor(float)",
        "visits": "tensor(int64)",
        "member": "tensor(bool)",
    }
    front_end, items = feed(graph, _taken(types), rows)
    assert isinstance(front_end, ColumnInputs)
    assert [each.kind for each in front_end.columns] == ["text", "float", "integer", "boolean"]
    assert items[0] == {"code": "07", "age": 31.0, "visits": 3, "member": True}
    assert not any(each.missing for each in front_end.columns)


@pytest.mark.parametrize("onnx_type", ["tensor(float)", "tensor(int64)"])
def test_true_and_false_are_fed_to_numbers(graph: PlainGraph, onnx_type: OnnxType):
    """As one and zero, and a service then takes booleans."""
    front_end, items = feed(graph, _taken({"member": onnx_type}), _rows(member=("True", "false")))
    assert isinstance(front_end, ColumnInputs)
    assert front_end.columns[0].kind == "boolean"
    assert front_end.feeds(items)["member"].ravel().tolist() == [1, 0]


def test_gaps_of_the_file_may_come_again(graph: PlainGraph):
    """A column with an empty cell may be missing, one without may not."""
    rows = _rows(age=("31", ""), city=("rome", "paris"))
    front_end, items = feed(graph, _taken({"age": "tensor(float)", "city": "tensor(string)"}), rows)
    assert isinstance(front_end, ColumnInputs)
    assert [each.missing for each in front_end.columns] == [True, False]
    assert np.isnan(front_end.feeds(items)["age"]).ravel().tolist() == [False, True]


@pytest.mark.parametrize(
    ("onnx_type", "cells", "said"),
    [
        pytest.param(
            "tensor(int64)",
            ("3", "", "4", "nan"),
            "2 rows lack a value in 'x', which the graph takes as whole numbers: 2, 4",
            id="whole numbers",
        ),
        pytest.param(
            "tensor(bool)",
            ("true", ""),
            "row 2 lacks a value in 'x', which the graph takes as true",
            id="bool",
        ),
        pytest.param(
            "tensor(float)", ("3", "many", "4"), "row 2 does not hold a finite number in 'x'", id="a word"
        ),
        pytest.param(
            "tensor(int64)", ("3", "4.5"), "row 2 does not hold a whole number in 'x'", id="a fraction"
        ),
    ],
)
def test_cells_of_another_type_are_named_by_row(
    graph: PlainGraph, onnx_type: OnnxType, cells: tuple[str, ...], said: str
):
    """Not by what is in them."""
    with pytest.raises(RowsInvalid, match=said):
        feed(graph, _taken({"x": onnx_type}), _rows(x=cells))


def test_a_category_that_the_graph_holds_is_the_typical_one(graph: PlainGraph):
    """An encoder refuses others, and a first item must pass; it is the commonest of the file that is held."""
    rows = _rows(city=("oslo", "paris", "rome", "paris", "oslo", "oslo"))
    front_end, _ = feed(graph, _taken({"city": "tensor(string)"}), rows)
    assert front_end.typical() == {"city": "paris"}


def test_a_text_no_graph_holds_is_not_kept(graph: PlainGraph):
    """What a person wrote does not enter the bundle as an example."""
    front_end, _ = feed(graph, _taken({"note": "tensor(string)"}), _rows(note=("dear sir", "hello")))
    assert front_end.typical() == {"note": "a"}


def test_a_text_is_fed_as_it_is(graph: PlainGraph):
    """Nothing is made of it."""
    text = TextInput("message", 1)
    front_end, items = feed(graph, Taken(text=text, text_column="body"), Rows(texts=("one", "two")))
    assert front_end is text
    assert list(items) == ["one", "two"]


def _answers(*scores: list[float]) -> Answers:
    return Answers(np.array(scores), None)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        pytest.param(
            {"a": ("1", "", "1"), "b": ("1", "1", "")},
            "row 2 lacks a value in 'a', without which the graph gives no number; fill it in as in training",
            id="a gap",
        ),
        pytest.param(
            {"a": ("1", "9e9", "1")}, "row 2 gets an answer that is not a finite number", id="no gap"
        ),
    ],
)
def test_an_answer_that_is_no_number_is_told_with_what_may_be_why(rows: dict[str, Any], said: str):
    """A gap in the row, or else its values; a gap that does no harm is no reason."""
    with pytest.raises(RowsInvalid, match=said):
        check_finite(_answers([0.5, 0.5], [np.nan, np.nan], [0.1, 0.9]), _rows(**rows))


def test_finite_answers_pass():
    """Whatever is missing in their rows."""
    check_finite(_answers([0.5, 0.5], [0.1, 0.9]), _rows(a=("", "1")))
