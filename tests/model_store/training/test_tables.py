"""Tests of `model_store.training.tables`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.data.features import feature_columns, features_of
from model_store.data.labelled import Labelled, labelled_of
from model_store.errors import FeatureInvalid
from model_store.graphs.classifier import Classifier
from model_store.graphs.columns import Column
from model_store.graphs.inputs import Features
from model_store.graphs.outputs import Task
from model_store.training.export import PARITY, check_parity
from model_store.training.tables import (
    MAX_CATEGORIES,
    MAX_TREE_CLASSES,
    Candidate,
    NoUsableColumn,
    candidates,
    table_front_end,
)
from model_store.training.train import train
from model_store.training.trained import Trained
from tests.support.synthetic import synthetic_table

COUNTS = {"billing": 120, "delivery": 240, "login": 40}
ROWS = synthetic_table(COUNTS, seed=1)
COLUMNS = feature_columns(ROWS)
ITEMS = features_of(ROWS, COLUMNS)
LABELLED = labelled_of(ROWS)
TASKS: dict[str, tuple[Task, Any, int]] = {
    "binary": ("binary", (LABELLED.labels == 2).astype(np.int64), 2),
    "three classes": ("multiclass", LABELLED.labels, 3),
    "three labels": ("multilabel", LABELLED.labels[:, None] == np.arange(3), 3),
    "one label": ("multilabel", (LABELLED.labels == 2)[:, None], 1),
}
HELD_OUT = synthetic_table(COUNTS, seed=2, missing=0.3)


@pytest.fixture
def _few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_store.training.trees.ROUNDS", 10)


def _train(items: Sequence[Features], labelled: Labelled, columns: Sequence[Column], **how: Any) -> Trained:
    return train(
        items,
        labelled.labels,
        n_classes=len(labelled.classes),
        input_kind="features",
        columns=columns,
        task=labelled.task,
        **how,
    )


def _classifier(trained: Trained, directory: Path, *, task: Task, n_classes: int) -> Classifier:
    path = directory / "model.onnx"
    path.write_bytes(trained.onnx)
    return Classifier.open(path, trained.front_end, n_classes=n_classes, output=trained.output, task=task)


@pytest.mark.usefixtures("_few_rounds")
@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("family", ["linear", "boosted trees"])
def test_the_graph_answers_as_scikit_learn_does(
    kind: str, family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """On rows it has not seen, with values missing, channels it does not know and numbers far off."""
    task, labels, n_classes = TASKS[kind]
    monkeypatch.setattr(
        "model_store.training.tables.candidates", lambda _imbalance, _classes: [Candidate(family, "balanced")]
    )
    trained = train(ITEMS, labels, n_classes=n_classes, input_kind="features", columns=COLUMNS, task=task)
    odd: list[Features] = [
        {"amount": 1e12, "age": None, "channel": "carrier pigeon", "returning": True},
        {"amount": -3.5, "age": 0.0, "channel": None, "returning": False},
        {"amount": 0.1 + 0.2, "age": 1e-9, "channel": "WEB", "returning": False},
    ]
    items = [*features_of(HELD_OUT, COLUMNS), *odd]
    classifier = _classifier(trained, tmp_path, task=task, n_classes=n_classes)
    assert check_parity(classifier, trained, items) < PARITY / 10
    assert trained.chosen == f"{family}, balanced"


@pytest.mark.usefixtures("_few_rounds")
def test_the_best_of_all_is_chosen_and_every_one_is_told():
    """Where the class is a square of a number, trees; what was compared has figures."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    items = [{"x": float(v)} for v in x]
    labelled = Labelled(("near", "far"), "binary", (np.abs(x) > 1).astype(np.int64))
    stages: list[tuple[str, int, int]] = []
    trained = _train(items, labelled, [Column("x", "float")], progress=lambda *stage: stages.append(stage))
    assert trained.chosen.startswith("boosted trees")
    assert [each.recipe for each in trained.tried] == [c.name for c in candidates("auto", 2)]
    assert all(each.mean is not None and each.seconds is not None for each in trained.tried)
    assert stages[-1] == ("select", 33, 33)


def test_a_line_is_left_to_the_linear_model():
    """It is the simpler one, and trees cannot do better."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    labelled = Labelled(("low", "high"), "binary", (x + rng.normal(size=300) > 0).astype(np.int64))
    trained = _train([{"x": float(v)} for v in x], labelled, [Column("x", "float")], imbalance="balanced")
    assert trained.chosen == "linear, balanced"
    assert trained.facts["iterations"] > 0


def test_whether_a_value_is_missing_tells_something(tmp_path: Path):
    """Nothing else does here, and the linear model learns it too."""
    rng = np.random.default_rng(1)
    gone = rng.random(300) < 0.4
    items = [{"x": None if g else float(v)} for g, v in zip(gone, rng.normal(size=300), strict=True)]
    trained = _train(
        items,
        Labelled(("there", "gone"), "binary", gone.astype(np.int64)),
        [Column("x", "float", missing=True)],
        imbalance="focal",
    )
    p = trained.predict_proba([{"x": None}, {"x": 0.1}, {}])
    assert p[0, 1] > 0.7
    assert p[1, 1] < 0.3
    assert p[2, 1] == p[0, 1]
    assert check_parity(_classifier(trained, tmp_path, task="binary", n_classes=2), trained, items) < PARITY


@pytest.mark.usefixtures("_few_rounds")
def test_columns_of_one_kind_only(tmp_path: Path):
    """Numbers without texts and texts without numbers have one input each."""
    for columns in (COLUMNS[:2], COLUMNS[2:3]):
        items = [{c.name: item[c.name] for c in columns} for item in ITEMS]
        trained = _train(items, LABELLED, columns, imbalance="none")
        classifier = _classifier(trained, tmp_path, task="multiclass", n_classes=3)
        assert check_parity(classifier, trained, items) < PARITY
        assert len(trained.front_end.signature()) == 1


def test_a_value_that_hardly_repeats_is_no_category():
    """Names and numbers of orders neither leak nor help; the column is listed as unused."""
    items = [{**item, "order": f"n{row}"} for row, item in enumerate(ITEMS)]
    trained = _train(items, LABELLED, [*COLUMNS, Column("order", "text")], imbalance="focal")
    assert trained.facts["unused_columns"] == ["order"]
    assert b"n17" not in trained.onnx


def test_the_commonest_categories_are_kept():
    """64 of 100, and the rest is like an unknown one."""
    rng = np.random.default_rng(0)
    codes = np.concatenate([np.repeat(np.arange(100), 3), rng.integers(50, size=200)])
    labels = (codes % 2).astype(np.int64)
    items = [{"code": f"c{code:02}"} for code in codes]
    trained = _train(
        items, Labelled(("even", "odd"), "binary", labels), [Column("code", "text")], imbalance="focal"
    )
    assert trained.facts["categories"] == MAX_CATEGORIES
    p = trained.predict_proba([{"code": "c00"}, {"code": "c01"}, {"code": "never"}])[:, 1]
    assert p[0] < p[2] < p[1]


def test_nothing_that_repeats_is_no_table():
    """The message names the columns and what to do."""
    items = [{"order": f"n{row}"} for row in range(20)]
    labelled = Labelled(("a", "b"), "binary", np.arange(20) % 2)
    with pytest.raises(NoUsableColumn, match="in 3 training rows is in columns order; name other"):
        _train(items, labelled, [Column("order", "text")])


def test_a_row_that_is_not_of_the_columns_is_named():
    """By its number, never by its content."""
    items = [*ITEMS[:3], {**ITEMS[3], "amount": "secret"}]
    with pytest.raises(FeatureInvalid, match="item 3, column 'amount': a string") as caught:
        _train(items, replace(LABELLED, labels=np.array([0, 1, 2, 0])), COLUMNS)
    assert "secret" not in str(caught.value)


def test_many_classes_are_left_to_the_linear_model():
    """Trees would be one a class and round."""
    assert {c.family for c in candidates("auto", MAX_TREE_CLASSES)} == {"linear", "boosted trees"}
    assert {c.family for c in candidates("auto", MAX_TREE_CLASSES + 1)} == {"linear"}
    assert [c.name for c in candidates("focal", 2)] == ["linear, focal"]


def test_numbers_whole_or_not_and_booleans_share_a_tensor():
    """Texts have their own; each in the order of the columns."""
    columns = [Column("t", "text"), Column("b", "boolean"), Column("i", "integer", missing=True)]
    front_end = table_front_end(columns)
    assert [(each.input, each.columns, each.type) for each in front_end.inputs] == [
        ("numbers", ("b", "i"), "tensor(double)"),
        ("texts", ("t",), "tensor(string)"),
    ]


@given(st.lists(st.floats(-1e306, 1e306), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_any_finite_number_is_answered_alike(values: list[float]):
    """Nearly to the largest a double holds: scikit-learn adds all of them up to see that they are finite."""
    items = [{"amount": v, "age": v, "channel": "web", "returning": True} for v in values]
    assert check_parity(*_linear(), items) < PARITY


_KEPT: list[tuple[Classifier, Trained]] = []


def _linear() -> tuple[Classifier, Trained]:
    """Return a fitted linear model, always the same."""
    if not _KEPT:
        import tempfile

        trained = _train(ITEMS, LABELLED, COLUMNS, imbalance="focal")
        with tempfile.TemporaryDirectory() as scratch:
            _KEPT.append((_classifier(trained, Path(scratch), task="multiclass", n_classes=3), trained))
    return _KEPT[0]
