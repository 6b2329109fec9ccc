"""Tests of `model_store.graphs.classifier`."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from model_store.errors import BundleInvalid, ClassifierUnusable, FeatureInvalid
from model_store.graphs import classifier as module
from model_store.graphs.classifier import Classifier, check_graph
from model_store.graphs.columns import Column, ColumnInputs, GraphInput
from model_store.graphs.inputs import ROWS_AT_ONCE, TextInput
from model_store.graphs.outputs import OutputKind, OutputSpec, Task
from model_store.graphs.text import TextFrontEnd
from model_store.training.export import linear_onnx
from tests.support.bundles import tiny_classes, tiny_columns, tiny_columns_graph, tiny_item

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


TABLE = ColumnInputs(
    (Column("a", "float", missing=True), Column("b", "float")),
    (GraphInput("X", ("a", "b"), "tensor(float)"),),
)
PROBABILITIES = OutputSpec("p", "probabilities")


def _foreign(
    nodes: list[Any],
    *,
    inputs: dict[str, tuple[int, list[Any]]] | None = None,
    output: tuple[int, list[Any]] = (TensorProto.FLOAT, ["n", 2]),
    constants: dict[str, np.ndarray] | None = None,
) -> bytes:
    """Return a graph that Seamark did not export, from `X`, two numbers, to `p` unless told otherwise."""
    inputs = {"X": (TensorProto.FLOAT, ["n", 2])} if inputs is None else inputs
    graph = helper.make_graph(
        nodes,
        "foreign",
        [helper.make_tensor_value_info(name, *described) for name, described in inputs.items()],
        [helper.make_tensor_value_info("p", *output)],
        [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def _node(operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> Any:
    return helper.make_node(operator, inputs, outputs, **attributes)


FILLED = [
    _node("IsNaN", ["X"], ["gaps"]),
    _node("Where", ["gaps", "nothing", "X"], ["filled"]),
]
NOTHING = {"nothing": np.zeros(1, np.float32)}
SOFTMAX = _foreign([*FILLED, _node("Softmax", ["filled"], ["p"], axis=1)], constants=NOTHING)


def _opened(
    tmp_path: Path,
    graph: bytes,
    front_end: Any = TABLE,
    output: OutputSpec = PROBABILITIES,
    *,
    k: int = 2,
    task: Task = "multiclass",
) -> Classifier:
    path = tmp_path / "model.onnx"
    path.write_bytes(graph)
    return Classifier.open(path, front_end, n_classes=k, output=output, task=task)


def _softmax(rows: np.ndarray) -> np.ndarray:
    shares = np.exp(rows)
    return shares / shares.sum(axis=1, keepdims=True)


def test_a_graph_of_columns_answers_items_of_columns(tmp_path: Path):
    """Rows in order, gaps filled by the graph itself, in groups or one by one."""
    classifier = _opened(tmp_path, SOFTMAX)
    classifier.warm_up()
    rows = RNG.normal(size=(700, 2)).astype(np.float32)
    items: list[Any] = [{"a": float(a), "b": float(b)} for a, b in rows]
    np.testing.assert_allclose(np.exp(classifier.log_probabilities(items)), _softmax(rows), atol=1e-5)
    alone = np.exp(classifier.log_probabilities([{"b": 1.0}]))
    np.testing.assert_allclose(alone, _softmax(np.array([[0.0, 1.0]])), atol=1e-6)


def test_a_graph_may_take_the_text_itself(tmp_path: Path):
    """A string tensor goes in as the client wrote it, a few texts at a time."""
    graph = _foreign(
        [
            _node(
                "OneHotEncoder", ["text"], ["hot"], domain="ai.onnx.ml", cats_strings=["yes", "no"], zeros=1
            ),
            _node("Reshape", ["hot", "flat"], ["p"]),
        ],
        inputs={"text": (TensorProto.STRING, ["n", 1])},
        constants={"flat": np.array([-1, 2], np.int64)},
    )
    classifier = _opened(tmp_path, graph, TextInput("text"), OutputSpec("p", "logits"))
    classifier.warm_up()
    texts = ["yes", "no"] * ROWS_AT_ONCE
    found = classifier.log_probabilities(texts)
    assert found.argmax(axis=1).tolist() == [0, 1] * ROWS_AT_ONCE
    np.testing.assert_allclose(classifier.log_probabilities(["\ud800"]), np.log([[0.5, 0.5]]), atol=1e-6)


@pytest.mark.parametrize(
    ("nodes", "output", "kind", "task"),
    [
        ([_node("Identity", ["X"], ["p"])], ["n", 2], "logits", "multilabel"),
        ([_node("Sigmoid", ["X"], ["p"])], ["n", 2], "probabilities", "multilabel"),
        (
            [_node("ReduceSum", ["X", "axis"], ["p"], keepdims=1)],
            ["n", 1],
            "positive_logit",
            "binary",
        ),
        (
            [_node("ReduceSum", ["X", "axis"], ["s"], keepdims=0), _node("Sigmoid", ["s"], ["p"])],
            ["n"],
            "positive_probability",
            "binary",
        ),
        (
            [
                _node("Sigmoid", ["X"], ["s"]),
                _node("Sub", ["one", "s"], ["rest"]),
                _node("Unsqueeze", ["s", "last"], ["yes"]),
                _node("Unsqueeze", ["rest", "last"], ["no"]),
                _node("Concat", ["no", "yes"], ["pairs"], axis=2),
                _node("Transpose", ["pairs"], ["p"], perm=[1, 0, 2]),
            ],
            [2, "n", 2],
            "label_pairs",
            "multilabel",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_every_kind_of_output_is_read(
    tmp_path: Path, nodes: list[Any], output: list[Any], kind: OutputKind, task: Task
):
    """Whatever way a real graph answers in, the probabilities that arrive are those that it means."""
    constants = {
        "axis": np.array([1], np.int64),
        "last": np.array([2], np.int64),
        "one": np.ones(1, np.float32),
    }
    graph = _foreign(nodes, output=(TensorProto.FLOAT, output), constants=constants)
    front_end = ColumnInputs((Column("a", "float"), Column("b", "float")), TABLE.inputs)
    classifier = _opened(tmp_path, graph, front_end, OutputSpec("p", kind), task=task)
    classifier.warm_up()
    rows = np.array([[-1.5, 0.5], [0.25, 2.0], [3.0, -2.0]])
    sigmoid = 1 / (1 + np.exp(-rows))
    total = 1 / (1 + np.exp(-rows.sum(axis=1)))
    expected = sigmoid if task == "multilabel" else np.stack([1 - total, total], axis=1)
    found = classifier.log_probabilities([{"a": a, "b": b} for a, b in rows.tolist()])
    np.testing.assert_allclose(np.exp(found), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        ({"X": (TensorProto.FLOAT, ["n", 3])}, r"input 'X' has shape .*, expected \(rows, 2\)"),
        ({"X": (TensorProto.FLOAT, [1, 2])}, r"input 'X' has shape \[1, 2\], expected \(rows, 2\)"),
        ({"X": (TensorProto.FLOAT, ["n"])}, "input 'X' has shape"),
        (
            {"X": (TensorProto.DOUBLE, ["n", 2])},
            r"input 'X' takes tensor\(double\), expected tensor\(float\)",
        ),
        ({"Y": (TensorProto.FLOAT, ["n", 2])}, "input 'X' is not in the graph; the graph takes 'Y'"),
        (
            {"X": (TensorProto.FLOAT, ["n", 2]), "Y": (TensorProto.FLOAT, ["n", 2])},
            "input 'Y' is fed by nothing; .* the front end feeds 'X'",
        ),
    ],
    ids=["columns", "one row", "rank", "type", "name", "one more"],
)
def test_a_graph_that_takes_other_columns_is_refused(
    tmp_path: Path, inputs: dict[str, tuple[int, list[Any]]], named: str
):
    """The input that does not fit is named, before anything runs."""
    first = next(iter(inputs))
    graph = _foreign([_node("Cast", [first], ["p"], to=TensorProto.FLOAT)], inputs=inputs, output=(1, None))
    with pytest.raises(BundleInvalid, match=f"model.onnx: {named}"):
        _opened(tmp_path, graph)


@pytest.mark.parametrize(
    ("output", "spec", "named"),
    [
        ((TensorProto.FLOAT, ["n", 2]), OutputSpec("q", "logits"), "has no output 'q', only 'p'"),
        (
            (TensorProto.FLOAT, ["n", 2]),
            OutputSpec("p", "positive_logit"),
            r"expected \(rows,\) or \(rows, 1\)",
        ),
        ((TensorProto.FLOAT, ["n", 2]), OutputSpec("p", "label_pairs"), "for multilabel models"),
        (
            (TensorProto.INT64, ["n", 2]),
            OutputSpec("p", "logits"),
            r"is tensor\(int64\) .*of tensor\(float\)",
        ),
        ((TensorProto.FLOAT, [5, 2]), OutputSpec("p", "logits"), r"expected \(rows, 2\)"),
    ],
    ids=["name", "shape", "kind", "type", "five rows"],
)
def test_a_graph_that_gives_something_else_is_refused(
    tmp_path: Path, output: tuple[int, list[Any]], spec: OutputSpec, named: str
):
    """The output is there, of floats, and of the shape of its kind and classes."""
    graph = _foreign([_node("Cast", ["X"], ["p"], to=output[0])], output=output)
    with pytest.raises(BundleInvalid, match=f"model.onnx: .*{named}"):
        _opened(tmp_path, graph, output=spec)


def test_a_graph_in_double_precision_is_read_too(tmp_path: Path):
    """Doubles come out as the same float32 log-probabilities."""
    graph = _foreign(
        [_node("Softmax", ["X"], ["p"], axis=1)],
        inputs={"X": (TensorProto.DOUBLE, ["n", 2])},
        output=(TensorProto.DOUBLE, ["n", 2]),
    )
    front_end = ColumnInputs(
        (Column("a", "float"), Column("b", "float")), (GraphInput("X", ("a", "b"), "tensor(double)"),)
    )
    found = _opened(tmp_path, graph, front_end).log_probabilities([{"a": 1.0, "b": 2.0}])
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.exp(found), _softmax(np.array([[1.0, 2.0]])), atol=1e-6)


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        ([*FILLED, _node("Softmax", ["filled"], ["p"], axis=0)], "when items run together"),
        (
            [
                *FILLED,
                _node("ReduceMax", ["filled"], ["most"], keepdims=1),
                _node("Sub", ["filled", "most"], ["below"]),
                _node("Exp", ["below"], ["p"]),
            ],
            "when items run together",
        ),
        ([_node("Softmax", ["X"], ["p"], axis=1)], "answers an item without 'a', which may be missing with"),
        ([*FILLED, _node("Mul", ["filled", "two"], ["p"])], "which are no probabilities; declare logits"),
        (
            [*FILLED, _node("Compress", ["filled", "one"], ["p"], axis=1)],
            r"typical values with shape \(1, 1\)",
        ),
        (
            [
                *FILLED,
                _node("Cast", ["filled"], ["whole"], to=TensorProto.INT64),
                _node("Add", ["whole", "far"], ["places"]),
                _node("Gather", ["two", "places"], ["p"], axis=0),
            ],
            "cannot answer an item of typical",
        ),
    ],
    ids=["across the batch", "scaled by the batch", "no gaps", "scores", "one column", "crash"],
)
def test_a_graph_that_does_not_do_what_it_says_is_refused(tmp_path: Path, nodes: list[Any], says: str):
    """A first run finds what a signature cannot say: dependence on batch mates, gaps, scores, shapes."""
    constants = {
        **NOTHING,
        "two": np.array([2.0], np.float32),
        "far": np.array([10**6], np.int64),
        "one": np.array([True, False]),
    }
    if says.startswith("which are"):
        constants["nothing"] = np.full(1, 3, np.float32)
    classifier = _opened(tmp_path, _foreign(nodes, constants=constants, output=(1, ["n", "k"])))
    with pytest.raises(ClassifierUnusable, match=says):
        classifier.warm_up()


def test_an_item_without_a_finite_answer_is_refused_by_its_place(tmp_path: Path):
    """Numbers that overflow inside the graph never become a decision; the item is told, among all items."""
    graph = _foreign(
        [*FILLED, _node("Exp", ["filled"], ["e"]), _node("Sub", ["e", "e"], ["p"])], constants=NOTHING
    )
    classifier = _opened(tmp_path, graph, output=OutputSpec("p", "logits"))
    items: list[Any] = [{"a": 1.0, "b": 1.0}] * 300
    with pytest.raises(FeatureInvalid, match=r"^item 290: the model gives no finite answer") as caught:
        classifier.log_probabilities([*items[:290], {"a": 1e9, "b": 0.0}, *items])
    assert (caught.value.index, caught.value.column) == (290, None)
    with pytest.raises(FeatureInvalid, match=r"^item 0: "):
        classifier.log_probabilities([{"a": 1e9, "b": 0.0}])


def test_an_item_that_the_graph_refuses_is_found_among_its_batch_mates(tmp_path: Path):
    """An encoder that raises at a category it has not seen names no item; we do, and no value."""
    graph = tiny_columns_graph(tiny_classes(3)).replace(b"\x05zeros\x18\x01", b"\x05zeros\x18\x00")
    columns = tiny_columns()
    seen = ColumnInputs((Column("topic", "text", typical="login"), *columns.columns[1:]), columns.inputs)
    output = OutputSpec("probabilities", "probabilities")
    classifier = _opened(tmp_path, graph, seen, output, k=3)
    classifier.warm_up()
    items: list[Any] = [tiny_item("billing"), tiny_item("login"), tiny_item("secret"), tiny_item("login")]
    with pytest.raises(FeatureInvalid, match=r"^item 2: the model gives no finite answer") as caught:
        classifier.log_probabilities(items)
    assert "secret" not in str(caught.value)
    with pytest.raises(FeatureInvalid, match=r"^item 2: "):
        classifier.with_measured_clip(items)
    del items[2]
    assert classifier.log_probabilities(items).argmax(axis=1).tolist() == [0, 2, 2]
    unseen = _opened(tmp_path, graph, columns, output, k=3)
    with pytest.raises(ClassifierUnusable, match="cannot answer an item of typical values"):
        unseen.warm_up()


def test_the_clip_is_measured_on_the_rows_given(tmp_path: Path):
    """A graph that votes gets the clip of its least vote; a graph of logits stays the same."""
    graph = _foreign([*FILLED, _node("Clip", ["filled", "low", "high"], ["p"])], constants={
        **NOTHING, "low": np.float32(0), "high": np.float32(1)
    })  # fmt: skip
    classifier = _opened(tmp_path, graph)
    items: list[Any] = [{"a": 0.04, "b": 0.96}, {"a": 0.0, "b": 1.0}] * 200
    measured = classifier.with_measured_clip(items)
    assert measured.output.clip == pytest.approx(0.02)
    found = np.exp(measured.log_probabilities(items[:2]))
    np.testing.assert_allclose(found, [[0.04, 0.96], [0.02 / 1.02, 1 / 1.02]], atol=1e-6)
    several = _opened(tmp_path, graph, task="multilabel").with_measured_clip([{"a": 0.5, "b": 1.0}])
    assert several.output.clip == 0.05
    logits = _opened(tmp_path, graph, output=OutputSpec("p", "logits"))
    assert logits.with_measured_clip(items) is logits


def test_no_items_are_no_rows(tmp_path: Path):
    """An empty list gives an empty array of the right shape."""
    assert _opened(tmp_path, SOFTMAX).log_probabilities([]).shape == (0, 2)
