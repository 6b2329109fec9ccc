"""Tests of `model_store.training.export`."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from scipy.special import expit, softmax

from model_store.errors import TrainingError
from model_store.graphs.classifier import Classifier
from model_store.training.export import PARITY, ParityBroken, check_parity, linear_onnx
from model_store.training.train import train
from model_store.training.trained import Trained
from tests.support.synthetic import synthetic_rows


@pytest.fixture(scope="module")
def trained() -> Trained:
    """Return a model of three classes, fitted on 240 made-up texts."""
    rows = synthetic_rows({"billing": 80, "delivery": 80, "login": 80})
    labels = np.unique(rows.labels, return_inverse=True)[1]
    return train(rows.texts, labels, n_classes=3, imbalance="balanced")


def _classifier(trained: Trained, directory: Path, *, shift: float = 0.0) -> Classifier:
    path = directory / "model.onnx"
    model = onnx.load_model_from_string(trained.onnx)
    (bias,) = (each for each in model.graph.initializer if each.name == "bias")
    moved = numpy_helper.to_array(bias) + np.array([shift, 0, 0], dtype=np.float32)
    bias.CopyFrom(numpy_helper.from_array(moved, "bias"))
    path.write_bytes(model.SerializeToString())
    return Classifier.open(path, trained.front_end, n_classes=3)


def test_the_graph_is_a_weighted_sum_of_rows_and_a_softmax():
    """Against numpy, with padding of id 0 and weight 0."""
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 1, (50, 4)).astype(np.float32)
    bias = rng.normal(0, 1, 4).astype(np.float32)
    session = onnxruntime.InferenceSession(linear_onnx(weights, bias), providers=["CPUExecutionProvider"])
    ids = rng.integers(0, 50, (6, 9))
    values = rng.random((6, 9)).astype(np.float32)
    ids[:, 7:], values[:, 7:] = 0, 0
    logits, probabilities = session.run(["logits", "probabilities"], {"ids": ids, "weights": values})
    expected = (weights[ids] * values[:, :, None]).sum(axis=1) + bias
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    np.testing.assert_allclose(probabilities, softmax(expected, axis=1), atol=1e-6)


def test_several_labels_have_a_sigmoid_each():
    """The logits are the same, only what is made of them differs; one label is enough."""
    weights = np.array([[2.0], [-1.0]], dtype=np.float32)
    session = onnxruntime.InferenceSession(
        linear_onnx(weights, np.zeros(1, np.float32), link="sigmoid"), providers=["CPUExecutionProvider"]
    )
    feeds = {"ids": np.array([[0, 1]]), "weights": np.array([[1.0, 0.5]], dtype=np.float32)}
    logits, probabilities = session.run(["logits", "probabilities"], feeds)
    np.testing.assert_allclose(logits, [[1.5]])
    np.testing.assert_allclose(probabilities, expit([[1.5]]), atol=1e-6)


def test_the_same_weights_give_the_same_bytes():
    """No time, path or random name is in the graph."""
    weights, bias = np.ones((3, 2), dtype=np.float32), np.zeros(2, dtype=np.float32)
    assert linear_onnx(weights, bias) == linear_onnx(weights, bias)


def test_weights_and_bias_must_agree():
    """A bias of another length is a mistake of the caller."""
    with pytest.raises(ValueError, match="expected"):
        linear_onnx(np.ones((3, 2), dtype=np.float32), np.zeros(3, dtype=np.float32))


def test_parity_holds_for_any_text(trained: Trained, tmp_path: Path):
    """Empty, unknown, accented, mixed-case and very long texts give the pipeline's probabilities."""
    texts = [
        "",
        "zzz qqq",
        "invoice invoice INVOICE refund",
        "ÏNVOICE für das Päckchen ﬁne 東京 🙂",
        "İstanbul parcel, tracking-number; reset_password",
        "password " * 2_000,
        *synthetic_rows({"billing": 20, "login": 20}, seed=9).texts,
    ]
    assert check_parity(_classifier(trained, tmp_path), trained, texts) < PARITY


def test_a_graph_that_differs_is_not_exported(trained: Trained, tmp_path: Path):
    """A bias off by .001 is far over the limit, and the error says where and by how much."""
    broken = _classifier(trained, tmp_path, shift=1e-3)
    with pytest.raises(ParityBroken, match="nothing was published") as caught:
        check_parity(broken, trained, ["invoice refund", "parcel courier", "invoice parcel password"])
    assert isinstance(caught.value, TrainingError)
    assert caught.value.difference > PARITY


def test_no_texts_no_difference(trained: Trained, tmp_path: Path):
    """The largest of none is 0."""
    assert check_parity(_classifier(trained, tmp_path), trained, []) == 0


def test_an_answer_that_is_no_number_is_no_parity(trained: Trained, tmp_path: Path):
    """NaN is not less than anything, and must not pass for equal."""

    class Broken:
        def predict_proba(self, texts: list[str]) -> np.ndarray:
            return np.full((len(texts), 3), np.nan)

    with pytest.raises(ParityBroken):
        check_parity(_classifier(trained, tmp_path), Broken(), ["invoice"])
