"""Folds: in which part of a cross-validation is each row left out?"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from model_store.data.indicators import AnyLabels, rarest

FOLDS: Final = 5

Scores: TypeAlias = npt.NDArray[np.float32]  # (n_items, n_classes)
_Truth = TypeVar("_Truth", bound=npt.NDArray[Any])


def folds(
    labels: AnyLabels,
    *,
    n_classes: int,
    rng: np.random.Generator,
    groups: npt.NDArray[np.integer[Any]] | None = None,
) -> npt.NDArray[np.int64]:
    """Return the fold of each row, 0 to FOLDS - 1, shape (n_items,).

    Classes are dealt round-robin in random order, so that every fold has its share of each. A row of several
    classes, and a group of rows, count for the rarest of theirs; a group stays in one fold.

    Examples
    --------
    >>> np.bincount(folds(np.repeat([0, 1], 10), n_classes=2, rng=np.random.default_rng(0))).tolist()
    [4, 4, 4, 4, 4]
    """
    strata = rarest(labels, n_classes)
    if groups is None:
        return _dealt(strata, rng)
    by_rarity = np.argsort(np.bincount(strata + 1, minlength=n_classes + 1), kind="stable")
    rank = np.empty_like(by_rarity)
    rank[by_rarity] = np.arange(len(by_rarity))
    _, group_of = np.unique(groups, return_inverse=True)
    rarest_of = np.full(group_of.max(initial=-1) + 1, n_classes + 1)
    np.minimum.at(rarest_of, group_of, rank[strata + 1])
    return _dealt(rarest_of, rng)[group_of]


def _dealt(strata: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    order = rng.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    fold_of = np.empty(len(strata), dtype=np.int64)
    fold_of[order] = np.arange(len(strata)) % FOLDS
    return fold_of


def out_of_fold(
    fit: Callable[[Scores, _Truth], Callable[[Scores], Scores]],
    scores: Scores,
    truth: _Truth,
    fold_of: npt.NDArray[np.int64],
) -> Scores:
    """Return what is predicted of each row by what was fitted on the other folds, shape of `scores`."""
    predicted = np.empty_like(scores)
    for fold in np.unique(fold_of):
        held_out = fold_of == fold
        predicted[held_out] = fit(scores[~held_out], truth[~held_out])(scores[held_out])
    return predicted
