"""Tests of `model_store.classifier`."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from model_store import classifier as module
from model_store.classifier import Classifier, check_graph
from model_store.errors import BundleInvalid, ClassifierUnusable
from model_store.export import linear_onnx
from model_store.text import TextFrontEnd

WORDS = [f"word{i}" for i in range(400)]
K = 151
FRONT_END = TextFrontEnd(
    {word: i for i, word in enumerate(WORDS)}, np.linspace(1, 3, len(WORDS)).astype(np.float32)
)
RNG = np.random.default_rng(7)
WEIGHTS = RNG.normal(size=(len(WORDS), K)).astype(np.float32)
BIAS = RNG.normal(size=K).astype(np.float32)

words = st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """Return a linear classifier of 151 classes."""
    path = tmp_path_factory.mktemp("graph") / "model.onnx"
    path.write_bytes(linear_onnx(WEIGHTS, BIAS))
    return Classifier.open(path, FRONT_END, n_classes=K)


class RecordingSession:
    """A session that notes how much each run gathers."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.gathered: list[int] = []

    def run(self, outputs: list[str], feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Run as ONNX Runtime's session does."""
        self.gathered.append(feed["ids"].size * K)
        return self.session.run(outputs, feed)


def _expected(text: str) -> np.ndarray:
    ids, weights = FRONT_END.vectorize([text])[0]
    logits = weights.astype(np.float64) @ WEIGHTS[ids] + BIAS
    return logits - np.log(np.exp(logits).sum())


@given(batch=st.lists(words, max_size=40))
@settings(max_examples=40, deadline=None)
def test_rows_are_in_order_and_those_of_the_linear_model(classifier: Classifier, batch: list[str]):
    """Row i is the log softmax of text i, computed apart in float64, to 1e-5."""
    found = classifier.log_probabilities(batch)
    assert found.dtype == np.float32
    assert found.shape == (len(batch), K)
    for row, text in zip(found, batch, strict=True):
        np.testing.assert_allclose(row, _expected(text), atol=1e-5)


@given(batch=st.lists(words, min_size=1, max_size=30), data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_row_does_not_depend_on_batch_mates(classifier: Classifier, batch: list[str], data: st.DataObject):
    """Any order and any company gives a text the same probabilities to 1e-5."""
    order = data.draw(st.permutations(range(len(batch))))
    together = np.exp(classifier.log_probabilities([batch[i] for i in order]))
    alone = np.exp(np.vstack([classifier.log_probabilities([batch[i]]) for i in order]))
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_long_text_does_not_make_its_batch_mates_long(classifier: Classifier):
    """256 texts of which one is long are gathered in parts within the budget, the long one alone."""
    session = RecordingSession(classifier.session)
    recorded = Classifier(FRONT_END, session, K)
    budget = module._BUDGET_FLOATS
    long = " ".join(WORDS * 10)
    batch = [*[f"word{i} word{i + 1}" for i in range(255)], long]
    recorded.log_probabilities(batch)
    assert max(session.gathered) <= budget
    assert sum(session.gathered) < 2 * (255 * 2 + len(WORDS)) * K
    assert len(session.gathered) < 6


def test_a_batch_of_long_texts_stays_within_the_budget(classifier: Classifier):
    """Only a single text may exceed the budget; more of them are run one after the other."""
    session = RecordingSession(classifier.session)
    Classifier(FRONT_END, session, K).log_probabilities([" ".join(WORDS)] * 64)
    assert max(session.gathered) <= module._BUDGET_FLOATS
    assert sum(session.gathered) == 64 * len(WORDS) * K


def test_log_probabilities_survive_extreme_logits(tmp_path: Path):
    """Logits of a thousand give finite log probabilities where a float32 probability would be 0."""
    path = tmp_path / "model.onnx"
    path.write_bytes(linear_onnx(np.array([[1000, 0]], np.float32), np.zeros(2, np.float32)))
    front_end = TextFrontEnd({"known": 0}, np.ones(1, np.float32))
    found = Classifier.open(path, front_end, n_classes=2).log_probabilities(["known"])
    np.testing.assert_allclose(found, [[0, -1000]])


def _graph(
    ids_type: int = TensorProto.INT64,
    ids_shape: tuple[str | int, ...] = ("n", "l"),
    outputs: tuple[str, ...] = ("logits", "probabilities"),
    k: int = K,
) -> bytes:
    ids = helper.make_tensor_value_info("ids", ids_type, ids_shape)
    weights = helper.make_tensor_value_info("weights", TensorProto.FLOAT, ["n", "l"])
    nodes = [
        helper.make_node("ReduceSum", ["weights", "axis"], ["sum"], keepdims=1),
        helper.make_node("Cast", ["ids"], ["unused"], to=TensorProto.FLOAT),
        *(helper.make_node("Expand", ["sum", "shape"], [name]) for name in outputs),
    ]
    made = helper.make_graph(
        nodes,
        "odd",
        [ids, weights],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", k]) for name in outputs],
        [
            helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
            helper.make_tensor("shape", TensorProto.INT64, [2], [1, k]),
        ],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("graph", "named"),
    [
        (b"", "cannot be loaded"),
        (b"no graph at all", "cannot be loaded"),
        (_graph()[:100], "cannot be loaded"),
        (_graph(ids_type=TensorProto.INT32), "input 'ids' takes .*int32.*expected .*int64"),
        (_graph(ids_shape=("n", 7)), "input 'ids' has shape"),
        (_graph(ids_shape=("n",)), "input 'ids' has shape"),
        (_graph(outputs=("probabilities",)), "has no output 'logits'"),
        (_graph(k=K + 1), rf"output 'logits' .*expected \(rows, {K}\)"),
    ],
    ids=["empty", "text", "torn", "ids type", "fixed", "rank", "no logits", "classes"],
)
def test_a_graph_of_another_signature_is_refused(tmp_path: Path, graph: bytes, named: str):
    """What cannot be loaded or takes or gives something else is refused with the file and the reason."""
    path = tmp_path / "model.onnx"
    path.write_bytes(graph)
    with pytest.raises(BundleInvalid, match=f"(?s)model.onnx: .*{named}"):
        Classifier.open(path, FRONT_END, n_classes=K)


@pytest.mark.parametrize("extra", [-1, 1], ids=["too few", "too many"])
def test_a_graph_of_another_vocabulary_is_refused(tmp_path: Path, extra: int):
    """A weight matrix that is not as long as the vocabulary belongs to another front end."""
    path = tmp_path / "model.onnx"
    path.write_bytes(linear_onnx(np.zeros((len(WORDS) + extra, K), np.float32), BIAS))
    with pytest.raises(ClassifierUnusable, match=f"{len(WORDS)} rows of weights"):
        Classifier.open(path, FRONT_END, n_classes=K).warm_up()


def test_weights_that_are_not_numbers_are_refused(tmp_path: Path):
    """A graph that answers NaN is found at warm-up, not by a user."""
    path = tmp_path / "model.onnx"
    path.write_bytes(linear_onnx(np.full((len(WORDS), K), np.nan, np.float32), BIAS))
    with pytest.raises(ClassifierUnusable, match="not finite"):
        Classifier.open(path, FRONT_END, n_classes=K).warm_up()


def test_a_good_graph_warms_up(classifier: Classifier):
    """What the tests above spoil is itself accepted."""
    classifier.warm_up()


def test_the_checker_finds_an_invalid_graph(tmp_path: Path):
    """Where `onnx` is installed, a file it cannot accept is refused with the reason."""
    path = tmp_path / "model.onnx"
    path.write_bytes(_graph()[:-20])
    with pytest.raises(BundleInvalid, match=r"model\.onnx: is not a valid ONNX graph"):
        check_graph(path)


def test_without_onnx_the_checker_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A serving image has no `onnx`: the graph is then judged by ONNX Runtime alone."""
    monkeypatch.setitem(sys.modules, "onnx", None)
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no graph")
    check_graph(path)
    with pytest.raises(BundleInvalid, match="cannot be loaded"):
        Classifier.open(path, FRONT_END, n_classes=K)
