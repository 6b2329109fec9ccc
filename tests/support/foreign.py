"""Small classifiers from elsewhere, exported as their users do it, and files of rows to import them with."""

import csv
import functools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

COLUMNS = ("age", "income", "visits", "score")
CLASSES = ("bronze", "gold", "silver")
CITIES = ("berlin", "paris", "rome")
WORDS = {
    "billing": ("invoice", "refund", "charge", "payment", "receipt", "credit"),
    "delivery": ("parcel", "courier", "address", "tracking", "van", "doorstep"),
    "login": ("password", "username", "locked", "reset", "token", "account"),
}
_TRAINED = 400  # rows; the others are for the import


@dataclass(frozen=True)
class Foreign:
    """A model and rows it was not trained on.

    `own` holds what the library itself says about these rows: (n, K) in the order of `classes`, or of labels.
    """

    onnx: bytes
    own: npt.NDArray[np.float64]
    classes: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    labels: tuple[tuple[str, ...], ...]
    label_columns: tuple[str, ...] = ("label",)

    def write(self, directory: Path) -> tuple[Path, Path]:
        """Write model and rows into a directory; return both paths."""
        model, data = directory / "model.onnx", directory / "rows.csv"
        model.write_bytes(self.onnx)
        together = [(*row, *label) for row, label in zip(self.rows, self.labels, strict=True)]
        write_rows(data, (*self.columns, *self.label_columns), together)
        return model, data

    def items(self) -> list[Any]:
        """Return the rows as a service is asked about them."""
        if len(self.columns) == 1:
            return [row[0] for row in self.rows]
        return [{c: _plain(v) for c, v in zip(self.columns, row, strict=True)} for row in self.rows]


def write_rows(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    """Write a CSV file; a float keeps every digit, None is an empty cell."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(header)
        table.writerows([["" if value is None else value for value in map(_plain, row)] for row in rows])
    return path


def tree_ensemble() -> Foreign:
    """Return a random forest of three classes, as `to_onnx` exports it: label and ZipMap."""
    from sklearn.ensemble import RandomForestClassifier

    return _scikit_learn(RandomForestClassifier(12, max_depth=4, random_state=0))


def gradient_boosting() -> Foreign:
    """Return boosted trees of two classes that are numbers."""
    from sklearn.ensemble import GradientBoostingClassifier

    return _scikit_learn(GradientBoostingClassifier(n_estimators=8, max_depth=2, random_state=0), two=True)


def linear(**options: Any) -> Foreign:
    """Return a logistic regression of three classes; `options` are those of its conversion."""
    from sklearn.linear_model import LogisticRegression

    return _scikit_learn(LogisticRegression(), options=options or None)


def margin() -> Foreign:
    """Return a linear support vector machine of two classes: one score, that of the second."""
    from sklearn.svm import LinearSVC

    return _scikit_learn(LinearSVC(random_state=0), two=True)


def text() -> Foreign:
    """Return TF-IDF and a logistic regression on texts, in one graph that takes a string."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import StringTensorType
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts, labels = _texts(700)
    words = TfidfVectorizer(token_pattern="[a-zA-Z0-9_]+")  # noqa: S106 - what the ONNX tokenizer can do
    pipeline = make_pipeline(words, LogisticRegression()).fit(texts[:_TRAINED], labels[:_TRAINED])
    model = convert_sklearn(pipeline, initial_types=[("text", StringTensorType([None, 1]))])
    kept = texts[_TRAINED:]
    return Foreign(
        model.SerializeToString(),
        pipeline.predict_proba(kept),
        tuple(pipeline.classes_),
        ("message",),
        tuple((each,) for each in kept),
        tuple((each,) for each in labels[_TRAINED:]),
    )


def mixed(*, grouped: bool = False) -> Foreign:
    """Return a pipeline on a table with numbers, gaps and categories: an input a column, or one a kind."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    x, y = numbers()
    rng = np.random.default_rng(1)
    table = np.empty((len(y), 3), dtype=object)
    table[:, 0], table[:, 1] = x[:, 0].astype(float), x[:, 1].astype(float)
    table[rng.random(len(y)) < 0.05, 0] = np.nan
    table[:, 2] = np.array(CITIES)[(y + (rng.random(len(y)) < 0.3)) % 3]
    labels = np.array(CLASSES)[y]
    scale = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer([("numbers", scale, [0, 1]), ("city", OneHotEncoder(), [2])])
    pipeline = make_pipeline(columns, LogisticRegression()).fit(table[:_TRAINED], labels[:_TRAINED])
    one = FloatTensorType([None, 1])
    types = (
        [("numbers", FloatTensorType([None, 2])), ("city", StringTensorType([None, 1]))]
        if grouped
        else [("age", one), ("income", one), ("city", StringTensorType([None, 1]))]
    )
    kept = table[_TRAINED:]
    return Foreign(
        convert_sklearn(pipeline, initial_types=types).SerializeToString(),
        pipeline.predict_proba(kept),
        tuple(pipeline.classes_),
        ("age", "income", "city"),
        tuple((None if np.isnan(a) else float(a), float(b), c) for a, b, c in kept),
        tuple((each,) for each in labels[_TRAINED:]),
    )


def lightgbm(*, two: bool = False, gaps: bool = False) -> Foreign:
    """Return boosted trees of LightGBM through onnxmltools; its labels are names."""
    from lightgbm import LGBMClassifier
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    x, y = numbers(classes=2 if two else 3)
    if gaps:
        x = x.copy()
        x[np.random.default_rng(1).random(len(x)) < 0.2, 1] = np.nan
    model = LGBMClassifier(n_estimators=10, num_leaves=5, verbose=-1, n_jobs=1)
    model.fit(x[:_TRAINED], _named(y, two=two)[:_TRAINED])
    onnx = convert_lightgbm(model, initial_types=[("input", FloatTensorType([None, 4]))])
    return _table(onnx, model, x, y, two=two)


def xgboost(*, two: bool = False) -> Foreign:
    """Return boosted trees of XGBoost through onnxmltools; its labels are numbers, the file's are names."""
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    from xgboost import XGBClassifier

    x, y = numbers(classes=2 if two else 3)
    model = XGBClassifier(n_estimators=10, max_depth=3, n_jobs=1).fit(x[:_TRAINED], y[:_TRAINED])
    onnx = convert_xgboost(model, initial_types=[("input", FloatTensorType([None, 4]))])
    return replace(_table(onnx, model, x, y, two=two), classes=CLASSES[: 2 if two else 3])


def several_labels(*, kind: str = "one_vs_rest") -> Foreign:
    """Return a multi-label model: `one_vs_rest` gives (n, K), `multi_output` a list, `forest` (K, n, 2)."""
    from skl2onnx import to_onnx
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.multioutput import MultiOutputClassifier

    x, y = numbers()
    truth = np.stack([y == 0, x[:, 0] + y > 1.5, y == 2], axis=1).astype(np.int64)
    makers: dict[str, Callable[[], Any]] = {
        "one_vs_rest": lambda: OneVsRestClassifier(LogisticRegression()),
        "multi_output": lambda: MultiOutputClassifier(LogisticRegression()),
        "forest": lambda: RandomForestClassifier(12, max_depth=4, random_state=0),
    }
    model = makers[kind]().fit(x[:_TRAINED], truth[:_TRAINED])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Option zipmap is ignored", UserWarning)
        onnx = to_onnx(model, x[:1])
    said = model.predict_proba(x[_TRAINED:])
    if isinstance(said, list):
        said = np.stack([pair[:, 1] for pair in said], axis=1)
    return Foreign(
        onnx.SerializeToString(),
        said,
        ("late", "broken", "refund"),
        COLUMNS,
        tuple(map(tuple, x[_TRAINED:])),
        tuple(tuple(map(str, row)) for row in truth[_TRAINED:]),
        ("late", "broken", "refund"),
    )


def network(*, activation: str | None = None, columns: int = 3) -> Foreign:
    """Return one linear layer as a deep learning library exports it: no label output, no names of classes.

    One column with two classes. `activation` is the last operator, None for logits.
    """
    from sklearn.linear_model import LogisticRegression

    two = columns < 3
    x, y = numbers(classes=2 if two else 3)
    model = LogisticRegression().fit(x[:_TRAINED], y[:_TRAINED])
    weights, bias = model.coef_.T, model.intercept_
    if columns == 2:
        weights, bias = np.hstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    nodes = [
        helper.make_node("Gemm", ["features", "weights", "bias"], ["scores" if activation else "logits"])
    ]
    if activation:
        nodes.append(helper.make_node(activation, ["scores"], ["probabilities"]))
    onnx = small_model(
        nodes,
        {"features": (TensorProto.FLOAT, [None, 4])},
        {"probabilities" if activation else "logits": (TensorProto.FLOAT, [None, columns])},
        {"weights": weights.astype(np.float32), "bias": bias.astype(np.float32)},
    )
    return replace(_table(onnx, model, x, y, two=two), classes=CLASSES[: 2 if two else 3])


def embedding_network(hidden: Sequence[int | None] = (None, 5), kind: int = TensorProto.FLOAT) -> Foreign:
    """Return a network that also gives `vectors`, of what is before its last layer, and `again`, of rank 3.

    `hidden` and `kind` are the size and type of the vectors that the file declares.
    """
    plain = network()
    model = _loaded(plain.onnx)
    weights = np.random.default_rng(3).normal(size=(4, 5)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weights, "mix"))
    model.graph.initializer.append(numpy_helper.from_array(np.array([0, 1, -1]), "three"))
    model.graph.node.extend(
        [
            helper.make_node("MatMul", ["features", "mix"], ["mixed"]),
            helper.make_node("Tanh", ["mixed"], ["inner"]),
            helper.make_node("Cast", ["inner"], ["vectors"], to=kind),
            helper.make_node("Reshape", ["inner", "three"], ["again"], allowzero=0),
        ]
    )
    model.graph.output.append(helper.make_tensor_value_info("vectors", kind, list(hidden)))
    model.graph.output.append(helper.make_tensor_value_info("again", TensorProto.FLOAT, [None, 1, 5]))
    return replace(plain, onnx=model.SerializeToString())


def _loaded(content: bytes) -> Any:
    import onnx

    return onnx.load_model_from_string(content)


def small_model(
    nodes: Sequence[Any],
    inputs: dict[str, tuple[int, list[int | None]]],
    outputs: dict[str, tuple[int, list[int | None]]],
    constants: dict[str, npt.NDArray[Any]] | None = None,
    *,
    opset: int = 17,
    domains: Sequence[str] = (),
) -> Any:
    """Return an ONNX model of these nodes; sizes of None are free."""
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info(name, *each) for name, each in inputs.items()],
        [helper.make_tensor_value_info(name, *each) for name, each in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    opsets += [helper.make_opsetid(domain, 1) for domain in domains]
    return helper.make_model(graph, ir_version=8, opset_imports=opsets)


@functools.cache
def numbers(
    n: int = 1_000, *, seed: int = 0, classes: int = 3
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return features, float32 (n, 4), and the class of each row, the last one rarest."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes, n, p=[0.5, 0.3, 0.2] if classes == 3 else [0.7, 0.3])
    centres = np.array([[0, 0, 0, 0], [2, -1, 0, 1], [-1, 2, 1, 0]])
    return (centres[labels] + rng.normal(size=(n, 4))).astype(np.float32), labels


def _texts(n: int) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(0)
    names = sorted(WORDS)
    everything = [word for words in WORDS.values() for word in words]
    texts, labels = [], []
    for number in range(n):
        name = names[int(rng.integers(3))]
        words = [
            str(rng.choice(WORDS[name] if rng.random() < 0.45 else everything))
            for _ in range(rng.integers(5, 12))
        ]
        texts.append(" ".join([*words, f"Case{number}", f"n{rng.integers(10**6)}"]))
        labels.append(name)
    return texts, labels


def _scikit_learn(model: Any, *, two: bool = False, options: dict[str, Any] | None = None) -> Foreign:
    from skl2onnx import to_onnx

    x, y = numbers(classes=2 if two else 3)
    model.fit(x[:_TRAINED], y[:_TRAINED] if two else _named(y, two=two)[:_TRAINED])
    onnx = to_onnx(model, x[:1], options=None if options is None else {id(model): options})
    made = _table(onnx, model, x, y, two=two)
    if not two:
        return made
    return replace(made, classes=("0", "1"), labels=tuple((str(each),) for each in y[_TRAINED:]))


def _table(
    onnx: Any, model: Any, x: npt.NDArray[np.float32], y: npt.NDArray[np.int64], *, two: bool
) -> Foreign:
    kept = x[_TRAINED:]
    if hasattr(model, "predict_proba"):
        own = model.predict_proba(kept)
    else:  # a margin: what a logistic curve makes of it
        second = 1 / (1 + np.exp(-model.decision_function(kept)))
        own = np.stack([1 - second, second], axis=1)
    return Foreign(
        onnx.SerializeToString(),
        own,
        tuple(map(str, model.classes_)),
        COLUMNS,
        tuple(tuple(None if np.isnan(v) else v for v in row) for row in kept),
        tuple((str(each),) for each in _named(y, two=two)[_TRAINED:]),
    )


def _named(y: npt.NDArray[np.int64], *, two: bool) -> npt.NDArray[np.str_]:
    return np.array(CLASSES[: 2 if two else 3])[y]


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, np.floating) else value
