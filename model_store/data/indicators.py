"""Indicators: which classes is each item of, whether it has one label or several?

Everything that is counted per class works on the matrix, so that both forms of labels are treated alike.
"""

from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

Labels: TypeAlias = npt.NDArray[np.integer[Any]]  # (n_items,), index of the true class
LabelMatrix: TypeAlias = npt.NDArray[np.bool_]  # (n_items, n_classes), every class an item is of
AnyLabels: TypeAlias = Labels | LabelMatrix


def indicators(labels: AnyLabels, n_classes: int) -> LabelMatrix:
    """Return bool (n_items, n_classes): whether item i is of class k.

    Parameters
    ----------
    labels : int array of shape (n_items,), or bool array of shape (n_items, n_classes)
        An index outside the classes (-1 for none) is of no class. A matrix is returned as it is.

    Raises
    ------
    ValueError
        For a matrix of other classes, or of anything but booleans.

    Examples
    --------
    >>> indicators(np.array([1, 0]), 2).tolist()
    [[False, True], [True, False]]
    """
    if labels.ndim == 1:
        matrix: LabelMatrix = labels[:, None] == np.arange(n_classes)
        return matrix
    if labels.shape[1:] != (n_classes,) or labels.dtype != np.bool_:
        raise ValueError(
            f"labels are {labels.dtype} {labels.shape}: expected whole numbers, one an item, or booleans of "
            f"shape (n_items, {n_classes})"
        )
    return cast(LabelMatrix, labels)


def rarest(labels: AnyLabels, n_classes: int) -> npt.NDArray[np.int64]:
    """Return of each item the rarest class it is of, -1 for none; with one label an item, that label.

    Examples
    --------
    >>> rarest(np.array([[True, True], [True, False], [False, False]]), 2).tolist()
    [1, 0, -1]
    """
    positive = indicators(labels, n_classes)
    by_rarity = np.argsort(positive.sum(axis=0), kind="stable")
    ranked = positive[:, by_rarity]
    return np.where(ranked.any(axis=1), by_rarity[ranked.argmax(axis=1)], -1).astype(np.int64)
