"""Linear: how is a linear model fitted, asked and served, whatever the task?

With one label an item and three classes or more it has a score a class and a softmax; with two classes one
score, of the second; with several labels an item one score a label, each fitted against the rest.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from model_store.data.indicators import AnyLabels
from model_store.graphs.outputs import Task
from model_store.training.focal import TOLERANCE, Features, Float32s, Linear, Link, fit_linear
from model_store.training.imbalance import rebalanced
from model_store.training.recipes import Recipe

Probabilities: TypeAlias = npt.NDArray[np.float64]  # (n_items, n_classes)


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A fitted linear model and the task it answers."""

    task: Task
    linear: Linear

    def predict_proba(self, features: Features) -> Probabilities:
        """Return what scikit-learn's `LogisticRegression` says with these coefficients, (n_items, n_classes).

        With several labels an item it is asked for one after the other.
        """
        answers = [each.predict_proba(features) for each in self._estimators]
        return np.column_stack([p[:, 1] for p in answers]) if self.task == "multilabel" else answers[0]

    def served(self) -> tuple[Float32s, Float32s, Link]:
        """Return weights (n_columns, n_classes), bias (n_classes,), and their link to probabilities."""
        weights, bias = self.linear.coefficients, self.linear.intercept
        if self.task == "binary":
            weights, bias = np.hstack([np.zeros_like(weights), weights]), np.append(np.float32(0), bias)
        return weights, bias, "sigmoid" if self.task == "multilabel" else "softmax"

    @cached_property
    def _estimators(self) -> list[Any]:
        weights, bias = self.linear.coefficients.T, self.linear.intercept
        if self.task == "multilabel":
            return [_estimator(weights[k : k + 1], bias[k : k + 1]) for k in range(len(bias))]
        return [_estimator(weights, bias)]


def fit_linear_model(
    features: Features,
    labels: AnyLabels,
    recipe: Recipe,
    *,
    task: Task,
    n_classes: int,
    seed: int,
    inverse_penalty: float,
    tolerance: float = TOLERANCE,
) -> LinearModel:
    """Fit a linear model to rows that are all training rows, by a recipe of `model_store.training.imbalance`.

    Parameters
    ----------
    features : float32 csr array or array of shape (n_rows, n_columns)
    labels : int array of shape (n_rows,), or bool array of shape (n_rows, n_classes) if `task` is multilabel
    """
    per_label = task == "multilabel"
    plan = rebalanced(
        recipe, np.arange(features.shape[0]), labels, n_classes=n_classes, per_label=per_label, seed=seed
    )
    if len(plan.rows) < len(labels):
        features, labels = features[plan.rows], labels[plan.rows]
    linear = fit_linear(
        features,
        (labels == 1)[:, None] if task == "binary" else labels,
        plan.weights,
        n_classes=1 if task == "binary" else n_classes,
        link="softmax" if task == "multiclass" else "sigmoid",
        gamma=plan.gamma,
        inverse_penalty=inverse_penalty,
        tolerance=tolerance,
    )
    return LinearModel(task, linear)


def _estimator(weights: Float32s, bias: Float32s) -> Any:
    estimator = LogisticRegression()
    estimator.coef_, estimator.intercept_ = weights.astype(np.float64), bias.astype(np.float64)
    estimator.classes_ = np.arange(max(2, len(bias)))
    estimator.n_features_in_ = weights.shape[1]
    return estimator
