"""Between which bounds does a share of the traffic lie, of which only a weighted sample has labels?

A share is W / (W + c L): W is the weight of what counts for it, L of what counts against it. Precision, recall
and prevalence have c = 1, F1 has c = 1/2. With equal weights the bounds are exactly those of Clopper and Pearson
(1934) for W among W + L, so they hold with few positives, and with none.

Unequal weights: W and L are each as uncertain as a weighted Poisson sum. Below, it follows the gamma
distribution with the mean and the variance that were observed; above, one more draw of the largest weight
is added, so that what was not drawn counts too (Fay and Feuer 1997). The lower bound of the share is the
quantile of the lower distribution of W against the upper one of L (melding: Fay, Proschan and Brittain
2015), the upper bound the other way round. Why these: docs/decisions/0015.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

CONFIDENCE: Final = 0.95
# An occurrence that is in the sample for certain has no variance, and a gamma distribution needs some.
_LEAST: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Weighed:
    """What some of the draws stand for.

    Parameters
    ----------
    total : float
        Sum of their weights, in occurrences.
    variance : float
        Of that sum: what each draw stands for beyond itself, times its weight.
    most : float
        The largest weight that such a draw could have had, beyond itself.
    """

    total: float
    variance: float
    most: float

    @classmethod
    def of(
        cls, weights: npt.NDArray[np.float64], draws: npt.NDArray[np.float64], *, most: float | None = None
    ) -> Self:
        """Weigh items.

        Parameters
        ----------
        weights : float64 array of shape (n_items,)
            Occurrences that an item stands for, through its draws.
        draws : float64 array of shape (n_items,)
        most : float, optional
            The largest weight of a draw that could have been among these; by default of those that are.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Share:
    """An estimate between two bounds; None of nothing, which lies between 0 and 1."""

    estimate: float | None
    low: float
    high: float


def share(won: Weighed, lost: Weighed, *, worth: float = 1.0, confidence: float = CONFIDENCE) -> Share:
    """Return won / (won + worth * lost) with its two-sided interval.

    Examples
    --------
    Three of fifty draws, each of which stands for a hundred occurrences:

    >>> share(Weighed(300.0, 29_700.0, 99.0), Weighed(4_700.0, 465_300.0, 99.0))
    Share(...)
    """
    raise NotImplementedError
