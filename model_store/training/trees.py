"""Trees: how is a boosted ensemble fitted to columns, asked, and written as one ONNX operator?

scikit-learn's histogram gradient boosting: it takes missing values as they are and weights for every row.
skl2onnx 1.20 cannot write it as scikit-learn 1.9 makes it, so its nodes are read here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from onnx import numpy_helper
from sklearn.ensemble import HistGradientBoostingClassifier

from model_store.data.indicators import AnyLabels
from model_store.graphs.outputs import Task
from model_store.training.focal import Link
from model_store.training.imbalance import rebalanced
from model_store.training.linear import Probabilities
from model_store.training.recipes import Recipe

ROUNDS: Final = 100
LEARNING_RATE: Final = 0.1
MAX_LEAVES: Final = 15
RIDGE: Final = 1.0

Matrix: TypeAlias = npt.NDArray[np.float64]  # (n_rows, n_columns), NaN where a value is missing


@dataclass(frozen=True, slots=True, eq=False)
class TreeModel:
    """Fitted ensembles: one, or with several labels an item one a label.

    Parameters
    ----------
    ensembles : tuple
        A label that all rows of a fold carry, or none, has a constant in place of an ensemble.
    """

    task: Task
    n_classes: int
    ensembles: tuple[Any, ...]

    def predict_proba(self, features: Matrix) -> Probabilities:
        """Return what scikit-learn says, (n_rows, n_classes)."""
        if self.task == "multilabel":
            return np.column_stack([_positive(each, features) for each in self.ensembles])
        (ensemble,) = self.ensembles
        # A class that a fold has no rows of has no column.
        answers = np.zeros((len(features), self.n_classes))
        answers[:, ensemble.classes_] = ensemble.predict_proba(features)
        return answers

    @property
    def link(self) -> Link:
        """What makes probabilities of logits."""
        return "sigmoid" if self.task == "multilabel" else "softmax"

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of a TreeEnsembleRegressor whose targets are the logits."""
        table: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        base = np.zeros(self.n_classes)
        for tree, (target, nodes) in enumerate(self._trees()):
            _append(table, tree, target, nodes)
        for target, value in self._bases():
            base[target] = value
        doubles = ("nodes_values", "target_weights")
        return {
            **{name: values for name, values in table.items() if name not in doubles},
            **{
                f"{name}_as_tensor": numpy_helper.from_array(np.array(table[name], dtype=np.float64), name)
                for name in doubles
            },
            "base_values_as_tensor": numpy_helper.from_array(base, "base_values"),
            "n_targets": self.n_classes,
            "aggregate_function": "SUM",
            "post_transform": "NONE",
        }

    def _trees(self) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """Yield the nodes of every tree and the class whose logit it adds to."""
        for first, ensemble in self._first_targets():
            for round_ in ensemble._predictors:
                for at, tree in enumerate(round_):
                    yield first + at, tree.nodes

    def _bases(self) -> Iterator[tuple[int, float]]:
        for first, ensemble in self._first_targets():
            for at, value in enumerate(np.ravel(ensemble._baseline_prediction)):
                yield first + at, float(value)

    def _first_targets(self) -> Iterator[tuple[int, Any]]:
        # Of two classes only the second has a score, the other's is 0.
        first = 1 if self.task == "binary" else 0
        for label, ensemble in enumerate(self.ensembles):
            yield first + label, ensemble


def fit_trees(
    features: Matrix, labels: AnyLabels, recipe: Recipe, *, task: Task, n_classes: int, seed: int
) -> TreeModel:
    """Fit boosted trees to rows that are all training rows, by a recipe of `model_store.training.imbalance`.

    Parameters
    ----------
    features : float64 array of shape (n_rows, n_columns)
    labels : int array of shape (n_rows,), or bool array of shape (n_rows, n_classes) if `task` is multilabel
    recipe
        Any but `focal`, whose loss scikit-learn's trees do not have.
    """
    if recipe == "focal":
        raise ValueError("boosted trees have no focal loss; use class weights")
    per_label = task == "multilabel"
    plan = rebalanced(
        recipe, np.arange(len(features)), labels, n_classes=n_classes, per_label=per_label, seed=seed
    )
    if len(plan.rows) < len(labels):
        features, labels = features[plan.rows], labels[plan.rows]
    if per_label:
        columns = zip(labels.T, plan.weights.T, strict=True)
        return TreeModel(task, n_classes, tuple(_fitted(features, own, w, seed) for own, w in columns))
    return TreeModel(task, n_classes, (_fitted(features, labels, plan.weights, seed),))


def _fitted(features: Matrix, labels: npt.NDArray[Any], weights: npt.NDArray[np.float64], seed: int) -> Any:
    own = np.unique(labels)
    if len(own) == 1:
        return float(own[0])
    # Stopping early would hold out rows at random, near-duplicates of others among them.
    ensemble = HistGradientBoostingClassifier(
        max_iter=ROUNDS,
        learning_rate=LEARNING_RATE,
        max_leaf_nodes=MAX_LEAVES,
        l2_regularization=RIDGE,
        early_stopping=False,
        random_state=seed,
    )
    return ensemble.fit(features, labels, sample_weight=weights)


def _positive(ensemble: Any, features: Matrix) -> Probabilities:
    if isinstance(ensemble, float):
        return np.full(len(features), ensemble)
    answers: Probabilities = ensemble.predict_proba(features)[:, 1]
    return answers


_COLUMNS: Final[Sequence[str]] = (
    "nodes_treeids",
    "nodes_nodeids",
    "nodes_featureids",
    "nodes_modes",
    "nodes_values",
    "nodes_truenodeids",
    "nodes_falsenodeids",
    "nodes_missing_value_tracks_true",
    "target_treeids",
    "target_nodeids",
    "target_ids",
    "target_weights",
)


def _append(table: dict[str, list[Any]], tree: int, target: int, nodes: npt.NDArray[Any]) -> None:
    leaf = nodes["is_leaf"].astype(bool)
    inner = np.where(leaf, 0, 1)
    ids = np.arange(len(nodes))
    table["nodes_treeids"] += [tree] * len(nodes)
    table["nodes_nodeids"] += ids.tolist()
    table["nodes_featureids"] += (nodes["feature_idx"] * inner).tolist()
    table["nodes_modes"] += np.where(leaf, "LEAF", "BRANCH_LEQ").tolist()
    table["nodes_values"] += np.where(leaf, 0, nodes["num_threshold"]).tolist()
    table["nodes_truenodeids"] += (nodes["left"] * inner).tolist()
    table["nodes_falsenodeids"] += (nodes["right"] * inner).tolist()
    table["nodes_missing_value_tracks_true"] += (nodes["missing_go_to_left"] * inner).tolist()
    table["target_treeids"] += [tree] * int(leaf.sum())
    table["target_nodeids"] += ids[leaf].tolist()
    table["target_ids"] += [target] * int(leaf.sum())
    table["target_weights"] += nodes["value"][leaf].tolist()
