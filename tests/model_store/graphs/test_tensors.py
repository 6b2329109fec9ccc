"""Tests of `model_store.graphs.tensors`."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.errors import FeatureInvalid
from model_store.graphs.tensors import Block
from model_store.graphs.values import Column, fault

COLUMNS = (
    Column("a", "float", missing=True),
    Column("b", "integer"),
    Column("c", "boolean"),
    Column("d", "float"),
)
values = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        -3,
        2.5,
        4.0,
        2**24 + 1,
        -(2**63),
        1e39,
        10**400,
        float("nan"),
        float("inf"),
        "1",
        [],
    ]
)
right = {"a": [None, 1, 2.5, 2**24 + 1], "b": [0, -3, 4.0], "c": [True, False], "d": [0, 2.5]}
# Mostly right values: with four columns hardly an item would be allowed otherwise.
rows = st.lists(
    st.fixed_dictionaries({name: st.sampled_from(some * 4) | values for name, some in right.items()}),
    min_size=1,
    max_size=3,
)


@pytest.mark.parametrize("onnx_type", ["tensor(float)", "tensor(double)"])
@given(items=rows)
@settings(max_examples=150, deadline=None)
def test_the_short_way_and_the_long_way_agree(onnx_type: str, items: list[dict[str, Any]]):
    """What is looked at a row at once is allowed exactly if each of its values is, and becomes the same."""
    block = Block(onnx_type, COLUMNS, (("X", slice(0, 4)),))
    wrong = [
        (index, column.name)
        for index, item in enumerate(items)
        for column in COLUMNS
        if fault(column, onnx_type, item[column.name])
    ]
    if wrong:
        with pytest.raises(FeatureInvalid) as caught:
            block.array(items)
        assert (caught.value.index, caught.value.column) == wrong[0]
    else:
        found = block.array(items)
        expected = [
            [np.nan if item[c.name] is None else float(item[c.name]) for c in COLUMNS] for item in items
        ]
        np.testing.assert_array_equal(found, np.array(expected).astype(found.dtype))
        assert found.dtype == (np.float32 if onnx_type == "tensor(float)" else np.float64)


@given(items=st.lists(st.fixed_dictionaries({"b": values}), min_size=1, max_size=4))
@settings(max_examples=80, deadline=None)
def test_integers_stay_exact(items: list[dict[str, Any]]):
    """A tensor of integers never passes through a float, and takes a float only if it is whole."""
    block = Block("tensor(int64)", (Column("b", "integer"),), (("b", slice(0, 1)),))
    if any(fault(Column("b", "integer"), "tensor(int64)", item["b"]) for item in items):
        with pytest.raises(FeatureInvalid):
            block.array(items)
    else:
        assert block.array(items).ravel().tolist() == [int(item["b"]) for item in items]
    assert block.array([{"b": 2**53 + 1}]).item() == 2**53 + 1
