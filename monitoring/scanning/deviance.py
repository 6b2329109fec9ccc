"""How far is a count from what the reference lets expect: deviances, and the normal scores they make."""

from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.scanning.spans import Floats

OVERDISPERSED: Final = 1.02  # variance inflation from which the negative binomial is asked as well
CONTINUITY: Final = 0.5  # items
_EMPTY: Final = 1e-12  # items in place of none, before a logarithm is taken
_AT_EQUALITY: Final = 0.1  # a root below it is no surprise: its correction is 0 / 0


def binomial_deviance(
    a: npt.ArrayLike, n: npt.ArrayLike, r: npt.ArrayLike, m: npt.ArrayLike, *, continuity: float = CONTINUITY
) -> tuple[Floats, Floats]:
    """Return the deviance of a / n against r / m as two binomials, and the gap's sign as -1, 0 or 1.

    Parameters
    ----------
    a, n, r, m : arrays that broadcast together
        Window count and items, reference count and items; fractions of items are allowed, n and m positive.
    continuity : float
        So many items are moved towards equality first; what is within them of equality is 0.
    """
    observed, expected, gap = _four_cells(a, n, r, m, continuity)
    return _deviance(observed, np.log(observed / expected)), np.sign(gap)


def signed_root(
    a: npt.ArrayLike, n: npt.ArrayLike, r: npt.ArrayLike, m: npt.ArrayLike, *, counted: npt.ArrayLike = True
) -> Floats:
    """Return the normal score of a / n against r / m, positive when a / n is larger.

    That is the signed root R of the deviance, half an item moved towards equality first (continuity
    correction). For items that are counted one by one it is R + ln(u / R) / R, u being 2 sinh(x / 2) for the
    log odds ratio x, in units of its deviation: its normal tail is that of Fisher's exact test (Skovgaard
    1987; Butler 2007, section 5.4). R alone makes a rise of a rare class up to half a nat too little of a
    surprise, and a fall too much of one. Where less than an item lies apart, as tolerances have it, the score
    is at most the root without continuity correction. What is within half an item of equality is 0.

    Parameters
    ----------
    a, n, r, m : arrays that broadcast together
        Window count and items, reference count and items; fractions of items are allowed.
    counted : bool array that broadcasts with them
        False where a count stands for clumps of items; R is returned there.

    Examples
    --------
    >>> float(signed_root(80, 1000, 800, 20_000).round(3))
    5.488
    >>> float(signed_root(80, 1000, 800, 20_000, counted=False).round(3))
    5.469
    """
    observed, expected, gap = _four_cells(a, n, r, m, CONTINUITY)
    logs = np.log(observed / expected)
    root = np.sqrt(_deviance(observed, logs))
    corrected = np.logical_and(counted, root > _AT_EQUALITY)
    if corrected.any():
        odds = np.abs(logs[0] - logs[1] - logs[2] + logs[3])  # the expected odds are equal
        spread = np.sqrt(observed.prod(axis=0) / (np.sqrt(expected.prod(axis=0)) * observed.sum(axis=0)))
        r_ = np.where(corrected, root, 1.0)
        ratio = np.where(corrected, 2.0 * np.sinh(odds / 2.0) * spread / r_, 1.0)
        root = np.asarray(np.maximum(root + np.log(ratio) / r_, 0.0))
        fraction = corrected & (np.abs(observed[0] - expected[0]) < CONTINUITY)
        if fraction.any():
            most = _root_without_continuity(expected[:, fraction], gap[fraction])
            root[fraction] = np.minimum(root[fraction], most)
    score: Floats = np.sign(gap) * root
    return score


def negative_binomial_deviance(
    a: Floats, n: Floats, r: Floats, m: Floats, *, phi: Floats, phi_reference: Floats
) -> Floats:
    """Return the deviance of a clumped count from what the reference lets expect; infinite where unfit.

    A count that varies phi times as much as independent items has a longer tail than a binomial of 1 / phi
    of the items. The rarer side is taken: a negative binomial has no upper end. Where its variance would be
    below its mean there is none.

    Parameters
    ----------
    a, n, r, m : float64 arrays that broadcast together
        Window count and items, reference count and items, as they are.
    phi, phi_reference : float64 arrays
        Variance inflation of window and reference.
    """
    share = (a + r) / (n + m)
    rarer = share <= 0.5
    a, r = np.where(rarer, a, np.maximum(n - a, 0.0)), np.where(rarer, r, np.maximum(m - r, 0.0))
    mean = n * (r + 0.5) / (m + 1.0)
    excess = (phi + phi_reference * n / m) * np.where(rarer, 1.0 - share, share) - 1.0
    fit = (phi > OVERDISPERSED) & (excess > 0.0) & (mean > 0.0)
    towards = (a - mean) * (a * m - r * n) > 0.0  # half an item more in the reference may turn the gap around
    mean, excess = np.where(fit, mean, 1.0), np.where(fit, excess, 1.0)
    size = mean / excess
    # a ln(a / mean) - (a + size) ln((a + size) / (mean + size)), written so that a large size does not cancel
    gap = (a - mean) / (mean + size)
    deviance = 2.0 * (a * np.log(np.maximum(a, _EMPTY) / mean) - (a + size) * np.log1p(gap))
    return np.where(fit, np.where(towards, np.maximum(deviance, 0.0), 0.0), np.inf)


def normal_score(z: Floats, nu: Floats) -> Floats:
    """Return the normal score of one that was divided by a deviation estimated with `nu` degrees of freedom.

    Wallace 1959: (8 nu + 1) / (8 nu + 3) sqrt(nu ln(1 + z^2 / nu)), z itself where nu is infinite.

    Examples
    --------
    >>> round(float(normal_score(np.array(4.587), np.array(10.0))), 1)  # t with 10: one in 2,000
    3.3
    """
    known = np.isfinite(nu)
    nu = np.where(known, nu, 1.0)
    score = (8.0 * nu + 1.0) / (8.0 * nu + 3.0) * np.sqrt(nu * np.log1p(z * z / nu))
    return np.where(known, score, z)


def _four_cells(
    a: npt.ArrayLike, n: npt.ArrayLike, r: npt.ArrayLike, m: npt.ArrayLike, continuity: float
) -> tuple[Floats, Floats, Floats]:
    """Return observed and expected items, of window and reference in the class and out of it, and the gap.

    The four cells are the first axis; so many observed items are moved towards equality. The gap, as items of
    the window, is what lies apart without that.
    """
    a, n, r, m = (np.asarray(x, dtype=np.float64) for x in (a, n, r, m))
    total = n + m
    share = (a + r) / total
    gap = (a * m - r * n) / total
    moved = np.copysign(np.maximum(np.abs(gap) - continuity, 0.0), gap)
    expected = np.empty((4, *gap.shape))
    np.multiply(n, share, out=expected[0, ...])
    np.subtract(n, expected[0], out=expected[1, ...])
    np.multiply(m, share, out=expected[2, ...])
    np.subtract(m, expected[2], out=expected[3, ...])
    observed = expected.copy()
    observed[::3] += moved
    observed[1:3] -= moved
    # an empty cell adds nothing: 0 ln(0 / 0) = 0
    np.maximum(expected, _EMPTY, out=expected)
    np.maximum(observed, _EMPTY, out=observed)
    return observed, expected, gap


def _root_without_continuity(expected: Floats, gap: Floats) -> Floats:
    """Return the root of the deviance of four cells of which so many items lie apart."""
    observed = expected.copy()
    observed[::3] += gap
    observed[1:3] -= gap
    np.maximum(observed, _EMPTY, out=observed)
    root: Floats = np.sqrt(_deviance(observed, np.log(observed / expected)))
    return root


def _deviance(observed: Floats, logs: Floats) -> Floats:
    """Return twice the sum of observed ln(observed / expected)."""
    deviance: Floats = np.maximum(2.0 * (observed * logs).sum(axis=0), 0.0)
    return deviance
