"""Costs: what does it cost to call an item of one class another, and which answer costs least?

A file of costs is a CSV table in the owner's own units (minutes, money). The header names the answers, the
first column the true classes, both in any order. A column `review`, which may be left out, says what it costs
to leave an item to a person: the same number in every row. (Where a class is called `review` the column is
that class's, and a review has no cost.)

    true,ham,spam,review
    ham,0,20,1
    spam,5,0,1

So a ham that is called spam costs 20, a spam that is called ham 5, and whoever looks at an item costs 1.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from model_store.calibrating.brokenlines import Float32s, Float64s
from model_store.data.csvfile import read_cells, read_header
from model_store.errors import ModelStoreError

REVIEW: Final = "review"
_MOST_NAMED: Final = 5


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

    Raises
    ------
    CostsError
        For a matrix of another shape, with a negative number or without any cost.
    """

    classes: tuple[str, ...]
    matrix: Float64s
    review: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is no cost of these classes."""
        k = len(self.classes)
        if self.matrix.shape != (k, k):
            shape = " x ".join(map(str, self.matrix.shape))
            raise CostsError(f"costs are {shape}; expected {k} x {k}, a row and a column for every class")
        for true, answer in np.argwhere(~(np.isfinite(self.matrix) & (self.matrix >= 0))).tolist():
            raise CostsError(
                f"calling {self.classes[true]!r} {self.classes[answer]!r} costs "
                f"{self.matrix[true, answer]:g}; expected a number that is 0 or more"
            )
        if self.review is not None and not (math.isfinite(self.review) and self.review >= 0):
            raise CostsError(f"a review costs {self.review:g}; expected a number that is 0 or more")
        if not self.matrix.any():
            raise CostsError("costs are all 0, so every answer is as good; give what a wrong one costs")

    def expected(self, probabilities: npt.NDArray[np.floating[Any]]) -> Float32s:
        """Return the expected cost of each answer, float32 (n_items, n_classes), every row on its own.

        In double precision, then rounded: costs that are equal but for the order of a sum stay equal.
        """
        # Not a matrix product: BLAS adds up a row in another order when other rows stand beside it.
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
            raise ValueError("costs: expected the keys matrix and review")
        try:
            matrix = np.array(data["matrix"])
            review = None if data["review"] is None else float(data["review"])
            if matrix.dtype.kind not in "if":
                raise ValueError("the matrix holds other things than numbers")
            return cls(classes, matrix.astype(np.float64), review)
        except (CostsError, TypeError, ValueError) as error:
            raise ValueError(f"costs: {error}") from error


def read_costs(path: Path, classes: Sequence[str]) -> Costs:
    """Read a file of costs; the module says what stands in it.

    Raises
    ------
    CostsError
        For a class without a row or a column, one that is unknown or there twice, a cell that is no number,
        and what `Costs` refuses.
    RowsError
        For a file that cannot be read as CSV.
    """
    first, *answers = read_header(path)
    has_review = REVIEW not in classes and REVIEW in map(str.strip, answers)
    named = {answer.strip(): answer for answer in answers}
    columns = [*classes, REVIEW] if has_review else list(classes)
    _check_names(path, "column", [answer.strip() for answer in answers], columns)
    cells = read_cells(path, [first, *(named[column] for column in columns)])
    rows = {name.strip(): row for row, name in enumerate(cells[first])}
    _check_names(path, "row", [name.strip() for name in cells[first]], classes)
    table = np.array(
        [
            [_number(path, true, column, cells[named[column]][rows[true]]) for column in columns]
            for true in classes
        ]
    )
    try:
        return Costs(
            tuple(classes), table[:, : len(classes)], _one_review(table[:, -1]) if has_review else None
        )
    except CostsError as error:
        raise CostsError(f"{path}: {error}") from error


def binary_threshold(costs: Costs) -> float:
    """Return the probability of the second of two classes from which on calling it costs less than not.

    t* = c_FP / (c_FP + c_FN) (Elkan, *The foundations of cost-sensitive learning*, 2001, equation 2), what a
    mistake costs more than the right answer.

    Examples
    --------
    >>> binary_threshold(Costs(("ham", "spam"), np.array([[0.0, 20.0], [5.0, 0.0]])))
    0.8
    """
    if len(costs.classes) != 2:
        raise CostsError(f"costs of {len(costs.classes)} classes have no one threshold; expected 2 classes")
    false_positive = costs.matrix[0, 1] - costs.matrix[0, 0]
    false_negative = costs.matrix[1, 0] - costs.matrix[1, 1]
    if false_positive < 0 or false_negative < 0 or false_positive + false_negative == 0:
        raise CostsError("a wrong answer costs less than the right one, or as much; no threshold follows")
    return float(false_positive / (false_positive + false_negative))


def _check_names(path: Path, what: str, found: Sequence[str], expected: Sequence[str]) -> None:
    twice = [name for name in dict.fromkeys(found) if found.count(name) > 1]
    unknown = [name for name in found if name not in expected]
    missing = [name for name in expected if name not in found]
    for problem, names in ((f"has two {what}s for", twice), (f"has a {what} for unknown", unknown)):
        if names:
            raise CostsError(f"{path}: {problem} {_listed(names)}; expected {_listed(expected)}")
    if missing:
        raise CostsError(f"{path}: has no {what} for {_listed(missing)}; expected one for every class")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(map(repr, names[:_MOST_NAMED])) + more


def _number(path: Path, true: str, column: str, cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise CostsError(
            f"{path}: row {true!r}, column {column!r} is {cell[:20]!r}; expected a number, as 2.5"
        ) from None


def _one_review(column: Float64s) -> float:
    if (column != column[0]).any():
        raise CostsError(
            f"column {REVIEW!r} holds {column.min():g} and {column.max():g}; expected one number, "
            "since a review costs the same whatever it finds"
        )
    return float(column[0])
