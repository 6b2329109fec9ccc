"""Drawn: how do labelled rows come from the traffic, and which of them may carry a claim about it?

A claim needs a sample of the traffic. Items chosen for labeling by their score are none: they may train a
model, and a threshold fitted on them misses its target nearly always. A batch tells the two apart by its
strata, and by weights: how many occurrences of the traffic each row stands for.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from model_store.data.csvfile import refuse
from model_store.data.rows import Rows
from model_store.errors import RowsError

Indices = npt.NDArray[np.intp]

CERTAINTY: Final = "certainty"
EXPLORATION: Final = "exploration"
# A draw of its batch is no row of its own, or chances differed by score: it estimates, and proves nothing.
PARTIAL: Final = "exploration-partial"
STRATA: Final = (CERTAINTY, EXPLORATION, PARTIAL)
# Weights that differ by less come from rounding an inclusion probability in a file.
_EQUAL: Final = 1e-6


class NotASample(RowsError):
    """Nothing says how the rows were drawn from the traffic."""

    def __str__(self) -> str:
        return (
            "nothing says how these rows were drawn: declare them a sample of the traffic with --sample, or "
            "name the columns of their weight and stratum; rows chosen by score prove nothing"
        )


class StratumMissing(RowsError):
    """Inclusion probabilities do not tell a row drawn at random from one chosen for certain."""

    def __str__(self) -> str:
        return "inclusion probabilities need the column of the strata beside them: name it with --stratum"


class NothingDrawn(RowsError):
    """All rows were chosen for certain, so none says anything about the traffic."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows)
        self.rows = rows

    def __str__(self) -> str:
        return (
            f"all {self.rows} rows were chosen by score: they can train a model, but no threshold; "
            "label the exploration slice of the batch"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Which rows stand for the traffic.

    Parameters
    ----------
    used : int array
        Rows that were drawn at random, ascending.
    chosen : int array
        All others: they may train.
    weights : float64 array of shape (len(used),), optional
        None where every row stands for as many items.
    certifies : bool
        A claim on these rows may be certified.
    """

    used: Indices
    chosen: Indices
    weights: npt.NDArray[np.float64] | None
    certifies: bool

    def weights_of(self, n_rows: int) -> npt.NDArray[np.float64] | None:
        """Return the weight of each of `n_rows` rows, 0 of a chosen one; None where all are equal."""
        if self.weights is None:
            return None
        weights = np.zeros(n_rows)
        weights[self.used] = self.weights
        return weights


def drawn(rows: Rows, *, sample: bool) -> Drawn:
    """Return which rows stand for the traffic, and whether they may prove something about it.

    Equal weights are those of a plain sample. They prove it only beside strata that say `exploration`, or
    where the owner declares a `sample`: rows chosen by score have equal weights too, all 1.

    Raises
    ------
    StratumMissing, NothingDrawn
    RowsInvalid
        For a stratum of another name, by row numbers.
    """
    strata = None if rows.strata is None else np.array(rows.strata, dtype=object)
    if strata is not None:
        unknown = np.flatnonzero(~np.isin(strata, STRATA)) + 1
        refuse(
            rows.path,
            f"have a stratum that is none of {', '.join(STRATA)}",
            unknown.tolist(),
            remedy="name the column that a batch calls stratum",
        )
    if rows.inclusion and strata is None:
        raise StratumMissing
    weights = None if rows.weights is None else np.array(rows.weights, dtype=np.float64)
    random = np.ones(len(rows), dtype=np.bool_)
    if strata is not None and (weights is None or rows.inclusion):
        random = strata != CERTAINTY
    elif weights is not None:
        # What a batch chose by score has weight 0, or that of the draws it absorbed.
        random = weights > 0
    used = np.flatnonzero(random)
    if not len(used):
        raise NothingDrawn(len(rows))
    mine = None if weights is None else weights[used]
    if mine is not None and np.ptp(mine) <= _EQUAL * mine.max():
        mine = None
    told = strata is not None and weights is not None and not (strata[used] == PARTIAL).any()
    return Drawn(used, np.flatnonzero(~random), mine, certifies=mine is None and (sample or told))
