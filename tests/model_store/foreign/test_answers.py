"""Tests of `model_store.foreign.answers`: what a graph says about rows, and on which scale."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from model_store.data.csvfile import RowsInvalid
from model_store.foreign.answers import Answers, ScaleUnclear, answers_to, kind_of, open_session
from model_store.foreign.graph import PlainGraph, Port, read_graph
from model_store.foreign.onnxfile import GraphRefused
from model_store.foreign.recognise import Declared, Given, recognise_outputs
from model_store.graphs.columns import Column, ColumnInputs, GraphInput
from tests.support.foreign import small_model

FLOAT, STRING = TensorProto.FLOAT, TensorProto.STRING
SCORES = Port("scores", "tensor(float)", (None, None))
LABEL = Port("label", "tensor(int64)", (None,))
FRONT_END = ColumnInputs(
    (Column("a", "float"), Column("b", "float")), (GraphInput("x", ("a", "b"), "tensor(float)"),)
)


def _given(label: Port | None = None, classes: tuple[str, ...] = ()) -> Given:
    return Given(SCORES, label, classes, "graph" if classes else "", None)


def _graph(
    directory: Path, nodes: Any, outputs: dict[str, Any], constants: Any = None, **more: Any
) -> PlainGraph:
    path = directory / "model.onnx"
    path.write_bytes(
        small_model(nodes, {"x": (FLOAT, [None, 2])}, outputs, constants, **more).SerializeToString()
    )
    return read_graph(path)


def _answers(graph: PlainGraph, items: list[Any], path: Path | None = None) -> Answers:
    given = recognise_outputs(graph, Declared())
    return answers_to(
        open_session(graph), FRONT_END, items, given, path=path, report=lambda _stage, _done, _total: None
    )


PROBABILITIES = np.array([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0]])
EACH = np.array([[0.2, 0.9, 0.3], [0.9, 0.8, 0.0]])
LOGITS = np.array([[-2.0, 0.5, 3.0], [1.0, 0.0, 0.0]])
PAIRS = np.array([[[0.2, 0.8], [1.0, 0.0]], [[0.5, 0.5], [0.1, 0.9]]])


@pytest.mark.parametrize(
    ("scores", "given", "multilabel", "kind"),
    [
        pytest.param(PROBABILITIES, _given(), False, "probabilities", id="rows sum to one"),
        pytest.param(PROBABILITIES + 1e-5, _given(), False, "probabilities", id="nearly"),
        pytest.param(EACH, _given(), True, "probabilities", id="each label on its own"),
        pytest.param(LOGITS, _given(), False, "logits", id="logits"),
        pytest.param(np.log(EACH + 0.01), _given(), True, "logits", id="logits of labels"),
        pytest.param(PROBABILITIES[:, :1], _given(), False, "positive_probability", id="one column"),
        pytest.param(PROBABILITIES[:, 0], _given(), False, "positive_probability", id="one axis"),
        pytest.param(LOGITS[:, :1], _given(label=LABEL), False, "positive_logit", id="margin with a label"),
        pytest.param(LOGITS[:, :1], _given(classes=("a", "b")), False, "positive_logit", id="margin of two"),
        pytest.param(LOGITS[:, :1], _given(), True, "positive_logit", id="margin of one label"),
        pytest.param(PAIRS, _given(), True, "label_pairs", id="pairs"),
    ],
)
def test_the_values_tell_the_scale(scores: Any, given: Given, multilabel: bool, kind: str):
    """By shape, range and sums."""
    assert kind_of(scores, given, multilabel=multilabel) == kind


@pytest.mark.parametrize(
    ("scores", "given", "said"),
    [
        pytest.param(EACH, _given(), "sum to 1.4 up to 1.7: declare --output-kind", id="sigmoids"),
        pytest.param(LOGITS[:, :1], _given(), "a regression model predicts no class", id="one number"),
        pytest.param(np.ones((2, 3, 3)), _given(), "which label_pairs have not", id="three axes"),
        pytest.param(
            PAIRS * 2, _given(), "numbers from 0 to 2, which label_pairs are not", id="pairs of others"
        ),
        pytest.param(np.ones((1, 2, 2, 2)), _given(), "which .* have not", id="four axes"),
    ],
)
def test_values_that_may_be_several_things_are_asked_about(scores: Any, given: Given, said: str):
    """The message names what to declare."""
    with pytest.raises(ScaleUnclear, match=said):
        kind_of(scores, given, multilabel=False)


@pytest.mark.parametrize(
    ("scores", "declared", "said"),
    [
        pytest.param(
            LOGITS, "probabilities", "numbers from -2 to 3, which probabilities are not", id="range"
        ),
        pytest.param(LOGITS, "positive_logit", "which positive_logit have not", id="columns"),
        pytest.param(EACH, "label_pairs", "which label_pairs have not", id="axes"),
    ],
)
def test_a_declared_scale_must_fit(scores: Any, declared: Any, said: str):
    """Declaring cannot make a matrix a column, nor a logit a probability."""
    with pytest.raises(ScaleUnclear, match=said):
        kind_of(scores, _given(), multilabel=False, declared=declared)


def test_a_declared_scale_settles_what_the_values_leave_open():
    """Sigmoids of classes that exclude each other become shares when their user says so."""
    assert kind_of(EACH, _given(), multilabel=False, declared="probabilities") == "probabilities"
    assert kind_of(EACH, _given(), multilabel=False, declared="logits") == "logits"


def test_rows_come_back_in_their_order_with_the_label_output(tmp_path: Path):
    """More rows than one run of the graph takes."""
    nodes = [
        helper.make_node("Softmax", ["x"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["x"], ["label"], axis=1, keepdims=0),
    ]
    outputs = {"probabilities": (FLOAT, [None, 2]), "label": (TensorProto.INT64, [None])}
    items = [{"a": float(i), "b": 300.0} for i in range(600)]
    found = _answers(_graph(tmp_path, nodes, outputs), items)
    assert found.scores.shape == (600, 2)
    assert found.labels is not None
    assert found.labels.tolist() == [0 if i >= 300 else 1 for i in range(600)]
    assert found.finite().all()


def test_numbers_that_are_not_finite_are_found_by_row():
    """In every shape that scores have."""
    scores = np.array([[0.5, 0.5], [np.nan, 1.0], [0.2, np.inf]])
    assert Answers(scores, None).finite().tolist() == [True, False, False]
    assert Answers(scores[:, 0], None).finite().tolist() == [True, False, True]
    pairs = np.stack([scores, np.full((3, 2), 0.5)])
    assert Answers(pairs, None).finite().tolist() == [True, False, False]


def _choosy(directory: Path) -> PlainGraph:
    """Return a graph that fails where the first value of any row is above 1."""
    nodes = [
        helper.make_node("Slice", ["x", "zero", "one", "one"], ["first"]),
        helper.make_node("Cast", ["first"], ["place"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "place"], ["looked_up"]),
        helper.make_node("Concat", ["looked_up", "looked_up"], ["probabilities"], axis=1),
    ]
    constants = {
        "zero": np.array([0], dtype=np.int64),
        "one": np.array([1], dtype=np.int64),
        "table": np.array([0.2, 0.8], dtype=np.float32),
    }
    nodes[0] = helper.make_node("Gather", ["x", "zero"], ["first"], axis=1)
    return _graph(directory, nodes, {"probabilities": (FLOAT, [None, 2])}, constants)


def test_rows_that_the_graph_refuses_are_named(tmp_path: Path):
    """An unknown category stops a run; the rows that hold one are told by their numbers in the file."""
    items = [{"a": 7.0 if i in (2, 298, 299) else float(i % 2), "b": 0.0} for i in range(300)]
    with pytest.raises(RowsInvalid) as refused:
        _answers(_choosy(tmp_path), items, Path("rows.csv"))
    assert str(refused.value) == (
        "rows.csv: 3 rows are refused by the graph: 3, 299, 300; "
        "check their values against those of training, or leave them out"
    )


def test_a_graph_that_refuses_every_row_takes_other_columns(tmp_path: Path):
    """Not the rows are to blame then."""
    with pytest.raises(ScaleUnclear, match=r"refuses every row .*check the order and the number"):
        _answers(_choosy(tmp_path), [{"a": 7.0, "b": 0.0}] * 30)


def test_another_number_of_answers_than_rows_is_refused(tmp_path: Path):
    """A graph that sums over the batch, or an output that is no scores."""
    nodes = [helper.make_node("ReduceMean", ["x"], ["probabilities"], axes=[0], keepdims=1)]
    graph = _graph(tmp_path, nodes, {"probabilities": (FLOAT, [None, 2])})
    with pytest.raises(ScaleUnclear, match="gives 1 answers to 3 rows"):
        _answers(graph, [{"a": 0.0, "b": 1.0}] * 3)


def test_operators_that_onnx_runtime_lacks_are_named(tmp_path: Path):
    """With their domain, and only they: others of that domain may be known."""
    nodes = [helper.make_node("Fancy", ["x"], ["p"], domain="my.own")]
    graph = _graph(tmp_path, nodes, {"p": (FLOAT, [None, 2])}, domains=["my.own"])
    with pytest.raises(GraphRefused, match=r"does not have: my\.own:Fancy; export the model without them"):
        open_session(graph)


def test_a_graph_that_cannot_be_loaded_for_another_reason_says_which(tmp_path: Path):
    """An operator set from the future is told with the version that does not know it."""
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["p"])]
    graph = _graph(tmp_path, nodes, {"p": (FLOAT, [None, 2])}, {"shape": np.array([-1, 2], dtype=np.int64)})
    graph.model.graph.node[0].op_type = "NeverHeardOf"
    with pytest.raises(GraphRefused, match=r"cannot be loaded by ONNX Runtime \d.*older operator set"):
        open_session(graph)
