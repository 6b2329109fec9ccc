"""Admission: which calibrations may be tried with so many classes and rows of each, and which is taken?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.calibrating.calibration import Method
from model_store.calibrating.folds import FOLDS
from model_store.data.indicators import AnyLabels, LabelMatrix, indicators

# A slope of a class's own on fewer rows is noise, whatever the penalty.
SLOPE_ROWS: Final = 20
ISOTONIC_ROWS: Final = 1_000
# Beyond, slopes of each class's own lose to one slope for all: measured on 77 and on 151 classes.
MOST_CLASSES: Final = 20
TEMPERATURE_ROWS: Final = 2 * FOLDS
# A class in one group is not among the rows that a fold is fitted on when that group is held out.
BIAS_GROUPS: Final = 2
# A loss within this share of the least one is a tie.
TIE: Final = 1e-3
CRITERION: Final = f"least log loss in nats, {FOLDS} folds; within {TIE:.1%} of it fewest parameters"

Excluded: TypeAlias = dict[Method, str]


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """How many rows speak for each class and how many against it.

    Rows of one group (near-duplicates, a thread, a user) count once on each side they are on: the same text
    twenty times fixes a slope no better than once.

    Parameters
    ----------
    positives, negatives : int array of shape (n_classes,)
    total : int
    grouped : bool
        Groups were counted, and there are fewer of them than rows.
    """

    positives: npt.NDArray[np.integer[Any]]
    negatives: npt.NDArray[np.integer[Any]]
    total: int
    grouped: bool = False

    @classmethod
    def of(
        cls, labels: AnyLabels, n_classes: int, groups: npt.NDArray[np.integer[Any]] | None = None
    ) -> Self:
        """Count the rows, or their groups."""
        matrix = indicators(labels, n_classes)
        if groups is None:
            return cls(matrix.sum(axis=0), (~matrix).sum(axis=0), len(matrix))
        found, group_of = np.unique(groups, return_inverse=True)
        positives, negatives = (_any(each, group_of, len(found)).sum(axis=0) for each in (matrix, ~matrix))
        return cls(positives, negatives, len(found), grouped=len(found) < len(matrix))

    def of_class(self, k: int) -> Self:
        """Return what speaks for and against one class."""
        return replace(self, positives=self.positives[[k]], negatives=self.negatives[[k]])

    @property
    def sides(self) -> npt.NDArray[np.integer[Any]]:
        """The smaller of both, of each class."""
        smaller: npt.NDArray[np.integer[Any]] = np.minimum(self.positives, self.negatives)
        return smaller


def _any(matrix: LabelMatrix, group_of: npt.NDArray[np.intp], n_groups: int) -> LabelMatrix:
    """Return of shape (n_groups, n_classes) whether any row of the group says so."""
    found = np.zeros((n_groups, matrix.shape[1]), dtype=np.bool_)
    np.logical_or.at(found, group_of, matrix)
    return found


def admit(
    rows: Evidence, names: Sequence[str], groups: Evidence | None = None
) -> tuple[tuple[Method, ...], Excluded]:
    """Return what may be tried where an item has one label, fewest parameters first, and why not the rest.

    Parameters
    ----------
    groups : Evidence, optional
        The same rows counted by group; without it every row is its own.
    """
    methods: tuple[Method, ...] = ("identity", "temperature", "platt", "beta", "isotonic")
    if len(names) > 2:
        methods = ("identity", "temperature", "bcts", "vector", "platt", "beta", "isotonic")
    independent = rows if groups is None else groups
    excluded: Excluded = {}
    for method in methods:
        if method in _PER_CLASS and len(names) > MOST_CLASSES:
            excluded[method] = f"{len(names)} classes, at most {MOST_CLASSES} for slopes of their own"
        elif method == "bcts":
            why = _too_few(method, rows, names) or _lacking(independent, BIAS_GROUPS, names)
            excluded |= {} if why is None else {method: why}
        elif why := _too_few(method, independent, names):
            excluded[method] = why
    return tuple(method for method in methods if method not in excluded), excluded


def admit_label(evidence: Evidence, name: str) -> tuple[tuple[Method, ...], Excluded]:
    """Return what may be tried for one label of several, by the evidence for it alone."""
    methods: tuple[Method, ...] = ("identity", "temperature", "platt", "beta", "isotonic")
    excluded = {m: why for m in methods if (why := _too_few(m, evidence, [name], "label"))}
    return tuple(m for m in methods if m not in excluded), excluded


def least(losses: Mapping[Method, float]) -> Method:
    """Return the method of least loss; of those that tie with it the first, which has fewest parameters.

    Examples
    --------
    >>> least({"identity": 0.5, "temperature": 0.3001, "beta": 0.3})
    'temperature'
    """
    best = min(losses.values())
    return next(method for method, loss in losses.items() if loss <= best * (1 + TIE))


def summary(excluded: Mapping[Method, str]) -> Iterable[str]:
    """Yield one sentence per reason, with the methods that share it."""
    for why in dict.fromkeys(excluded.values()):
        yield f"{', '.join(m for m, each in excluded.items() if each == why)} not tried: {why}"


_PER_CLASS: Final = frozenset({"vector", "platt", "beta", "isotonic"})
# Groups of rows on both sides of every class. A bias alone is held by the ridge, so rows are enough for it.
_ROWS: Final[Mapping[Method, int]] = {
    "bcts": FOLDS,
    "vector": SLOPE_ROWS,
    "platt": SLOPE_ROWS,
    "beta": SLOPE_ROWS,
    "isotonic": ISOTONIC_ROWS,
}


def _too_few(method: Method, evidence: Evidence, names: Sequence[str], kind: str = "class") -> str | None:
    if method in _ROWS:
        return _lacking(evidence, _ROWS[method], names, kind)
    if method != "temperature" or evidence.total >= TEMPERATURE_ROWS:
        return None
    return f"{evidence.total} {_unit(evidence, evidence.total)}rows, {TEMPERATURE_ROWS} needed"


def _lacking(evidence: Evidence, needed: int, names: Sequence[str], kind: str = "class") -> str | None:
    """Return which class has the fewest on its smaller side, if they are fewer than needed."""
    k = int(np.argmin(evidence.sides))
    side = int(evidence.sides[k])
    which = "positives" if evidence.positives[k] <= evidence.negatives[k] else "negatives"
    if side >= needed:
        return None
    return f"{kind} {names[k]!r} has {side} {_unit(evidence, side)}{which}, {needed:,} needed"


def _unit(evidence: Evidence, n: int) -> str:
    return f"group{'' if n == 1 else 's'} of " if evidence.grouped else ""
