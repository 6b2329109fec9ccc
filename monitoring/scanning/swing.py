"""Did the mix swing once over the whole baseline, and how much would that move the counts of a window?

A day's ups and downs in a baseline of one day are slower than its longest blocks, an eighth of it, and in few
items hardly show there. In the sum of every row times one cosine and one sine of the baseline's own length
they do. Of independent items the two squares are chi-square, whatever the rows (Schuster 1898).
"""

from typing import Final

import numpy as np

from monitoring.scanning.blocks import Squares, chi_square_ratio
from monitoring.scanning.spans import Floats

_CHANCE: Final = 0.03  # of a swing in independent items; one in a hundred would miss twice as many of a day
_MOST: Final = 0.371  # the window that has most of a swing, as part of it: tan u = 2 u of u = pi x length
_FAR: Final = 4.0  # deviations at which windows are judged, or more
_QUANTILE: Final = 1.88  # the normal score of that chance


def excess(squares: Squares, phi: Floats, nu: Floats) -> Floats | None:
    """Return by how much a swing's squares exceed what shorter spans explain; None where none does.

    Parameters
    ----------
    squares : Squares
        Of the swing: (2, n_used).
    phi, nu : float64 arrays of shape (n_columns,)
        Variance inflation of the longest blocks, and its degrees of freedom.

    Returns
    -------
    float64 array of shape (n_columns,), in units of the variance of independent items.
    """
    over = squares.z2.mean(axis=0) / phi[squares.used]
    swung = np.zeros(len(phi))
    pool = float(over.mean())
    freedom = 1.0 / (0.5 / squares.independent_columns + 1.0 / float(nu[squares.used].min()))
    if pool > chi_square_ratio(freedom, _QUANTILE):
        swung[:] = phi * (pool - 1.0)
    single = over > max(pool, 1.0) * np.log(len(over) / _CHANCE)  # the mean of two squares is exponential
    columns = squares.used[single]
    swung[columns] = np.maximum(swung[columns], phi[columns] * (over[single] - 1.0))
    return swung if swung.any() else None


def part_in(length: Floats) -> Floats:
    """Return how much of a swing's excess the variance of a window has, whenever the window is.

    Parameters
    ----------
    length : float64 array
        Of the windows, as parts of the swing. Those longer than the one that has most of it count as that
        one: where a swing has returned is not known.

    Examples
    --------
    >>> part_in(np.array([0.125, 0.25, 0.371, 4.0])).round(3).tolist()
    [0.237, 0.405, 0.461, 0.461]
    """
    within = np.minimum(length, _MOST)
    part: Floats = 2.0 * within * np.sinc(within) ** 2
    return part


def inflated(phi: Floats, swing: Floats, lengths: Floats) -> Floats:
    """Return the variance inflation of windows in traffic that swings, (n_windows, n_columns).

    A swing that is large beside the noise moves a window's count by its height and no further, sqrt(2) times
    the root of its variance; a window is then asked for that much more than its noise at `_FAR` deviations.

    Parameters
    ----------
    phi : float64 array of shape (n_windows, n_columns)
        Inflation that blocks show; what they show of the swing is counted twice, on the safe side.
    swing : float64 array of shape (n_columns,)
        Its `excess`.
    lengths : float64 array of shape (n_windows,)
        As for `part_in`.
    """
    variance = part_in(lengths)[:, None] * swing
    height = np.sqrt(2.0 * variance)
    inflation: Floats = np.minimum(phi + variance, (np.sqrt(phi) + height / _FAR) ** 2)
    return inflation
