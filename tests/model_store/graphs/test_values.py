"""Tests of `model_store.graphs.values`."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.graphs.values import FED_AS, TYPES, UNUSUAL, USUAL, Column, ColumnKind, fault, said

KINDS: tuple[ColumnKind, ...] = ("float", "integer", "text", "boolean")
anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@pytest.mark.parametrize("kind", KINDS)
@given(value=anything, missing=st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_value_is_right_or_told_without_being_quoted(kind: ColumnKind, value: Any, missing: bool):
    """Every value gets an answer in one line, and the answer is made of the column's words alone."""
    problem = fault(Column("x", kind, missing), FED_AS[kind][0], value)
    words = "abcdefghijklmnopqrstuvwxyz ,;();.0123456789+e"
    assert problem is None or (set(problem) <= set(words) and "expected" in problem)
    if value is None:
        assert (problem is None) == missing
    elif type(value) not in TYPES[kind] and not (kind == "integer" and isinstance(value, float)):
        assert problem is not None


@pytest.mark.parametrize("kind", KINDS)
def test_the_values_of_a_first_run_are_right_in_every_tensor(kind: ColumnKind):
    """What warms a graph up is what a client may send."""
    for onnx_type in FED_AS[kind]:
        for value in (USUAL[kind], *UNUSUAL[kind]):
            assert fault(Column("x", kind), onnx_type, value) is None


@pytest.mark.parametrize(
    ("onnx_type", "largest"),
    [("tensor(float)", 2.0**128 - 2.0**104), ("tensor(double)", 2.0**1023), ("tensor(int64)", 2**63 - 1)],
)
def test_a_number_must_fit_its_tensor(onnx_type: str, largest: float):
    """The largest number of a tensor passes with either sign, and twice that in none."""
    column = Column("x", "integer" if onnx_type == "tensor(int64)" else "float")
    assert fault(column, onnx_type, largest) is None
    assert fault(column, onnx_type, -largest) is None
    if onnx_type == "tensor(int64)":
        assert fault(column, onnx_type, -(2**63)) is None
        assert fault(column, onnx_type, -(2**63) - 1) is not None
    assert fault(column, onnx_type, 2 * int(largest) + (10**400 if "double" in onnx_type else 0)) is not None


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (True, "a boolean"),
        (1, "a number"),
        (math.nan, "a number"),
        ("1", "a string"),
        (None, "null"),
        ([], "a list"),
        ({}, "an object"),
    ],
    ids=repr,
)
def test_a_type_is_called_what_json_calls_it(value: Any, name: str):
    """Clients write JSON and do not know of Python's types."""
    assert said(value) == name
