"""Tests of `model_store.training.penalty`."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from model_store.graphs.outputs import Task
from model_store.training.focal import Objective
from model_store.training.imbalance import class_weights
from model_store.training.penalty import inverse_penalty
from model_store.training.train import train
from tests.support.synthetic import synthetic_rows


def test_the_penalty_is_the_same_beside_the_classes_mean_costs():
    """Rows twice over and C halved: twice the objective at any coefficients, so the same optimum."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(600, 4)).astype(np.float32)
    labels = rng.choice(3, size=600, p=[0.1, 0.3, 0.6])
    vector = rng.normal(size=5 * 3).astype(np.float32)
    values = []
    for times in (1, 2):
        rows, own = np.tile(features, (times, 1)), np.tile(labels, times)
        objective = Objective(
            rows,
            own,
            class_weights(np.bincount(own))[own],
            n_classes=3,
            link="softmax",
            gamma=0.0,
            inverse_penalty=inverse_penalty(10 * len(own), 3, "multiclass"),
        )
        values.append(objective(vector)[0])
    assert values[1] == pytest.approx(2 * values[0], rel=1e-5)


@pytest.mark.parametrize(
    ("n_rows", "n_classes", "expected"), [(50, 2, 10.0), (4_000, 2, 1.0), (10**6, 2, 0.3)]
)
def test_it_keeps_between_its_ends(n_rows: int, n_classes: int, expected: float):
    """A handful of rows and a million."""
    assert inverse_penalty(n_rows, n_classes, "binary") == expected


def test_more_rows_are_never_fitted_with_a_weaker_penalty():
    """Nor fewer classes."""
    by_rows = [inverse_penalty(n, 5, "multiclass") for n in (1, 10, 1_000, 5_000, 20_000, 200_000)]
    by_classes = [inverse_penalty(6_000, k, "multiclass") for k in (3, 10, 30, 150)]
    assert all(more <= fewer for fewer, more in pairwise(by_rows))
    assert all(fewer <= more for fewer, more in pairwise(by_classes))


@pytest.mark.parametrize("n_rows", [10, 10**6])
def test_several_labels_have_one_penalty(n_rows: int):
    """However many rows there are."""
    assert inverse_penalty(n_rows, 20, "multilabel") == 3.0


@pytest.mark.parametrize(("task", "n_classes"), [("binary", 2), ("multiclass", 3)])
def test_the_manifest_names_the_penalty_that_was_used(task: Task, n_classes: int):
    """It differs from model to model."""
    counts = dict(list({"billing": 300, "delivery": 300, "login": 300}.items())[:n_classes])
    rows = synthetic_rows(counts, seed=2)
    labels = np.unique(np.array(rows.labels), return_inverse=True)[1]
    trained = train(rows.texts, labels, n_classes=n_classes, imbalance="balanced")
    assert trained.facts["inverse_penalty"] == inverse_penalty(len(rows.texts), n_classes, task)


def test_a_rare_class_with_noisy_labels_is_ranked_better_than_with_a_weak_penalty(
    monkeypatch: pytest.MonkeyPatch,
):
    """Half of what is called rare has the words of it, and so has a twentieth of the rest."""
    rng = np.random.default_rng(3)
    texts, labels = _noisy(rng, 6_000)
    held_out, truth = _noisy(rng, 6_000)
    found = []
    for weak in (False, True):
        if weak:
            monkeypatch.setattr("model_store.training.train.inverse_penalty", lambda *_: 10.0)
        trained = train(texts, labels, n_classes=2, imbalance="balanced")
        found.append(average_precision_score(truth, trained.predict_proba(held_out)[:, 1]))
    assert found[0] > found[1] + 0.02


def _noisy(rng: np.random.Generator, n: int) -> tuple[list[str], np.ndarray]:
    labels = (rng.random(n) < 0.03).astype(np.int64)
    marked = rng.random(n) < np.where(labels == 1, 0.5, 0.05)
    words = rng.integers(0, 1_500, (n, 12))
    texts = [
        " ".join([*(f"w{word}" for word in row), *([f"mark{row[0] % 40}"] if own else [])])
        for row, own in zip(words.tolist(), marked.tolist(), strict=True)
    ]
    return texts, labels
