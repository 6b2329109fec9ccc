"""Class order: are the columns of the scores the classes they are taken for?

A wrong order of the classes raises no error anywhere: every figure is just bad. So the columns are matched
with the labels anew, and the order in which they are read must not be beaten.

What is compared of column j and class i is the mean score of j over the rows of i less that over all others.
It does not change when a column is shifted, so neither class weights nor another mix of classes than in
training matter, and a model need not be calibrated. The best one-to-one matching (Hungarian method, Kuhn
1955) is split into its cycles; a cycle counts as evidence when its gain exceeds sqrt(2 (ln 1/alpha + L ln K))
standard errors, L its length: a union bound over all cycles of that length. A model that has not learnt two
classes apart confuses them and is not refused; one whose columns are exchanged is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from model_store.errors import ImportRefused
from model_store.foreign.recognise import listed
from model_store.graphs.outputs import LogProbabilities

Indicators: TypeAlias = npt.NDArray[np.bool_]  # (n_items, n_classes)

ALPHA: Final = 1e-3
LEAST_ROWS: Final = 5  # of a class, and of the others: fewer tell nothing
_FLOOR: Final = -16.0  # log-probabilities below say no more than this


class OrderRefused(ImportRefused):
    """The columns of the scores are other classes than they are taken for; `better` is an order that fits."""

    def __init__(self, assumed: Sequence[str], better: Sequence[str], *, basis: str, evidence: str) -> None:
        super().__init__(tuple(assumed), tuple(better), basis, evidence)
        self.assumed, self.better = tuple(assumed), tuple(better)
        self.basis, self.evidence = basis, evidence

    def __str__(self) -> str:
        return (
            f"the columns of the scores were taken for {listed(self.assumed)} ({self.basis}), but "
            f"{self.evidence} fit {listed(self.better)}: check the order of the classes in training, "
            "and declare it with --classes"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """How the columns go with the classes.

    Parameters
    ----------
    order : int array of shape (n_classes,)
        The column that fits each class; its own number unless there is evidence against it.
    skill : float
        Standard errors by which scores are higher where their own class holds; below 3 the model might as
        well guess.
    """

    order: npt.NDArray[np.intp]
    skill: float

    @property
    def as_read(self) -> bool:
        """Whether every column is the class it is taken for."""
        return bool((self.order == np.arange(len(self.order))).all())


def match(log_probabilities: LogProbabilities, truth: Indicators) -> Match:
    """Return which column fits which class.

    Parameters
    ----------
    log_probabilities : float32 array of shape (n_items, n_classes)
    truth : bool array of shape (n_items, n_classes)
        Classes with fewer than 5 rows, or all but fewer, keep their columns.

    Examples
    --------
    >>> truth = np.eye(2, dtype=bool)[np.arange(40) % 2]
    >>> scores = np.where(truth, -0.1, -2.0) + np.arange(40)[:, None] % 3 * 0.1
    >>> match(scores[:, ::-1], truth).order.tolist()
    [1, 0]
    """
    n, k = truth.shape
    order = np.arange(k)
    positives = truth.sum(axis=0)
    told = np.flatnonzero((positives >= LEAST_ROWS) & (n - positives >= LEAST_ROWS))
    if len(told) == 0:
        return Match(order, 0.0)
    scores = np.maximum(log_probabilities[:, told].astype(np.float64), _FLOOR)
    scores = (scores - scores.mean(axis=0)) / np.maximum(scores.std(axis=0), 1e-12)
    own = truth[:, told]
    contrast = _contrasts(scores, own)
    best = linear_sum_assignment(contrast, maximize=True)[1]
    for cycle in _cycles(best):
        length = len(cycle)
        limit = np.sqrt(2 * (np.log(1 / ALPHA) + length * np.log(len(told))))
        if _gain(scores, own, cycle, best) > limit:
            order[told[cycle]] = told[best[cycle]]
    return Match(order, _skill(scores, own))


def check_order(
    log_probabilities: LogProbabilities,
    truth: Indicators,
    classes: Sequence[str],
    *,
    basis: str,
    evidence: str,
) -> Match:
    """Return how columns and classes go together; OrderRefused if not as they are read.

    Parameters
    ----------
    basis : str
        Where the order comes from.
    evidence : str
        What `truth` is, in the plural.
    """
    found = match(log_probabilities, truth)
    if not found.as_read:
        better = [""] * len(classes)
        for k, column in enumerate(found.order):
            better[column] = classes[k]
        raise OrderRefused(classes, better, basis=basis, evidence=evidence)
    return found


def _contrasts(scores: npt.NDArray[np.float64], own: Indicators) -> npt.NDArray[np.float64]:
    """Return mean score of column j over the rows of class i less that over all others, [i, j]."""
    positives = own.sum(axis=0)[:, None]
    inside = own.T.astype(np.float64) @ scores
    outside = scores.sum(axis=0) - inside
    difference: npt.NDArray[np.float64] = inside / positives - outside / (len(own) - positives)
    return difference


def _cycles(permutation: npt.NDArray[np.intp]) -> list[npt.NDArray[np.intp]]:
    """Return the cycles of a permutation that move anything."""
    seen: set[int] = set()
    cycles = []
    for start in range(len(permutation)):
        cycle = []
        at = start
        while at not in seen:
            seen.add(at)
            cycle.append(at)
            at = int(permutation[at])
        if len(cycle) > 1:
            cycles.append(np.array(cycle, dtype=np.intp))
    return cycles


def _gain(
    scores: npt.NDArray[np.float64],
    own: Indicators,
    cycle: npt.NDArray[np.intp],
    best: npt.NDArray[np.intp],
) -> float:
    """Return by how many standard errors the classes of a cycle fit the columns of each other better."""
    return _errors(scores[:, best[cycle]] - scores[:, cycle], own[:, cycle])


def _skill(scores: npt.NDArray[np.float64], own: Indicators) -> float:
    return _errors(scores, own)


def _errors(values: npt.NDArray[np.float64], own: Indicators) -> float:
    """Return the sum over columns of (mean where `own` less mean elsewhere), in standard errors.

    One variance is pooled over all columns, so that a class of five rows cannot have none by chance.
    """
    positives = own.sum(axis=0)
    others = len(own) - positives
    inside = np.where(own, values, 0.0).sum(axis=0) / positives
    outside = np.where(own, 0.0, values).sum(axis=0) / others
    left = values - np.where(own, inside, outside)
    variance = float((left**2).sum() / max(left.size - 2 * len(positives), 1))
    error = np.sqrt(variance * float((1 / positives + 1 / others).sum()))
    return float((inside - outside).sum() / max(error, 1e-12))
