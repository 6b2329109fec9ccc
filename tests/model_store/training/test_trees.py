"""Tests of `model_store.training.trees`."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from model_store.graphs.outputs import Task
from model_store.training.table_graph import TableGraph
from model_store.training.trees import TreeModel, fit_trees

N = 400
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(N, 3))
FEATURES[RNG.random((N, 3)) < 0.2] = np.nan
SCORES = np.nan_to_num(FEATURES, nan=0.7) @ RNG.normal(size=(3, 3))
LABELS: dict[Task, np.ndarray] = {
    "binary": (SCORES[:, 0] > 1).astype(np.int64),
    "multiclass": SCORES.argmax(axis=1),
    "multilabel": SCORES > 1,
}


@pytest.fixture(autouse=True)
def _few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_store.training.trees.ROUNDS", 12)


def _answered(model: TreeModel, features: np.ndarray) -> np.ndarray:
    graph = TableGraph(numbers=features.shape[1], texts=0)
    graph.trees("numbers", model.attributes())
    session = onnxruntime.InferenceSession(
        graph.finished(model.link, model.n_classes), providers=["CPUExecutionProvider"]
    )
    (probabilities,) = session.run(["probabilities"], {"numbers": features})
    return probabilities


@pytest.mark.parametrize("task", LABELS)
@pytest.mark.parametrize("recipe", ["none", "balanced", "undersample"])
def test_the_operator_answers_as_scikit_learn_does(task: Task, recipe: str):
    """Missing values included."""
    n_classes = 2 if task == "binary" else 3
    model = fit_trees(FEATURES, LABELS[task], recipe, task=task, n_classes=n_classes, seed=0)
    np.testing.assert_allclose(_answered(model, FEATURES), model.predict_proba(FEATURES), atol=1e-6)


def test_values_at_and_beside_a_threshold_go_the_same_way():
    """Doubles a hair apart, and far larger than float32 can tell apart."""
    base = 1.7e9 + np.arange(N) / 7
    features = np.column_stack([base, RNG.normal(size=N)])
    model = fit_trees(
        features, (base > base[200]).astype(np.int64), "none", task="binary", n_classes=2, seed=0
    )
    nodes = model.ensembles[0]._predictors[0][0].nodes
    threshold = nodes["num_threshold"][0]
    probes = np.array(
        [[v, 0.0] for v in (threshold, np.nextafter(threshold, 2e9), np.nextafter(threshold, 0))]
    )
    answers = _answered(model, probes)
    np.testing.assert_allclose(answers, model.predict_proba(probes), atol=1e-6)
    assert answers[0, 1] < 0.5 < answers[1, 1]


def test_a_split_on_whether_a_value_is_missing():
    """scikit-learn writes it as a threshold of infinity."""
    features = np.where(RNG.random((N, 1)) < 0.5, np.nan, 1.0)
    labels = np.isnan(features[:, 0]).astype(np.int64)
    model = fit_trees(features, labels, "none", task="binary", n_classes=2, seed=0)
    answers = _answered(model, np.array([[np.nan], [1.0], [5.0]]))
    np.testing.assert_allclose(answers, model.predict_proba(np.array([[np.nan], [1.0], [5.0]])), atol=1e-6)
    assert answers[0, 1] > 0.5 > answers[1, 1]


def test_a_class_a_fold_has_no_rows_of_gets_nothing():
    """Its column is there, and 0."""
    labels = np.where(LABELS["multiclass"] == 1, 0, LABELS["multiclass"])
    p = fit_trees(FEATURES, labels, "balanced", task="multiclass", n_classes=3, seed=0).predict_proba(
        FEATURES
    )
    assert p.shape == (N, 3)
    assert (p[:, 1] == 0).all()


def test_a_label_on_no_row_of_a_fold_is_answered_no():
    """And one on every row yes."""
    labels = np.column_stack([LABELS["binary"] == 1, np.zeros(N, dtype=bool), np.ones(N, dtype=bool)])
    p = fit_trees(FEATURES, labels, "balanced", task="multilabel", n_classes=3, seed=0).predict_proba(
        FEATURES
    )
    assert (p[:, 1] == 0).all()
    assert (p[:, 2] == 1).all()


def test_weights_bring_a_rare_class_up():
    """Each class's mean score is near one half of two where weights make them alike."""
    labels = (SCORES[:, 0] + RNG.normal(size=N) > 3).astype(np.int64)
    none, balanced = (
        fit_trees(FEATURES, labels, recipe, task="binary", n_classes=2, seed=0).predict_proba(FEATURES)[:, 1]
        for recipe in ("none", "balanced")
    )
    assert balanced.mean() > none.mean() + 0.05


def test_trees_have_no_focal_loss():
    """The caller leaves it out of what is compared."""
    with pytest.raises(ValueError, match="no focal loss"):
        fit_trees(FEATURES, LABELS["binary"], "focal", task="binary", n_classes=2, seed=0)


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path):
    """Fitted twice."""
    contents = []
    for _ in range(2):
        model = fit_trees(FEATURES, LABELS["binary"], "oversample", task="binary", n_classes=2, seed=3)
        graph = TableGraph(numbers=3, texts=0)
        graph.trees("numbers", model.attributes())
        contents.append(graph.finished(model.link, 2))
    assert contents[0] == contents[1]
