"""Which items of a whole batch say most about a class of the traffic: drawn by what the model gives it.

A sample in two phases. The first is what the reservoirs are sure to hold: of each source and epoch a simple
random sample. From that each occurrence is drawn for itself (Poisson sampling: Sarndal, Swensson and Wretman
1992, sections 3.5 and 9.3), so that the chance of both phases together grows with the probability of the
class. Its inclusion probability is the product of the two chances, and known exactly.

Half of the draws go to all occurrences alike. That bounds what one may stand for, however sure the model is
that it is not of the class: without, one overlooked item would swing the whole estimate (defensive mixture:
Hesterberg 1995).
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from monitoring.waves.columns import Columns
from monitoring.waves.exploration import Draw, Draws
from monitoring.waves.strata import Cell, Stratum, uniform

Floats: TypeAlias = npt.NDArray[np.float64]

EVEN: Final = 0.5  # of the expected draws


def audit(
    columns: Columns, strata: Mapping[Cell, Stratum], *, watched: Sequence[int], size: int, seed: str
) -> Draws:
    """Draw an expected `size` occurrences by how probable the watched classes are, given by column.

    What was drawn before takes part again: an audit is a sample of its own. `seed` decides the second phase.
    """
    rows = np.array([row for stratum in strata.values() for row in stratum.rows], np.intp)
    each = [len(stratum.rows) for stratum in strata.values()]
    first = np.repeat(
        [n / stratum.occurrences for n, stratum in zip(each, strata.values(), strict=True)], each
    )
    worth = np.minimum(columns.probabilities[rows][:, list(watched)].sum(axis=1, dtype=np.float64), 1.0)
    chances = chances_of(worth, first, size=size)
    luck = np.array(
        [
            uniform(seed, "audit", columns.keys[row], repr(float(columns.priorities[row])))
            for row in rows.tolist()
        ]
    )
    drawn = np.flatnonzero(luck < chances).tolist()
    return Draws(
        tuple(Draw(columns.candidate(int(rows[at])), float(first[at] * chances[at])) for at in drawn),
        plain=False,
    )


def chances_of(worth: Floats, first: Floats, *, size: int) -> Floats:
    """Return the chance of each held occurrence in the second phase, shape (n,); they add up to `size`.

    Parameters
    ----------
    worth : float64 array of shape (n,)
        Probability of the watched classes.
    first : float64 array of shape (n,)
        The chance to be held: what was less likely to be is drawn more likely now.

    Examples
    --------
    >>> chances_of(np.array([0.9, 0.1, 0.0]), np.ones(3), size=1).round(2).tolist()
    [0.62, 0.22, 0.17]
    """
    if len(worth) <= size:
        return np.ones(len(worth))
    stands_for = 1 / first
    total = float((stands_for * worth).sum())
    by_worth = worth / total if total else np.zeros(len(worth))
    wanted = stands_for * ((1 - EVEN) * by_worth + EVEN / stands_for.sum())
    chances: Floats = np.zeros(len(worth))
    sure = np.zeros(len(worth), np.bool_)
    # Who would be drawn more than once is drawn for certain, and the others share what is left.
    while True:
        rest = size - int(sure.sum())
        chances = np.where(sure, 1.0, wanted * rest / wanted[~sure].sum())
        more = ~sure & (chances >= 1)
        if not more.any():
            return chances
        sure |= more
