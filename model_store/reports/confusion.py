"""Confusion: as what are the items of each class answered?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from model_store.reports.evaluation import ClassFigures, Confusion, Evaluation

MOST_CONFUSED: Final = 30
MATRIX_CLASSES: Final = 12


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A true class: its rows, and which share of them got each answer; None without rows."""

    name: str
    rows: int
    shares: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Confused:
    """A class that is answered as another; `rows` is a sum of weights."""

    true: str
    answered: str
    share: float
    rows: float


def matrix(evaluation: Evaluation) -> tuple[MatrixRow, ...]:
    """Return the confusion matrix with each row divided by the weight of its class."""
    rows = []
    for figures, counts in zip(evaluation.classes, evaluation.confusion.counts, strict=True):
        total = figures.recall.of
        shares = tuple(count / total if total else None for count in counts)
        rows.append(MatrixRow(figures.name, figures.positives, shares))
    return tuple(rows)


def most_confused(confusion: Confusion, classes: Sequence[ClassFigures]) -> tuple[Confused, ...]:
    """Return the largest shares of a class that are answered as something else."""
    found = [
        Confused(figures.name, answered, count / figures.recall.of, count)
        for figures, counts in zip(classes, confusion.counts, strict=True)
        for answered, count in zip(confusion.columns, counts, strict=True)
        if count and answered != figures.name
    ]
    return tuple(sorted(found, key=lambda each: (-each.share, -each.rows))[:MOST_CONFUSED])
