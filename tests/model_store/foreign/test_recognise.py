"""Tests of `model_store.foreign.recognise`: which columns go where, and which output answers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from model_store.foreign.graph import PlainGraph, read_graph
from model_store.foreign.recognise import (
    Declared,
    Unrecognised,
    recognise_inputs,
    recognise_outputs,
)
from tests.support import foreign
from tests.support.foreign import small_model

FLOAT, STRING, INT64 = TensorProto.FLOAT, TensorProto.STRING, TensorProto.INT64


def _graph(directory: Path, model: Any) -> PlainGraph:
    path = directory / "model.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return read_graph(path)


def _taking(
    directory: Path, metadata: dict[str, str] | None = None, **inputs: tuple[int, list[int | None]]
) -> PlainGraph:
    """Return a graph with these inputs, which all go into its one output."""
    nodes, parts = [], []
    for name, (kind, _) in inputs.items():
        nodes.append(helper.make_node("Shape", [name], [f"{name}_shape"]))
        nodes.append(helper.make_node("Cast", [f"{name}_shape"], [f"{name}_size"], to=FLOAT))
        parts.append(f"{name}_size")
        assert kind
    nodes.append(helper.make_node("Concat", parts, ["p"], axis=0))
    model = small_model(nodes, inputs, {"p": (FLOAT, [None])})
    for key, value in (metadata or {}).items():
        model.metadata_props.add(key=key, value=value)
    return _graph(directory, model)


def _giving(directory: Path, *nodes: Any, **outputs: tuple[int, list[int | None]]) -> PlainGraph:
    """Return a graph of these nodes on `x`, float (n, 2), with these outputs."""
    return _graph(directory, small_model(nodes, {"x": (FLOAT, [None, 2])}, outputs))


@pytest.mark.parametrize("shape", [[None], [None, 1], [None, None]], ids=str)
def test_one_string_is_a_text(tmp_path: Path, shape: list[int | None]):
    """Its column is the one declared, the one of its name, or the only one left, which is said."""
    graph = _taking(tmp_path, message=(STRING, shape))
    rank = len(shape)
    declared = recognise_inputs(graph, Declared(text="body"), ["id", "body", "label"], ["label"])
    named = recognise_inputs(graph, Declared(), ["id", "message", "label"], ["label"])
    left = recognise_inputs(graph, Declared(), ["id", "words", "label"], ["label", "id"])
    assert [each.text_column for each in (declared, named, left)] == ["body", "message", "words"]
    assert {each.text.rank for each in (declared, named, left) if each.text} == {rank}
    assert [bool(each.assumed) for each in (declared, named, left)] == [False, False, True]


def test_a_text_whose_column_is_not_clear_is_asked_for(tmp_path: Path):
    """The columns that it might be are listed."""
    graph = _taking(tmp_path, message=(STRING, [None, 1]))
    with pytest.raises(Unrecognised, match="--text, the columns left are subject, body"):
        recognise_inputs(graph, Declared(), ["subject", "body", "label"], ["label"])


def test_one_string_may_be_a_column_of_a_table(tmp_path: Path):
    """Where features are declared, a category is no text."""
    graph = _taking(tmp_path, city=(STRING, [None, 1]))
    taken = recognise_inputs(graph, Declared(features=("town",)), ["town", "label"], ["label"])
    assert taken.text is None
    assert taken.columns == ("town",)


def test_the_columns_of_a_matrix_are_those_declared_in_that_order(tmp_path: Path):
    """Nothing is assumed then."""
    graph = _taking(tmp_path, X=(FLOAT, [None, 3]))
    taken = recognise_inputs(graph, Declared(features=("c", "a", "b")), ["a", "b", "c", "d"], [])
    assert taken.columns == ("c", "a", "b")
    assert taken.assumed == ()


@pytest.mark.parametrize("written", [json.dumps(["c", "a", "b"]), "c, a ,b"], ids=["JSON", "commas"])
def test_the_columns_of_a_matrix_may_stand_in_the_metadata(tmp_path: Path, written: str):
    """A model that knows its columns need not be told, and they go before the order of the file."""
    graph = _taking(tmp_path, {"feature_names": written}, X=(FLOAT, [None, 3]))
    taken = recognise_inputs(graph, Declared(), ["a", "b", "c", "label"], ["label"])
    assert taken.columns == ("c", "a", "b")
    assert taken.assumed == ()


def test_the_order_of_the_file_is_taken_only_if_the_count_fits_and_is_said(tmp_path: Path):
    """One column more and the question is asked."""
    graph = _taking(tmp_path, X=(FLOAT, [None, 3]))
    taken = recognise_inputs(graph, Declared(), ["b", "label", "a", "c"], ["label"])
    assert taken.columns == ("b", "a", "c")
    assert taken.assumed == ("'X' takes b, a, c, in the order of the file's columns",)
    with pytest.raises(
        Unrecognised, match=r"takes 3 columns, and the 4 columns left are b, a, c, id; .*--features"
    ):
        recognise_inputs(graph, Declared(), ["b", "label", "a", "c", "id"], ["label"])


def test_several_inputs_are_found_by_their_names(tmp_path: Path):
    """As a DataFrame's columns are exported: the file may have them in any order, and others too."""
    graph = _taking(tmp_path, age=(FLOAT, [None, 1]), city=(STRING, [None, 1]), visits=(INT64, [None, 1]))
    taken = recognise_inputs(graph, Declared(), ["id", "visits", "city", "label", "age"], ["label"])
    assert [(each.input, each.columns, each.type) for each in taken.inputs] == [
        ("age", ("age",), "tensor(float)"),
        ("city", ("city",), "tensor(string)"),
        ("visits", ("visits",), "tensor(int64)"),
    ]
    assert taken.assumed == ()


def test_grouped_inputs_take_declared_columns(tmp_path: Path):
    """By input, or dealt to the inputs in their order; an input left over takes the columns left over."""
    graph = _taking(tmp_path, num=(FLOAT, [None, 2]), cat=(STRING, [None, 1]))
    header = ["cat", "b", "a", "label"]
    by_input = recognise_inputs(
        graph, Declared(inputs={"num": ("a", "b"), "cat": ("cat",)}), header, ["label"]
    )
    dealt = recognise_inputs(graph, Declared(features=("a", "b", "cat")), header, ["label"])
    assert by_input.inputs == dealt.inputs
    rest = recognise_inputs(graph, Declared(), header, ["label"])
    assert rest.columns == ("b", "a", "cat")
    assert rest.assumed == ("'num' takes b, a, in the order of the file's columns",)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        pytest.param({"features": ("a", "b")}, "names 2 columns, and the graph takes 3", id="too few"),
        pytest.param({"features": ("a", "b", "b")}, "'b' is named twice", id="twice"),
        pytest.param({"inputs": {"Y": ("a",)}}, "has no input 'Y'; it takes 'X'", id="no such input"),
        pytest.param({"inputs": {"X": ("a",)}}, "takes 3 columns, 1 are named", id="too few for an input"),
        pytest.param({"text": "a"}, "one string, this one takes 'X'", id="a text"),
    ],
)
def test_columns_that_the_graph_cannot_take_are_refused(tmp_path: Path, declared: dict[str, Any], said: str):
    """The error says what is taken."""
    graph = _taking(tmp_path, X=(FLOAT, [None, 3]))
    with pytest.raises(Unrecognised, match=said):
        recognise_inputs(graph, Declared(**declared), ["a", "b", "c", "d"], [])


def test_a_matrix_of_unsaid_width_needs_names(tmp_path: Path):
    """It takes as many as are named; running it shows whether that is right."""
    graph = _taking(tmp_path, X=(FLOAT, [None, None]))
    with pytest.raises(Unrecognised, match="whose number the graph does not say"):
        recognise_inputs(graph, Declared(), ["a", "b"], [])
    assert recognise_inputs(graph, Declared(features=("b",)), ["a", "b"], []).columns == ("b",)


SOFTMAX = helper.make_node("Softmax", ["x"], ["probabilities"], axis=1)
BEST = helper.make_node("ArgMax", ["x"], ["label"], axis=1, keepdims=0)


def test_the_only_floats_are_the_scores_and_the_integers_the_label(tmp_path: Path):
    """Neither names nor order matter; the label says that an item has one class."""
    graph = _giving(tmp_path, SOFTMAX, BEST, label=(INT64, [None]), probabilities=(FLOAT, [None, 2]))
    given = recognise_outputs(graph, Declared())
    assert given.scores.name == "probabilities"
    assert given.label is not None
    assert given.label.name == "label"
    assert given.multilabel is False
    assert given.classes == ()


def test_of_several_floats_the_one_named_like_scores_is_read(tmp_path: Path):
    """An embedding beside the logits is none; two candidates are asked about."""
    embedding = helper.make_node("Neg", ["x"], ["embedding"])
    logits = helper.make_node("Abs", ["x"], ["the_logits"])
    shape: tuple[int, list[int | None]] = (FLOAT, [None, 2])
    graph = _giving(tmp_path, embedding, logits, embedding=shape, the_logits=shape)
    assert recognise_outputs(graph, Declared()).scores.name == "the_logits"
    assert recognise_outputs(graph, Declared(output="embedding")).scores.name == "embedding"
    other = _giving(tmp_path, embedding, helper.make_node("Abs", ["x"], ["b"]), embedding=shape, b=shape)
    with pytest.raises(Unrecognised, match=r"several outputs may be the scores: .*--output"):
        recognise_outputs(other, Declared())


def test_an_output_goes_by_the_name_it_has_in_the_file(tmp_path: Path):
    """Who names the dictionaries gets the tensor that stands for them."""
    graph = _graph(tmp_path, foreign.lightgbm().onnx)
    given = recognise_outputs(graph, Declared(output="probabilities"))
    assert given.scores.name == "lgbmprobabilities"
    assert (given.classes, given.named_by) == (foreign.CLASSES, "graph")
    with pytest.raises(Unrecognised, match="has no scores 'nothing'; it gives 'label'"):
        recognise_outputs(graph, Declared(output="nothing"))


def test_declared_classes_go_before_those_of_the_graph(tmp_path: Path):
    """What they are taken for is then said to be declared."""
    graph = _graph(tmp_path, foreign.lightgbm().onnx)
    given = recognise_outputs(graph, Declared(classes=("x", "y", "z")))
    assert (given.classes, given.named_by) == (("x", "y", "z"), "declared")
    with pytest.raises(Unrecognised, match="'x' is named twice"):
        recognise_outputs(graph, Declared(classes=("x", "y", "x")))


def test_a_regression_model_is_refused(tmp_path: Path):
    """Unless its user says what the number is."""
    from skl2onnx import to_onnx
    from sklearn.linear_model import LinearRegression

    x, y = foreign.numbers()
    graph = _graph(tmp_path, to_onnx(LinearRegression().fit(x, y.astype(float)), x[:1]))
    with pytest.raises(Unrecognised, match="LinearRegressor: the model predicts a number, no class"):
        recognise_outputs(graph, Declared())
    assert recognise_outputs(graph, Declared(output_kind="positive_logit")).scores.name == "variable"


def test_a_model_without_scores_is_refused(tmp_path: Path):
    """A label alone carries no probability to set a threshold on."""
    graph = _giving(tmp_path, BEST, label=(INT64, [None]))
    with pytest.raises(Unrecognised, match=r"gives no scores, only 'label'.*with its probabilities"):
        recognise_outputs(graph, Declared())


@pytest.mark.parametrize("kind", ["one_vs_rest", "multi_output", "forest"])
def test_labels_that_go_together_are_recognised(tmp_path: Path, kind: str):
    """By the shape of the label output or of the scores; the numbers of the columns are no names."""
    given = recognise_outputs(_graph(tmp_path, foreign.several_labels(kind=kind).onnx), Declared())
    assert given.multilabel is True
    assert (given.classes, given.named_by) == ((), "")


def test_a_network_leaves_open_whether_labels_go_together(tmp_path: Path):
    """Without a label output only the file's labels can tell."""
    given = recognise_outputs(_graph(tmp_path, foreign.network().onnx), Declared())
    assert given.multilabel is None
    assert given.label is None


def test_what_is_taken_is_said_in_one_line(tmp_path: Path):
    """However many columns there are."""
    graph = _taking(tmp_path, X=(FLOAT, [None, 30]))
    header = [f"c{i}" for i in range(30)]
    said = str(recognise_inputs(graph, Declared(), header, []))
    assert said.startswith("'X' tensor(float) of c0, c1")
    assert said.endswith("c19 and 10 more")
    assert np.char.count(said, "\n") == 0
