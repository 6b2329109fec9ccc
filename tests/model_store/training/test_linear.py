"""Tests of `model_store.training.linear`."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from model_store.graphs.outputs import Task
from model_store.training.linear import LinearModel, fit_linear_model
from model_store.training.recipes import RECIPES, Recipe

FEATURES = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
TRUE = FEATURES @ np.random.default_rng(1).normal(size=(4, 3))
LABELS: dict[Task, np.ndarray] = {
    "binary": (TRUE[:, 0] > 1.5).astype(np.int64),
    "multiclass": TRUE.argmax(axis=1),
    "multilabel": TRUE > 1.5,
}


def _fitted(task: Task, recipe: Recipe = "balanced") -> LinearModel:
    return fit_linear_model(
        FEATURES,
        LABELS[task],
        recipe,
        task=task,
        n_classes=2 if task == "binary" else 3,
        seed=0,
        inverse_penalty=1.0,
        tolerance=1e-6,
    )


@pytest.mark.parametrize("task", LABELS)
@pytest.mark.parametrize("recipe", RECIPES)
def test_what_is_served_is_what_scikit_learn_says(task: Task, recipe: Recipe):
    """Weights, bias and link give the probabilities, whatever the task and the recipe."""
    model = _fitted(task, recipe)
    weights, bias, link = model.served()
    logits = FEATURES @ weights + bias
    served = softmax(logits, axis=1) if link == "softmax" else expit(logits)
    np.testing.assert_allclose(served, model.predict_proba(FEATURES), atol=1e-6)
    assert (link == "sigmoid") == (task == "multilabel")


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_class_weights_are_scikit_learns_balanced(task: Task):
    """Two classes as one score, three as a softmax."""
    theirs = LogisticRegression(class_weight="balanced", tol=1e-10, max_iter=1_000).fit(
        FEATURES, LABELS[task]
    )
    np.testing.assert_allclose(
        _fitted(task).predict_proba(FEATURES), theirs.predict_proba(FEATURES), atol=5e-4
    )


def test_several_labels_have_probabilities_of_their_own():
    """Each that of a logistic regression with balanced class weights; rows need not sum to 1."""
    p = _fitted("multilabel").predict_proba(FEATURES)
    for k in range(3):
        theirs = LogisticRegression(class_weight="balanced", tol=1e-10).fit(
            FEATURES, LABELS["multilabel"][:, k]
        )
        np.testing.assert_allclose(p[:, k], theirs.predict_proba(FEATURES)[:, 1], atol=5e-4)
    assert np.ptp(p.sum(axis=1)) > 0.5


def test_a_single_label_is_a_task():
    """One column of probabilities."""
    model = fit_linear_model(
        FEATURES,
        LABELS["multilabel"][:, :1],
        "focal",
        task="multilabel",
        n_classes=1,
        seed=0,
        inverse_penalty=1.0,
    )
    assert model.predict_proba(FEATURES).shape == (300, 1)
    assert model.served()[0].shape == (4, 1)
