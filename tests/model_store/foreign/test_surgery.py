"""Tests of `model_store.foreign.surgery`: what is changed about a graph, and that nothing else is."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from model_store.foreign import surgery
from tests.support.foreign import small_model


def _branching() -> Any:
    """Return a model whose `If` reads a tensor of the outer graph in one branch only."""
    branches = {
        name: helper.make_graph(
            [helper.make_node("Add", ["outer", "one"], [f"out_{name}"])],
            name,
            [],
            [helper.make_tensor_value_info(f"out_{name}", TensorProto.FLOAT, None)],
        )
        for name in ("then_branch", "else_branch")
    }
    return small_model(
        [
            helper.make_node("Neg", ["x"], ["outer"]),
            helper.make_node("Abs", ["x"], ["unused"]),
            helper.make_node("If", ["condition"], ["y"], **branches),
        ],
        {"x": (TensorProto.FLOAT, [None, 2])},
        {"y": (TensorProto.FLOAT, [None, 2])},
        {"condition": np.array(True), "one": np.ones(1, np.float32), "dead": np.ones(1, np.float32)},
    )


def test_what_only_a_branch_reads_is_kept():
    """Operators and constants that an inner graph reads are needed; what nothing reads is dropped."""
    model = _branching()
    surgery.prune(model)
    assert [node.op_type for node in model.graph.node] == ["Neg", "If"]
    assert {each.name for each in model.graph.initializer} == {"condition", "one"}
    onnx.checker.check_model(model)


def test_a_tensor_is_renamed_within_branches_too():
    """No reader is left with the old name."""
    model = _branching()
    surgery.rename(model, "outer", "inner")
    read = {name for node in surgery.nodes(model) for name in node.input}
    assert "inner" in read
    assert "outer" not in read
    onnx.checker.check_model(model)


def test_a_new_name_begins_like_no_other():
    """Names made from it cannot clash either."""
    model = _branching()
    assert surgery.unused(model, "new") == "new"
    assert surgery.unused(model, "out") == "out__"


@pytest.mark.parametrize(
    ("value", "said"),
    [(1, "1"), (1.0, "1"), (1.5, "1.5"), (-1, "-1"), (b"gold", "gold"), ("gold", "gold"), (True, "True")],
    ids=repr,
)
def test_a_class_is_written_as_in_a_file(value: Any, said: str):
    """A whole number has no decimal point, whatever its type."""
    assert surgery.text_of(value) == said


@pytest.mark.parametrize(
    ("nodes", "found"),
    [
        pytest.param(
            [("ArrayFeatureExtractor", ["names", "best"], "ai.onnx.ml")], ("a", "b"), id="extractor"
        ),
        pytest.param([("Gather", ["names", "best"], "")], ("a", "b"), id="gather"),
        pytest.param([("Identity", ["best"], "")], (), id="a number"),
    ],
)
def test_the_classes_behind_a_label_are_found(
    nodes: list[tuple[str, list[str], str]], found: tuple[str, ...]
):
    """A label that is looked up in a list by the best column tells the order of the columns."""
    made = [helper.make_node("ArgMax", ["x"], ["best"], axis=1, keepdims=0)]
    made += [helper.make_node(operator, inputs, ["y"], domain=domain) for operator, inputs, domain in nodes]
    made.append(helper.make_node("Identity", ["y"], ["label"]))
    model = small_model(
        made,
        {"x": (TensorProto.FLOAT, [None, 2])},
        {"label": (TensorProto.STRING, [None])},
        {"names": np.array(["a", "b"], dtype=object)},
    )
    assert surgery.classes_behind(model, surgery.makers(model), "label") == found
