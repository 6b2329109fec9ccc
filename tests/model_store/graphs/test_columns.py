"""Tests of `model_store.graphs.columns`."""

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.errors import FeatureInvalid
from model_store.graphs.columns import Column, ColumnInputs, ColumnKind, GraphInput

# As scikit-learn's exporter makes them of a table: an input for each column but the numbers.
NAMED = ColumnInputs(
    (
        Column("age", "float", missing=True),
        Column("visits", "integer"),
        Column("plan", "text"),
        Column("note", "text", missing=True),
        Column("member", "boolean"),
        Column("score", "float"),
    ),
    (
        GraphInput("numbers", ("score", "age"), "tensor(float)"),
        GraphInput("visits", ("visits",), "tensor(int64)"),
        GraphInput("plan", ("plan",), "tensor(string)"),
        GraphInput("note", ("note",), "tensor(string)"),
        GraphInput("member", ("member",), "tensor(bool)"),
    ),
)
ITEM = {"age": 41.5, "visits": 3, "plan": "basic", "note": "é", "member": True, "score": -0.5}
MATRIX = ColumnInputs(
    (Column("a", "float", missing=True), Column("b", "integer", missing=True), Column("c", "boolean")),
    (GraphInput("X", ("c", "a", "b"), "tensor(float)"),),
)


def test_columns_reach_the_inputs_that_name_them():
    """Every tensor has its columns in its own order, and the type that the graph asks for."""
    feeds = NAMED.feeds([ITEM, {**ITEM, "visits": 4, "plan": "gold"}])
    assert {name: (array.dtype.name, array.shape) for name, array in feeds.items()} == {
        "numbers": ("float32", (2, 2)),
        "visits": ("int64", (2, 1)),
        "plan": ("object", (2, 1)),
        "note": ("object", (2, 1)),
        "member": ("bool", (2, 1)),
    }
    np.testing.assert_array_equal(feeds["numbers"], np.array([[-0.5, 41.5]] * 2, dtype=np.float32))
    assert feeds["visits"].ravel().tolist() == [3, 4]
    assert feeds["plan"].ravel().tolist() == ["basic", "gold"]
    assert feeds["member"].all()


def test_one_matrix_takes_numbers_and_booleans_side_by_side():
    """A float matrix holds booleans as 0 and 1 and whole numbers as they are, in the order of the graph."""
    feeds = MATRIX.feeds([{"a": 2.5, "b": 7, "c": True}, {"a": 1, "b": 7.0, "c": False}])
    np.testing.assert_array_equal(feeds["X"], np.array([[1, 2.5, 7], [0, 1, 7]], dtype=np.float32))


@pytest.mark.parametrize("gone", [{"age": None, "note": None}, {}], ids=["null", "left out"])
def test_what_may_be_missing_is_nan_or_empty(gone: dict[str, Any]):
    """Null and an absent key say the same: NaN in a tensor of floats, "" in one of strings."""
    item = {key: value for key, value in ITEM.items() if key not in ("age", "note")} | gone
    feeds = NAMED.feeds([ITEM, item])
    np.testing.assert_array_equal(feeds["numbers"][:, 1], np.array([41.5, np.nan], dtype=np.float32))
    assert feeds["note"].ravel().tolist() == ["é", ""]


def test_an_item_is_not_changed():
    """Checking fills gaps in a copy; the caller's item is as it was."""
    item = {key: value for key, value in ITEM.items() if key != "age"}
    before = dict(item)
    NAMED.feeds([item])
    assert item == before


@pytest.mark.parametrize(
    ("change", "column", "says"),
    [
        ({"age": "41"}, "age", "a string, expected a number or null"),
        ({"age": True}, "age", "a boolean, expected a number or null"),
        ({"age": [41]}, "age", "a list, expected a number or null"),
        ({"age": {"years": 41}}, "age", "an object, expected a number or null"),
        ({"age": math.nan}, "age", "a number that is not finite"),
        ({"age": math.inf}, "age", "a number that is not finite"),
        ({"age": -math.inf, "score": 0.0}, "age", "a number that is not finite"),
        ({"score": math.nan}, "score", "a number that is not finite"),
        ({"score": None}, "score", "null, expected a number; this column may not be missing"),
        ({"score": 1e39}, "score", r"a number too large for tensor\(float\), .* at most 3.403e\+38"),
        ({"score": 10**400}, "score", r"a number too large for tensor\(float\)"),
        ({"visits": 2.5}, "visits", "a number with a fraction, expected a whole number"),
        ({"visits": "2"}, "visits", "a string, expected a whole number"),
        ({"visits": False}, "visits", "a boolean, expected a whole number"),
        ({"visits": None}, "visits", "null, expected a whole number"),
        ({"visits": math.inf}, "visits", "a number that is not finite"),
        ({"visits": 2**63}, "visits", r"a number too large for tensor\(int64\)"),
        ({"plan": 3}, "plan", "a number, expected a string"),
        ({"plan": None}, "plan", "null, expected a string; this column may not be missing"),
        ({"note": 3.5}, "note", "a number, expected a string or null"),
        ({"member": 1}, "member", "a number, expected true or false"),
        ({"member": "yes"}, "member", "a string, expected true or false"),
    ],
    ids=str,
)
def test_a_value_of_another_kind_is_refused_by_item_and_column(
    change: dict[str, Any], column: str, says: str
):
    """The error names item, column and what is allowed in one line, and never the value."""
    with pytest.raises(FeatureInvalid, match=f"^item 2, column '{column}': {says}") as caught:
        NAMED.feeds([ITEM, ITEM, {**ITEM, **change}, ITEM])
    assert (caught.value.index, caught.value.column) == (2, column)
    assert "\n" not in str(caught.value)
    assert "41" not in str(caught.value)


@pytest.mark.parametrize("column", ["visits", "plan", "member", "score"])
def test_a_column_that_may_not_be_missing_must_be_there(column: str):
    """A column that is left out is named, with what belongs in it."""
    item = {key: value for key, value in ITEM.items() if key != column}
    with pytest.raises(FeatureInvalid, match=f"^item 1, column '{column}': missing, expected "):
        NAMED.feeds([ITEM, item])


def test_unknown_columns_are_counted_not_repeated():
    """The name of an unknown column is the client's text: the error counts them and lists what is allowed."""
    with pytest.raises(FeatureInvalid) as caught:
        NAMED.feeds([{**ITEM, "Jane Doe, 4 Elm St": 1, "ssn": 2}])
    assert str(caught.value) == ("item 0: 2 unknown columns, allowed: age, visits, plan, note, member, score")
    assert caught.value.column is None


def test_many_columns_are_listed_in_part():
    """A wide table does not make an error of a thousand names."""
    wide = ColumnInputs(
        tuple(Column(f"c{i}", "float", missing=True) for i in range(500)),
        (GraphInput("X", tuple(f"c{i}" for i in range(500)), "tensor(double)"),),
    )
    with pytest.raises(FeatureInvalid, match=r"1 unknown column, allowed: c0, .*, c19 and 480 more$"):
        wide.feeds([{"d": 1}])


@pytest.mark.parametrize("item", ["a text", None, 3, ["age"]], ids=repr)
def test_what_is_no_object_is_refused(item: Any):
    """A text sent to a model of columns is told what the model takes."""
    with pytest.raises(FeatureInvalid, match=r"^item 1: .*, expected an object of age, visits"):
        NAMED.feeds([ITEM, item])


numbers = st.floats(-1e6, 1e6, width=32) | st.integers(-(10**6), 10**6)
items = st.fixed_dictionaries(
    {
        "visits": st.integers(-(2**63), 2**63 - 1) | st.integers(-1000, 1000).map(float),
        "plan": st.text(max_size=5),
        "member": st.booleans(),
        "score": numbers,
    },
    optional={"age": numbers | st.none(), "note": st.text(max_size=5) | st.none()},
)


@given(batch=st.lists(items, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_row_is_the_same_alone_and_in_company(batch: list[dict[str, Any]]):
    """Whatever its batch mates hold, an item gives the same tensors, and they hold its values."""
    together = NAMED.feeds(batch)
    for row, item in enumerate(batch):
        alone = NAMED.feeds([item])
        for name, array in together.items():
            np.testing.assert_array_equal(array[row : row + 1], alone[name])
            assert array.dtype == alone[name].dtype
        assert alone["visits"][0, 0] == item["visits"]
        assert alone["numbers"][0, 0] == np.float32(item["score"])
        assert bool(np.isnan(alone["numbers"][0, 1])) == (item.get("age") is None)


@given(batch=st.lists(items, min_size=1, max_size=30), cells=st.integers(1, 100))
@settings(max_examples=30, deadline=None)
def test_groups_hold_every_item_once(batch: list[dict[str, Any]], cells: int):
    """Groups are in order, none larger than asked but for a single item, and together they are the whole."""
    whole = NAMED.feeds(batch)
    groups = list(NAMED.batches(batch, cells))
    assert max(len(feeds["visits"]) for _, feeds in groups) <= max(1, cells // len(NAMED.columns))
    for name, array in whole.items():
        np.testing.assert_array_equal(np.concatenate([feeds[name] for _, feeds in groups]), array)


def test_all_items_are_checked_before_the_first_group():
    """A bad item at the end of many is found before anything runs, by its place among all."""
    with pytest.raises(FeatureInvalid, match=r"^item 999,"):
        next(NAMED.batches([*[ITEM] * 999, {**ITEM, "plan": None}], cells=6))


def test_checking_is_linear_in_memory():
    """1,000 items of a row of numbers take their tensors and little more."""
    wide = ColumnInputs(
        tuple(Column(f"c{i}", "float") for i in range(100)),
        (GraphInput("X", tuple(f"c{i}" for i in range(100)), "tensor(float)"),),
    )
    batch = [{f"c{i}": float(i) for i in range(100)}] * 1_000
    tracemalloc.start()
    wide.feeds(batch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_500_000  # 400,000 of floats, and a list of pointers to the values


@pytest.mark.parametrize("column", NAMED.columns, ids=lambda column: column.name)
def test_the_typical_item_is_one_that_is_allowed(column: Column):
    """Without a better word the typical item is made of neutral values, and each of the probes is allowed."""
    NAMED.feeds([NAMED.typical()])
    NAMED.feeds([probe.item for probe in NAMED.probes()])
    missing = [probe for probe in NAMED.probes() if f"without '{column.name}'" in probe.about]
    assert len(missing) == column.missing
    assert all(probe.needed for probe in missing)


def test_a_typical_value_is_used_where_one_is_known():
    """A graph that refuses categories it has not seen can still be tried, with one that it has."""
    front_end = ColumnInputs(
        (Column("plan", "text", typical="gold"), Column("age", "float", typical=41.0)),
        (GraphInput("plan", ("plan",), "tensor(string)"), GraphInput("age", ("age",), "tensor(float)")),
    )
    assert front_end.typical() == {"plan": "gold", "age": 41.0}
    assert front_end.probes()[0].item == front_end.typical()


def _one(kind: ColumnKind, onnx_type: Any, *, missing: bool = False) -> ColumnInputs:
    return ColumnInputs((Column("x", kind, missing),), (GraphInput("x", ("x",), onnx_type),))


@pytest.mark.parametrize(
    ("kind", "onnx_type"),
    [
        ("text", "tensor(float)"),
        ("text", "tensor(int64)"),
        ("float", "tensor(int64)"),
        ("float", "tensor(string)"),
        ("integer", "tensor(string)"),
        ("integer", "tensor(bool)"),
        ("boolean", "tensor(string)"),
    ],
)
def test_a_kind_that_a_tensor_cannot_hold_is_refused(kind: ColumnKind, onnx_type: str):
    """A text is no number and a fraction no integer, whatever the manifest says."""
    with pytest.raises(ValueError, match=f"inputs: 'x' takes column 'x' of kind {kind} as .*, allowed: "):
        _one(kind, onnx_type)


@pytest.mark.parametrize("onnx_type", ["tensor(int64)", "tensor(bool)"])
def test_integers_cannot_be_missing(onnx_type: str):
    """There is no integer that says "nothing", so a column fed as integers must always be there."""
    with pytest.raises(ValueError, match="cannot say that a value is missing"):
        _one("boolean", onnx_type, missing=True)


def test_an_integer_fed_as_floats_may_be_missing():
    """A tensor of floats has NaN for it, and takes whole numbers only."""
    front_end = _one("integer", "tensor(double)", missing=True)
    np.testing.assert_array_equal(
        front_end.feeds([{"x": 3}, {}, {"x": 4.0}])["x"], np.array([[3.0], [np.nan], [4.0]])
    )
    with pytest.raises(FeatureInvalid, match="fraction"):
        front_end.feeds([{"x": 3.5}])
