"""Between which bounds does a share of the traffic lie, of which only a weighted sample has labels?

A share is W / (W + c L), where W is the weight of what counts for it and L of what counts against it:
recall, precision and prevalence have c = 1, F1 has c = 1/2. With equal weights the bounds are exactly those
of Clopper and Pearson (1934) for W of W + L, so they hold with few positives, and with none.

With unequal weights, W and L are each as uncertain as a weighted Poisson sum. From below, such a sum follows
the gamma distribution of the mean and the variance that were seen; from above, of one more draw, so that what
was not drawn counts too (Fay and Feuer 1997, with the typical weight in place of the largest as in Tiwari,
Clegg and Zou 2006). A bound of the share is a quantile of one sum from below against the other from above
(melding: Fay, Proschan and Brittain 2015). How it compares with others: docs/decisions/0015.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

CONFIDENCE: Final = 0.95
# A sum that was counted whole has no variance, and a gamma distribution needs some: this squared, relative.
_LEAST_DEVIATION: Final = 1e-4

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the draws of some kind stand for; all arrays have one shape, an entry a share.

    Parameters
    ----------
    total : float64 array
        Sum of their weights, in occurrences.
    variance : float64 array
        Of that sum: of each draw its weight times what it stands for beyond itself. The latter is 0 for an
        occurrence that was in the sample for certain, which is the correction for a finite population.
    further : float64 array
        What one more draw of the kind would stand for beyond itself.
    """

    total: Floats
    variance: Floats
    further: Floats

    def from_above(self) -> "Weighed":
        """Return it with one more draw."""
        return Weighed(self.total + self.further, self.variance + self.further**2, self.further)

    def gamma(self) -> tuple[Floats, Floats]:
        """Return shape and scale of the gamma distribution with this mean and variance."""
        total = np.where(self.total > 0, self.total, 1.0)  # nothing is 0 whatever its distribution
        variance = np.maximum(self.variance, (_LEAST_DEVIATION * total) ** 2)
        return total**2 / variance, variance / total


@dataclass(frozen=True, slots=True)
class Shares:
    """Estimates between their bounds, arrays of one shape. Of nothing: NaN between 0 and 1."""

    estimate: Floats
    low: Floats
    high: Floats


def shares(won: Weighed, lost: Weighed, *, worth: float = 1.0, confidence: float = CONFIDENCE) -> Shares:
    """Return won / (won + worth * lost) with two-sided intervals.

    Examples
    --------
    Three of fifty draws, each of which stands for a hundred occurrences:

    >>> draws, each, beyond = np.array([[3.0], [47.0]]), 100.0, np.array([99.0])
    >>> won, lost = (Weighed(n * each, n * each * beyond, beyond) for n in draws)
    >>> found = shares(won, lost)
    >>> [round(float(x[0]), 3) for x in (found.estimate, found.low, found.high)]
    [0.06, 0.013, 0.165]
    """
    whole = won.total + worth * lost.total
    estimate = np.divide(won.total, whole, out=np.full_like(whole, np.nan), where=whole > 0)
    tail = (1 - confidence) / 2
    low = _melded(won, lost.from_above(), worth, tail)
    high = _melded(won.from_above(), lost, worth, 1 - tail)
    return Shares(estimate, np.where(won.total > 0, low, 0.0), np.where(lost.total > 0, high, 1.0))


def _melded(won: Weighed, lost: Weighed, worth: float, q: float) -> Floats:
    """Return a quantile of A / (A + worth * B) of two independent gamma variables.

    A and B in their units of scale have a beta distributed share, and a share with other units is a monotone
    function of it.
    """
    (a, unit), (b, other) = won.gamma(), lost.gamma()
    share = betaincinv(a, b, q)
    found: Floats = unit * share / (unit * share + worth * other * (1 - share))
    return found
