"""Tests of `model_store.foreign.graph`: what a file takes and gives once only tensors are left."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from model_store.foreign.graph import PlainGraph, Port, read_graph
from model_store.foreign.onnxfile import GraphRefused
from tests.support import foreign
from tests.support.foreign import Foreign, small_model


def _read(directory: Path, model: Any) -> PlainGraph:
    path = directory / "model.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return read_graph(path)


def _run(content: bytes, feeds: dict[str, Any], outputs: list[str] | None = None) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(content, options).run(outputs, feeds)


def _softmax(**changes: Any) -> Any:
    """Return a model of one layer of two inputs and two classes; `changes` replace its parts."""
    parts: dict[str, Any] = {
        "nodes": [helper.make_node("Softmax", ["x"], ["p"], axis=1)],
        "inputs": {"x": (TensorProto.FLOAT, [None, 2])},
        "outputs": {"p": (TensorProto.FLOAT, [None, 2])},
    }
    return small_model(**parts | changes)


@pytest.mark.parametrize(
    ("made", "output", "stands_for", "names"),
    [
        pytest.param(
            foreign.tree_ensemble, "probabilities", "output_probability", foreign.CLASSES, id="ZipMap"
        ),
        pytest.param(foreign.lightgbm, "lgbmprobabilities", "probabilities", foreign.CLASSES, id="LightGBM"),
        pytest.param(
            foreign.gradient_boosting, "proba_output", "output_probability", ("0", "1"), id="numbers"
        ),
    ],
)
def test_a_zip_map_is_taken_off_with_the_names_it_has(
    tmp_path: Path, made: Callable[[], Foreign], output: str, stands_for: str, names: tuple[str, ...]
):
    """The tensor before it becomes the output and has the library's own probabilities, column by column."""
    model = made()
    graph = _read(tmp_path, model.onnx)
    assert graph.removed == ("ZipMap",)
    assert graph.stands_for == {stands_for: output}
    assert graph.classes[output] == names
    port = next(port for port in graph.outputs if port.name == output)
    assert (port.type, port.shape) == ("tensor(float)", (None, len(names)))
    table = np.array(model.rows, dtype=np.float32)
    found = _run(graph.content(), {graph.inputs[0].name: table}, [output])[0]
    np.testing.assert_allclose(found, model.own, atol=1e-5)


def test_one_output_a_class_is_put_side_by_side(tmp_path: Path):
    """scikit-learn's export with columns gives a matrix again, its columns in the order of the labels."""
    model = foreign.linear(zipmap="columns")
    graph = _read(tmp_path, model.onnx)
    joined = graph.outputs[-1].name
    assert set(graph.stands_for.values()) == {joined}
    assert graph.classes["output_label"] == foreign.CLASSES
    found = _run(graph.content(), {"X": np.array(model.rows, dtype=np.float32)}, [joined])[0]
    np.testing.assert_allclose(found, model.own, atol=1e-5)


def test_a_list_of_pairs_becomes_a_column_a_label(tmp_path: Path):
    """Of each label's (without, with) the second column is kept."""
    model = foreign.several_labels(kind="multi_output")
    graph = _read(tmp_path, model.onnx)
    assert graph.removed == ("SequenceConstruct",)
    found = _run(
        graph.content(), {"X": np.array(model.rows, dtype=np.float32)}, [graph.stands_for["probabilities"]]
    )
    np.testing.assert_allclose(found[0], model.own, atol=1e-5)


@pytest.mark.parametrize("widths", [(3, 3), (1, 1)], ids=["three columns", "one column"])
def test_a_list_of_other_widths_never_passes_for_pairs(tmp_path: Path, widths: tuple[int, int]):
    """It gives another number of rows than there are items, so that it cannot be read by mistake."""
    nodes = [
        *(helper.make_node("Gemm", ["x", f"w{i}"], [f"p{i}"]) for i in range(2)),
        helper.make_node("SequenceConstruct", ["p0", "p1"], ["all"]),
    ]
    model = _softmax(
        nodes=nodes,
        outputs={"p0": (TensorProto.FLOAT, [None, widths[0]])},
        constants={f"w{i}": np.ones((2, n), dtype=np.float32) for i, n in enumerate(widths)},
    )
    sequence = helper.make_tensor_sequence_value_info("all", TensorProto.FLOAT, None)
    model.graph.output.append(sequence)
    graph = _read(tmp_path, model)
    found = _run(graph.content(), {"x": np.ones((4, 2), dtype=np.float32)}, [graph.stands_for["all"]])[0]
    assert len(found) != 4


@pytest.mark.parametrize(
    ("kind", "dtype", "fed_as"),
    [
        pytest.param(TensorProto.INT32, np.int64, "tensor(int64)", id="int32"),
        pytest.param(TensorProto.UINT8, np.int64, "tensor(int64)", id="uint8"),
        pytest.param(TensorProto.FLOAT16, np.float32, "tensor(float)", id="float16"),
    ],
)
def test_a_type_that_no_table_has_is_fed_as_the_next_wider(
    tmp_path: Path, kind: int, dtype: Any, fed_as: str
):
    """The input keeps its name and the graph gets what it was made for."""
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Softmax", ["f"], ["p"], axis=1),
    ]
    graph = _read(tmp_path, _softmax(nodes=nodes, inputs={"x": (kind, [None, 2])}))
    assert graph.inputs == (Port("x", fed_as, (None, 2)),)
    found = _run(graph.content(), {"x": np.array([[1, 1], [1, 2]], dtype=dtype)})[0]
    np.testing.assert_allclose(found, [[0.5, 0.5], [0.26894142, 0.73105858]], rtol=1e-3)


def test_an_input_of_one_axis_is_fed_as_a_column(tmp_path: Path):
    """A column without its own axis gets one, so that tables have one shape."""
    nodes = [
        helper.make_node("Unsqueeze", ["x", "one"], ["column"]),
        helper.make_node("Concat", ["column", "column"], ["both"], axis=1),
        helper.make_node("Softmax", ["both"], ["p"], axis=1),
    ]
    model = _softmax(
        nodes=nodes,
        inputs={"x": (TensorProto.FLOAT, [None])},
        constants={"one": np.array([1], dtype=np.int64)},
    )
    graph = _read(tmp_path, model)
    assert graph.inputs[0].shape == (None, 1)
    assert _run(graph.content(), {"x": np.ones((3, 1), dtype=np.float32)})[0].shape == (3, 2)


def test_what_is_served_has_one_float_output_and_only_what_makes_it(tmp_path: Path):
    """The label, its operators and constants go; a double becomes a float under the same name."""
    nodes = [
        helper.make_node("Softmax", ["x"], ["p"], axis=1),
        helper.make_node("ArgMax", ["p"], ["label"], axis=1, keepdims=0),
        helper.make_node("Add", ["label", "offset"], ["shifted"]),
    ]
    model = _softmax(
        nodes=nodes,
        inputs={"x": (TensorProto.DOUBLE, [None, 2])},
        outputs={"p": (TensorProto.DOUBLE, [None, 2]), "shifted": (TensorProto.INT64, [None])},
        constants={"offset": np.array([1], dtype=np.int64)},
    )
    graph = _read(tmp_path, model)
    served = onnx.load_model_from_string(graph.served("p", (None, 2)))
    onnx.checker.check_model(served)
    assert [node.op_type for node in served.graph.node] == ["Softmax", "Cast"]
    assert not served.graph.initializer
    output = served.graph.output[0]
    assert (output.name, output.type.tensor_type.elem_type) == ("p", TensorProto.FLOAT)
    found = _run(served.SerializeToString(), {"x": np.array([[0.0, 0.0]])})[0]
    assert found.dtype == np.float32
    assert len(graph.outputs) == 2, "the graph itself is as it was"


def test_a_graph_that_wants_an_american_locale_runs_where_there_is_none(tmp_path: Path):
    """Slim images lack en_US.UTF-8; lower case of letters with accents is the same under C.UTF-8."""
    lower = helper.make_node("StringNormalizer", ["x"], ["p"], case_change_action="LOWER")
    model = _softmax(
        nodes=[lower],
        inputs={"x": (TensorProto.STRING, [None])},
        outputs={"p": (TensorProto.STRING, [None])},
    )
    graph = _read(tmp_path, model)
    assert graph.any_locale
    texts = ["ÜBER Größe", "ПРИВЕТ", "İ ǅ plain"]
    found = _run(graph.content(), {"x": np.array(texts[:2], dtype=object)})[0]
    assert found.tolist() == [text.lower() for text in texts[:2]]


def test_a_locale_that_was_chosen_is_kept(tmp_path: Path):
    """Turkish has another lower case of I: who asked for it gets it, or an error where it is missing."""
    lower = helper.make_node(
        "StringNormalizer", ["x"], ["p"], case_change_action="LOWER", locale="tr_TR.UTF-8"
    )
    model = _softmax(
        nodes=[lower],
        inputs={"x": (TensorProto.STRING, [None])},
        outputs={"p": (TensorProto.STRING, [None])},
    )
    graph = _read(tmp_path, model)
    assert not graph.any_locale
    assert "tr_TR.UTF-8" in str(graph.model)


def test_what_the_file_was_is_kept_for_the_manifest(tmp_path: Path):
    """The digest is that of the file; producer, operator sets and what was removed are named."""
    model = foreign.lightgbm()
    said = _read(tmp_path, model.onnx).provenance()
    assert said["sha256"] == hashlib.sha256(model.onnx).hexdigest()
    assert said["producer"].startswith("OnnxMLTools")
    assert said["opsets"]["ai.onnx.ml"] == 1
    assert said["removed"] == ["ZipMap"]


def test_operators_that_are_not_of_onnx_are_listed(tmp_path: Path):
    """Those of other domains, wherever they stand."""
    node = helper.make_node("Fancy", ["x"], ["p"], domain="my.own")
    graph = _read(tmp_path, _softmax(nodes=[node], domains=["my.own"]))
    assert graph.foreign_operators() == ("my.own:Fancy",)


def _ending_in(kind: int, shape: list[int | None]) -> Any:
    return _softmax(inputs={"x": (kind, shape)})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "it has no operators", id="empty"),
        pytest.param(b"id,label\n1,a\n", "is not an ONNX model", id="another file"),
        pytest.param(
            lambda: foreign.lightgbm().onnx[:-200], "is not an ONNX model, or is cut short", id="cut"
        ),
        pytest.param(
            lambda: _softmax(nodes=[helper.make_node("Softmax", ["y"], ["p"])]),
            "not a valid ONNX model",
            id="invalid",
        ),
        pytest.param(lambda: _softmax(opset=5), "export it for at least 6", id="old operators"),
        pytest.param(
            lambda: _ending_in(TensorProto.FLOAT, [1, 2]),
            "for exactly 1 items at once",
            id="one item at once",
        ),
        pytest.param(lambda: _ending_in(TensorProto.FLOAT, [None, 3, 32]), "two axes", id="images"),
        pytest.param(
            lambda: _ending_in(TensorProto.COMPLEX64, [None, 2]), "export it as float", id="complex"
        ),
    ],
)
def test_a_file_that_cannot_be_served_is_refused_in_one_line(
    tmp_path: Path, content: bytes | Callable[[], Any], said: str
):
    """The error names the file and says what to do."""
    with pytest.raises(GraphRefused, match=said) as refused:
        _read(tmp_path, content() if callable(content) else content)
    message = str(refused.value)
    assert message.startswith(str(tmp_path / "model.onnx"))
    assert "\n" not in message


def test_a_model_that_takes_nothing_is_refused(tmp_path: Path):
    """All its inputs have fixed values."""
    model = _softmax(constants={"x": np.ones((1, 2), dtype=np.float32)})
    with pytest.raises(GraphRefused, match="takes no input"):
        _read(tmp_path, model)
