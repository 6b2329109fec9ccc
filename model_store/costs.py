"""Costs: what does it cost to call an item of one class another, and which answer costs least?

A file of costs is a CSV table of the owner's own units (minutes, money). The first row names the answers, the
first column the true classes, both in any order; a last column `review`, which may be left out, says what it
costs to leave an item to a person, the same number in every row:

    true,ham,spam,review
    ham,0,20,1
    spam,5,0,1

So a ham that is called spam costs 20, a spam that is called ham 5, and whoever looks at an item costs 1.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from model_store.brokenlines import Float32s, Float64s
from model_store.errors import ModelStoreError

REVIEW: Final = "review"


class CostsError(ModelStoreError):
    """Costs cannot be used with these classes; the message says where and what is expected."""


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """What every answer costs.

    Parameters
    ----------
    classes : tuple of str
    matrix : float64 array of shape (n_classes, n_classes)
        Row: true class; column: the answer.
    review : float, optional
        What it costs to leave an item to a person; None where nobody looks.
    """

    classes: tuple[str, ...]
    matrix: Float64s
    review: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is no cost of these classes."""
        k = len(self.classes)
        if self.matrix.shape != (k, k):
            raise CostsError(
                f"costs have shape {self.matrix.shape}; expected ({k}, {k}), a row and a column a class"
            )
        numbers = self.matrix.ravel().tolist() + ([] if self.review is None else [self.review])
        for value in numbers:
            if not math.isfinite(value) or value < 0:
                raise CostsError(f"cost {value!r}: expected a number that is not negative")
        if not self.matrix.any():
            raise CostsError("costs are all zero, so every answer is as good; give what a wrong one costs")

    def expected(self, probabilities: npt.NDArray[np.floating[Any]]) -> Float32s:
        """Return the expected cost of each answer, float32 (n_items, n_classes), every row on its own.

        In double precision, then rounded: costs that are equal but for the order of a sum stay equal.
        """
        # Not a matrix product: BLAS sums a row in another order when there are other rows beside it.
        exact = np.einsum("ik,kj->ij", probabilities.astype(np.float64), self.matrix)
        rounded: Float32s = exact.astype(np.float32)
        return rounded

    def bayes(
        self, probabilities: npt.NDArray[np.floating[Any]], rarity: npt.NDArray[np.intp] | None = None
    ) -> tuple[npt.NDArray[np.int32], Float32s]:
        """Return the answer whose expected cost is least, and that cost; both of shape (n_items,).

        Parameters
        ----------
        probabilities : float array of shape (n_items, n_classes)
            Calibrated, rows sum to 1.
        rarity : int array of shape (n_classes,), optional
            Ties go to the class that stands first in it, by default to the first class.

        Examples
        --------
        >>> costs = Costs(("ham", "spam"), np.array([[0.0, 20.0], [5.0, 0.0]]))
        >>> label, cost = costs.bayes(np.array([[0.3, 0.7], [0.1, 0.9]]))
        >>> label.tolist(), cost.tolist()
        ([0, 1], [3.5, 2.0])
        """
        expected = self.expected(probabilities)
        order = np.arange(len(self.classes)) if rarity is None else rarity
        best = expected.take(order, axis=1).argmin(axis=1)
        return order.take(best).astype(np.int32), expected.min(axis=1)

    def to_json(self) -> dict[str, Any]:
        """Return what policy.json holds; the classes stand beside it."""
        return {"matrix": self.matrix.tolist(), "review": self.review}

    @classmethod
    def from_json(cls, data: Any, classes: tuple[str, ...]) -> Self:
        """Read what `to_json` wrote; a ValueError says what is malformed."""
        if not isinstance(data, Mapping) or set(data) != {"matrix", "review"}:
            raise ValueError("policy costs: expected the keys matrix and review")
        try:
            matrix = np.array(data["matrix"])
            if matrix.dtype.kind not in "if":
                raise ValueError("policy costs: expected numbers")
            review = None if data["review"] is None else float(data["review"])
            return cls(classes, matrix.astype(np.float64), review)
        except (CostsError, TypeError) as error:
            raise ValueError(f"policy costs: {error}") from error
