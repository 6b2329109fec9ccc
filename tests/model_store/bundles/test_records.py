"""Tests of `model_store.bundles.records`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.bundles.records import from_json, to_json


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf of the tree."""

    name: str
    value: float | None
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of every kind of value that is kept."""

    leaves: tuple[Leaf, ...]
    counts: Mapping[str, int]
    first: Leaf | None = None
    deep: bool = False


leaves = st.builds(Leaf, st.text(), st.none() | st.floats(allow_nan=False), st.sampled_from(["a", "b"]))
trees = st.builds(
    Tree,
    st.lists(leaves, max_size=3).map(tuple),
    st.dictionaries(st.text(), st.integers(-(2**53), 2**53), max_size=3),
    st.none() | leaves,
    st.booleans(),
)


@given(trees)
@settings(max_examples=50, deadline=None)
def test_what_is_written_reads_back_the_same(tree: Tree):
    """Through JSON text."""
    assert from_json(Tree, json.loads(json.dumps(to_json(tree)))) == tree


def test_a_later_release_may_write_more():
    """A key that is not known is left out; one that is missing gets its default."""
    assert from_json(Leaf, {"name": "x", "value": 1, "colour": "red"}) == Leaf("x", 1.0)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "value is list, expected an object"),
        ({"leaves": [], "counts": {"a": 1.5}}, "value.counts.a is float, expected a value of type int"),
        ({"leaves": [{"name": 3, "value": None}], "counts": {}}, "value.leaves[0].name is int"),
        ({"leaves": [{"name": "x", "value": True}], "counts": {}}, "value.leaves[0].value is bool"),
        ({"leaves": [{"name": "x", "value": 1, "kind": "c"}], "counts": {}}, "expected one of a, b"),
        ({"leaves": "none", "counts": {}}, "value.leaves is str, expected a list"),
        ({"leaves": []}, "value: "),
    ],
)
def test_what_is_malformed_is_named_with_its_place(data: Any, says: str):
    """In one line."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its text is compared below
        from_json(Tree, data)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
