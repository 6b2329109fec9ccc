"""Has the mix of categories moved, and in which window: a multiscale two-sample scan of counts.

Every window that ends now is compared with the reference, class by class, by the signed root of the deviance
of two binomials. A window of L buckets has about N / L independent places in N buckets, so a p-value there is
worth -ln p + ln L (Chan and Walther 2013 call it the optimal scan penalty); the class's share of the
false-alarm budget is subtracted in the same currency, nats. The largest such evidence is the statistic. The
threshold is a formula: nothing is simulated or tuned, and the reference's size is part of the test.
"""

import math
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

from monitoring.budget import Weights, column_weights
from monitoring.dispersion import Dispersion
from monitoring.whole_mix import Mix, whole_mix_evidence
from monitoring.windows import WindowSet

Floats: TypeAlias = npt.NDArray[np.float64]

THRESHOLD_CONSTANT: Final = 9.0
_TINY: Final = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True, eq=False)
class ScanResult:
    """What one scan found; evidence in nats, 0 where there is none.

    Attributes
    ----------
    statistic : float
        Largest evidence over windows and categories.
    window : int
        Index of the window in which it was found.
    evidence : float64 array of shape (n_categories,)
        Each category's largest evidence over all windows.
    rises : bool array of shape (n_categories,)
        Direction in the window of that largest evidence.
    strongest : float64 array of shape (n_categories,)
        Each category's evidence in the window `window`.
    strongest_rises : bool array of shape (n_categories,)
    whole : float64 array of shape (n_mixes,)
        Each mix's largest evidence as a whole over all windows.
    mix : int or None
        Index of the mix whose test as a whole gave `statistic`; None when a column did.
    """

    statistic: float
    window: int
    evidence: Floats
    rises: npt.NDArray[np.bool_]
    strongest: Floats
    strongest_rises: npt.NDArray[np.bool_]
    whole: Floats = field(default_factory=lambda: np.zeros(0))
    mix: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Yardstick:
    """What windows are compared with, column by column, and how strictly.

    Attributes
    ----------
    counts, items : float64 arrays of shape (n_columns,)
        The reference; a column without items is not tested.
    weights : float64 array of shape (2, n_columns)
        Share of the false-alarm budget for rises and for falls; a column with weight 0 is not tested.
    tolerance, tolerance_abs : float64 arrays of shape (n_columns,)
        A change of the share within this ratio, or within this difference, is no evidence.
    dispersion : Dispersion, optional
        How much more than independent items the counts vary.
    mixes : tuple of Mix
        Mixes that are also tested as a whole.
    """

    counts: Floats
    items: Floats
    weights: Weights
    tolerance: Floats
    tolerance_abs: Floats
    dispersion: Dispersion | None = None
    mixes: tuple[Mix, ...] = ()


def scan_columns(
    lengths: npt.NDArray[np.int64], counts: npt.ArrayLike, items: npt.ArrayLike, yardstick: Yardstick
) -> ScanResult:
    """Compare every window with the reference, column by column and every mix as a whole.

    Parameters
    ----------
    lengths : int64 array of shape (n_windows,)
        Buckets in each window, at least one window, shortest first.
    counts : array of shape (n_windows, n_columns)
    items : array of shape (n_windows, n_columns) or (n_windows, 1)
        Items, or exposures where a season was fitted; a cell without items is no evidence.
    """
    raise NotImplementedError


def class_weights(
    reference: npt.NDArray[np.int64], *, shares: npt.ArrayLike | None = None, whole_mix: float = 0.0
) -> Weights:
    """Return `budget.column_weights` of a mix."""
    return column_weights("mix", reference, watch=shares, whole_mix=whole_mix)


def signed_root(a: npt.ArrayLike, n: npt.ArrayLike, r: npt.ArrayLike, m: npt.ArrayLike) -> Floats:
    """Return the signed root of the deviance of a / n against r / m; positive when a / n is larger.

    Half an item is moved towards equality before the deviance is taken (continuity correction); what is
    within half an item of equality is 0.

    Parameters
    ----------
    a, n, r, m : arrays that broadcast together
        Window count and items, reference count and items; fractions of items are allowed.

    Examples
    --------
    >>> float(signed_root(80, 1000, 800, 20_000).round(3))
    5.469
    """
    a, n, r, m = (np.asarray(x, dtype=np.float64) for x in (a, n, r, m))
    total = n + m
    share = (a + r) / total
    gap = (a * m - r * n) / total
    moved = np.copysign(np.maximum(np.abs(gap) - 0.5, 0.0), gap)
    expected = np.empty((4, *np.broadcast_shapes(share.shape, gap.shape)))
    np.multiply(n, share, out=expected[0, ...])
    np.subtract(n, expected[0], out=expected[1, ...])
    np.multiply(m, share, out=expected[2, ...])
    np.subtract(m, expected[2], out=expected[3, ...])
    observed = expected.copy()
    observed[::3] += moved
    observed[1:3] -= moved
    # an empty cell adds nothing: 0 ln(0 / 0) = 0
    np.maximum(expected, _TINY, out=expected)
    np.maximum(observed, _TINY, out=observed)
    deviance = 2.0 * (observed * np.log(observed / expected)).sum(axis=0)
    root: Floats = np.copysign(np.sqrt(np.maximum(deviance, 0.0)), gap)
    return root


def signed_root_nlp(a: npt.ArrayLike, n: npt.ArrayLike, r: npt.ArrayLike, m: npt.ArrayLike) -> Floats:
    """Return -ln of the one-sided p-value of the direction that a / n lies in from r / m, in nats.

    ln 2 when the shares are equal. The tail is taken in logarithms, so it never underflows.
    """
    nlp: Floats = -log_ndtr(-np.abs(signed_root(a, n, r, m)))
    return nlp


def class_evidence(
    a: Floats,
    n: Floats,
    r: Floats,
    m: float,
    *,
    lengths: npt.NDArray[np.int64],
    log_weights: Floats,
    tolerance: float = 0.0,
    tolerance_abs: float = 0.0,
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the evidence of every cell in nats (may be negative) and whether the share rose.

    Parameters
    ----------
    a : float64 array of shape (..., n_categories)
        Items per window and category.
    n, lengths : arrays of shape (..., 1)
        Items and buckets per window.
    r : float64 array of shape (n_categories,)
        The reference's counts, of `m` items.
    log_weights : float64 array of shape (2, n_categories)
        Logarithm of `class_weights`.
    tolerance, tolerance_abs : float
        A change of the share within this ratio, or within this difference, is no evidence: the larger of the
        two counts is lowered by whichever lowers it more.
    """
    rises = a * m > r * n
    if tolerance or tolerance_abs:
        fewer = np.maximum(np.minimum(a / (1.0 + tolerance), a - tolerance_abs * n), 0.0)
        lower = np.maximum(np.minimum(r / (1.0 + tolerance), r - tolerance_abs * m), 0.0)
        root = signed_root(np.where(rises, fewer, a), n, np.where(rises, r, lower), m)
    else:
        root = signed_root(a, n, r, m)
    towards = np.maximum(np.where(rises, root, -root), 0.0)
    evidence = np.log(lengths) - log_ndtr(-towards) + np.where(rises, log_weights[0], log_weights[1])
    # a long window must not count as evidence when the shares agree within the tolerance
    return np.where(towards > 0.0, evidence, 0.0), rises


def scan(
    windows: WindowSet,
    reference: npt.NDArray[np.int64],
    *,
    weights: Weights,
    tolerance: float = 0.0,
    tolerance_abs: float = 0.0,
    whole_mix: float = 0.0,
) -> ScanResult:
    """Compare every window with the reference; see the module and `class_evidence`.

    Parameters
    ----------
    windows : WindowSet
        At least one window, none of them empty.
    reference : int64 array of shape (n_categories,)
        At least one item.
    weights : float64 array of shape (2, n_categories)
        From `class_weights`; a category with weight 0 is not tested.
    whole_mix : float
        Budget of the mix as a whole; 0 leaves that test out. It knows no tolerance.
    """
    tested = weights.any(axis=0)
    cells, rose = class_evidence(
        windows.counts[:, tested].astype(np.float64),
        windows.items[:, None].astype(np.float64),
        reference[tested].astype(np.float64),
        float(reference.sum()),
        lengths=windows.lengths[:, None],
        log_weights=np.log(weights[:, tested]),
        tolerance=tolerance,
        tolerance_abs=tolerance_abs,
    )
    shape = windows.counts.shape
    evidence, rises = np.zeros(shape), np.zeros(shape, dtype=np.bool_)
    evidence[:, tested] = np.maximum(cells, 0.0)
    rises[:, tested] = rose
    per_window = evidence.max(axis=1)
    if whole_mix > 0.0 and shape[1] > 2:
        per_window = np.maximum(per_window, whole_mix_evidence(windows, reference) + math.log(whole_mix))
    window = int(per_window.argmax())
    best = evidence.argmax(axis=0)
    columns = np.arange(shape[1])
    return ScanResult(
        statistic=float(per_window[window]),
        window=window,
        evidence=evidence[best, columns],
        rises=rises[best, columns],
        strongest=evidence[window],
        strongest_rises=rises[window],
    )


def formula_threshold(n_buckets: float, max_window: float, constant: float = THRESHOLD_CONSTANT) -> float:
    """Return the statistic that independent traffic exceeds at most once in `n_buckets` buckets on average.

    ln N + ln(9 max(log2 min(N, max_window), 1)): one term for the places a window can be, one for the number
    of window lengths. It is conservative. The constant was 7 for the scan alone and 9 covers what dependence
    between neighbouring windows adds.

    Examples
    --------
    >>> round(formula_threshold(100_000, 100_000), 2)
    16.52
    """
    if n_buckets < 1 or max_window < 1:
        raise ValueError(f"threshold for {n_buckets} buckets, window {max_window}: both must be at least 1")
    scales = max(math.log2(min(n_buckets, max_window)), 1.0)
    return math.log(n_buckets) + math.log(constant * scales)
