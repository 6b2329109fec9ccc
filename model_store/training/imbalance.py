"""Imbalance: what may a rare class's rows count more, or how often may they be drawn, so that it is learnt?

Each way changes training alone, and calibration puts the frequencies back afterwards. Rows can only be drawn
from those that are given: this module is told the numbers of the training rows and knows no others, so none
of validation or test can enter (`drawn`).
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.data.indicators import AnyLabels, indicators, rarest
from model_store.training.focal import GAMMA
from model_store.training.recipes import Recipe

Weights: TypeAlias = npt.NDArray[np.float64]
Counts: TypeAlias = npt.NDArray[np.integer[Any]]
RowNumbers: TypeAlias = npt.NDArray[np.intp]

BETA: Final = 0.999
# Oversampling may make four rows of each; a class of 30 among 30,000 is not worth 1,000 copies of its rows.
MOST_COPIES: Final = 4

IN_WORDS: Final[dict[Recipe, str]] = {
    "none": "every row counts alike",
    "balanced": "class weights N / (K n_c)",
    "effective": f"class weights by the effective number of rows, beta {BETA:g}",
    "focal": f"class weights N / (K n_c) and focal loss, gamma {GAMMA:g}",
    "undersample": "common classes reduced to the size of the rarest",
    "oversample": "rare classes drawn again up to the size of the commonest",
}


@dataclass(frozen=True, slots=True, eq=False)
class Rebalanced:
    """The training rows to fit on, and what each counts.

    Parameters
    ----------
    rows : int array of shape (n,)
        Sorted, each once.
    weights : float64 array of shape (n,), or (n, n_classes) where each label is fitted on its own
        They sum to the number of training rows, however many are drawn: a penalty means the same with all
        recipes. A row that is drawn twice counts twice, which has the same optimum in less time.
    gamma : float
        Of the focal loss; 0 is logistic regression.
    """

    rows: RowNumbers
    weights: Weights
    gamma: float


def class_weights(counts: Counts) -> Weights:
    """Return N / (K n_c) for each class: all classes weigh alike, and a row weighs 1 on average.

    Parameters
    ----------
    counts : int array of shape (n_classes,)
        Training rows of each class; a class without rows weighs 0, and is none of the K.

    Examples
    --------
    1,600 of 20,000 rows are spam, 8 %: each counts as much as 11.5 of the others.

    >>> class_weights(np.array([18_400, 1_600])).round(2).tolist()
    [0.54, 6.25]
    """
    present = counts > 0
    weights: Weights = np.zeros(len(counts))
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return weights


def effective_number_weights(counts: Counts, *, beta: float = BETA) -> Weights:
    """Return weights in proportion to (1 - beta) / (1 - beta ** n_c); a row weighs 1 on average.

    A further row of a class tells less the more there are: n rows count as (1 - beta ** n) / (1 - beta), at
    most 1 / (1 - beta) (Cui et al. 2019, "Class-balanced loss based on effective number of samples", equation
    2). Classes above that size weigh alike, smaller ones almost N / (K n_c). The paper scales the weights to
    sum to K; here a row weighs 1 on average, so that a penalty means the same with any weights.

    Parameters
    ----------
    counts : int array of shape (n_classes,)
        Training rows of each class; a class without rows weighs 0.
    beta : float
        In [0, 1): 0 weighs all classes alike, towards 1 the weights become N / (K n_c).

    Examples
    --------
    >>> effective_number_weights(np.array([18_400, 1_600])).round(2).tolist()
    [0.98, 1.23]
    >>> effective_number_weights(np.array([300, 100])).round(2).tolist()
    [0.7, 1.9]
    """
    if not 0 <= beta < 1:
        raise ValueError(f"beta {beta}: expected a number in [0, 1)")
    present = counts > 0
    weights: Weights = np.zeros(len(counts))
    weights[present] = 1 / (1 - beta ** counts[present])
    weights *= counts.sum() / (weights * counts).sum()
    return weights


def rebalanced(
    recipe: Recipe, rows: RowNumbers, labels: AnyLabels, *, n_classes: int, per_label: bool, seed: int
) -> Rebalanced:
    """Return how a recipe trains on the rows.

    Parameters
    ----------
    rows : int array of shape (n_rows,)
        Numbers of the training rows; no others come back.
    labels : int array of shape (n_rows,), or bool array of shape (n_rows, n_classes)
        Of these rows, in their order.
    per_label : bool
        Whether each class is fitted against the rest; then it has weights of its own, positive rows against
        negative ones: N / (2 n) each.
    """
    if recipe in ("undersample", "oversample"):
        times = drawn(recipe, rows, labels, n_classes=n_classes, seed=seed)
        own, counts = np.unique(times, return_counts=True)
        weights = counts.astype(np.float64) * (len(rows) / len(times))
        return Rebalanced(own, np.outer(weights, np.ones(n_classes)) if per_label else weights, 0.0)
    weights = _row_weights(recipe, labels, n_classes, per_label=per_label)
    return Rebalanced(rows, weights, GAMMA if recipe == "focal" else 0.0)


def drawn(
    recipe: Literal["undersample", "oversample"],
    rows: RowNumbers,
    labels: AnyLabels,
    *,
    n_classes: int,
    seed: int,
) -> RowNumbers:
    """Return training rows, drawn so that classes are more nearly of one size; sorted.

    `undersample` keeps as many of each class as the rarest has, without repeats. `oversample` keeps all, and
    draws rows of the smaller classes again, with equal chances, up to the size of the commonest, or to what
    leaves at most `MOST_COPIES` times as many rows in all. A row of several labels counts for the rarest of
    them; rows without any are a class of their own.

    Parameters
    ----------
    rows : int array of shape (n_rows,)
        Numbers of the training rows.
    labels : int array of shape (n_rows,), or bool array of shape (n_rows, n_classes)
        Of these rows, in their order.
    """
    rng = np.random.default_rng(seed)
    strata = rarest(labels, n_classes)
    of_class = [rows[strata == k] for k in np.unique(strata)]
    sizes = np.array([len(own) for own in of_class])
    if recipe == "undersample":
        kept = [rng.choice(own, sizes.min(), replace=False) for own in of_class]
    else:
        size = _level(sizes, MOST_COPIES * len(rows))
        kept = [np.concatenate([own, rng.choice(own, max(0, size - len(own)))]) for own in of_class]
    return np.sort(np.concatenate(kept))


def _level(sizes: Counts, most: int) -> int:
    """Return the largest size that all smaller classes can be raised to with at most `most` rows in all."""
    low, high = int(sizes.min()), int(sizes.max())
    while low < high:
        middle = (low + high + 1) // 2
        if np.maximum(sizes, middle).sum() <= most:
            low = middle
        else:
            high = middle - 1
    return low


def _row_weights(recipe: Recipe, labels: AnyLabels, n_classes: int, *, per_label: bool) -> Weights:
    if recipe == "none":
        return np.ones((len(labels), n_classes) if per_label else len(labels))
    weigh = effective_number_weights if recipe == "effective" else class_weights
    if not per_label:
        of_class: Weights = weigh(np.bincount(labels, minlength=n_classes))[labels]
        return of_class
    positive = indicators(labels, n_classes)
    columns = [weigh(np.bincount(column, minlength=2))[column.astype(np.intp)] for column in positive.T]
    return np.column_stack(columns)
