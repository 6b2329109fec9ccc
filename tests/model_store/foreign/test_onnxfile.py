"""Tests of `model_store.foreign.onnxfile`: a file is a whole model, or one line says what it is not."""

import functools
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from model_store.errors import ImportRefused
from model_store.foreign.graph import read_graph
from model_store.foreign.onnxfile import GraphRefused, load
from tests.support import foreign
from tests.support.foreign import small_model


@functools.cache
def _whole() -> bytes:
    return foreign.network(activation="Softmax").onnx


@given(cut=st.integers(0, 10**6), at=st.integers(0, 10**6), value=st.integers(0, 255))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_refused_in_one_line_or_still_a_model(
    tmp_path: Path, cut: int, at: int, value: int
):
    """However it was cut, and whichever byte is another: no other exception, no line break."""
    content = bytearray(_whole())
    content[at % len(content)] = value
    path = tmp_path / "model.onnx"
    path.write_bytes(content[: len(content) - cut % len(content)] if cut % 2 else content)
    try:
        said = f"{path}: {read_graph(path).inputs}"
    except ImportRefused as refused:
        said = str(refused)
    assert said.startswith(str(path))
    assert "\n" not in said


def test_weights_in_a_file_beside_the_model_are_read(tmp_path: Path):
    """PyTorch writes large weights apart; a bundle holds one file."""
    weights = np.arange(2_000, dtype=np.float32).reshape(2, 1_000)
    model = small_model(
        [helper.make_node("MatMul", ["x", "w"], ["p"])],
        {"x": (TensorProto.FLOAT, [None, 2])},
        {"p": (TensorProto.FLOAT, [None, 1_000])},
        {"w": weights},
    )
    path = tmp_path / "model.onnx"
    onnx.save_model(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    served = onnx.load_model_from_string(read_graph(path).served("p", (None, 1_000)))
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(served.graph.initializer[0]), weights)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(GraphRefused, match="copy that file beside it"):
        load(path)


def test_a_weight_file_outside_the_directory_is_not_read(tmp_path: Path):
    """A model cannot make the import read other files of the machine."""
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(8))
    inside = tmp_path / "inside"
    inside.mkdir()
    model = small_model(
        [helper.make_node("Add", ["x", "w"], ["p"])],
        {"x": (TensorProto.FLOAT, [None, 2])},
        {"p": (TensorProto.FLOAT, [None, 2])},
        {"w": np.zeros(2, dtype=np.float32)},
    )
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "../secret.bin")
    model.graph.initializer[0].ClearField("raw_data")
    (inside / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(GraphRefused, match="keeps weights in another file, which cannot be read"):
        load(inside / "model.onnx")


def test_a_file_that_is_not_there_is_told(tmp_path: Path):
    """So is a directory in its place."""
    with pytest.raises(GraphRefused, match="no such file"):
        load(tmp_path / "absent.onnx")
    with pytest.raises(GraphRefused, match="is a directory"):
        load(tmp_path)


def test_an_operator_set_is_named_once(tmp_path: Path):
    """skl2onnx names the default one twice, which the checker of a bundle would not let pass."""
    model = small_model(
        [helper.make_node("Neg", ["x"], ["p"])],
        {"x": (TensorProto.FLOAT, [None, 2])},
        {"p": (TensorProto.FLOAT, [None, 2])},
    )
    model.opset_import.append(helper.make_opsetid("", 13))
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    _, found = load(path)
    assert {each.domain: each.version for each in found.opset_import} == {"": 17, "ai.onnx.ml": 3}
    assert len(found.opset_import) == 2
