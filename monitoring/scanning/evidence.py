"""How much evidence is one cell, a column in a window: exactly, and at most?"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

from monitoring.scanning.budget import Weights
from monitoring.scanning.deviance import negative_binomial_deviance, normal_score, signed_root
from monitoring.scanning.dispersion import Dispersion, Inflation
from monitoring.scanning.gaps import Gaps
from monitoring.scanning.spans import Floats
from monitoring.scanning.whole_mix import Mix, Reference

# Birnbaum's inequality, 1 - Phi(z) >= 2 phi(z) / (z + sqrt(z^2 + 4)), with a tangent in place of its log:
# -ln(1 - Phi(z)) <= z^2 / 2 + _SLOPE z + _OFFSET
_SLOPE, _OFFSET = 0.35356, 1.09322
_NOTHING: Final = 1e9  # nats: what has no share of the budget
_ROUNDING: Final = 1e-6  # added to bounds: what is exact is summed in another order


@dataclass(frozen=True, eq=False)
class Yardstick:
    """What windows are compared with, column by column, and how strictly.

    Attributes
    ----------
    counts, items : float64 arrays of shape (n_columns,)
        The reference; a column without items is not tested.
    weights : float64 array of shape (2, n_columns)
        Share of the false-alarm budget for rises and for falls; a column with weight 0 is not tested.
    tolerance, tolerance_abs : float64 arrays of shape (n_columns,)
        A change of the share within this ratio, or within this difference, is no evidence: the larger of the
        two counts is lowered by whichever lowers it more.
    dispersion : Dispersion, optional
        How much more than independent items the counts vary.
    mixes : tuple of Mix
        Mixes that are also tested as a whole.
    level : float
        Evidence at which an alarm is raised, see `priced`; by default shares of the budget are their price.
    relief : float64 array of shape (n_columns,), optional
        Nats by which a rise is asked for less than a fall, where it cannot be what the threshold allows for.
    """

    counts: Floats
    items: Floats
    weights: Weights
    tolerance: Floats
    tolerance_abs: Floats
    dispersion: Dispersion | None = None
    mixes: tuple[Mix, ...] = ()
    level: float = math.inf
    relief: Floats | float = 0.0

    def inflation(self, lengths: npt.NDArray[np.int64]) -> Inflation | None:
        """Return the variance inflation of windows; None where items are independent."""
        if self.dispersion is None or self.dispersion.independent:
            return None
        return self.dispersion.at(lengths)

    @cached_property
    def tested(self) -> npt.NDArray[np.bool_]:
        """Columns with a budget and a reference."""
        tested: npt.NDArray[np.bool_] = (self.items > 0.0) & self.weights.any(axis=0)
        return tested

    @cached_property
    def log_weights(self) -> Floats:
        """What `weights` cost, less the relief of rises; -inf where there is nothing to test."""
        with np.errstate(divide="ignore"):
            found = self.priced(np.log(self.weights * self.tested))
        found[0] += self.relief
        return found

    def priced(self, log_share: Floats) -> Floats:
        """Return what a share of the budget costs in nats, from its logarithm.

        A column with a share w is asked for ln(1 / w) nats more than one that has all of it, and the higher
        the level the more occasions chance has: windows that begin and end at any bucket exceed x nats about
        x^2 exp(-x) times (Siegmund and Yakir 2000, "Tail probabilities for the null distribution of scanning
        statistics"). So w is worth w (1 + ln(1 / w) / level)^-2, to first order.
        """
        return log_share - 2.0 * np.log1p(np.minimum(-log_share, _NOTHING) / self.level)

    @cached_property
    def tested_log_weights(self) -> Floats:
        """`log_weights`, and a finite price beyond all evidence where there is nothing to test."""
        return np.maximum(self.log_weights, -_NOTHING)

    @cached_property
    def safe_items(self) -> Floats:
        """`items`, 1 where there are none."""
        return np.where(self.items > 0.0, self.items, 1.0)

    @cached_property
    def narrow_items(self) -> Floats:
        """`safe_items`, of shape (1,) where all columns have the same."""
        items = self.safe_items
        return items[:1] if (items == items[:1]).all() else items

    @cached_property
    def log_budgets(self) -> tuple[float, ...]:
        """What the budgets of the mixes cost."""
        return tuple(float(self.priced(np.log(mix.budget))) for mix in self.mixes)

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """What each of the mixes is compared with as a whole."""
        return tuple(self._reference(slice(mix.start, mix.stop)) for mix in self.mixes)

    @cached_property
    def shares(self) -> Floats:
        """Reference shares, 0 where there are no items."""
        return self.counts * (self.items > 0.0) / self.safe_items

    def _reference(self, columns: slice) -> Reference:
        return Reference.of(
            self.counts[columns],
            self.items[columns],
            tolerance=self.tolerance[columns],
            tolerance_abs=self.tolerance_abs[columns],
        )


def class_evidence(
    a: npt.ArrayLike,
    n: npt.ArrayLike,
    r: npt.ArrayLike,
    m: npt.ArrayLike,
    *,
    lengths: npt.ArrayLike,
    log_weights: Floats,
    tolerance: npt.ArrayLike = 0.0,
    tolerance_abs: npt.ArrayLike = 0.0,
    phi: npt.ArrayLike = 1.0,
    phi_reference: npt.ArrayLike = 1.0,
    nu: npt.ArrayLike = np.inf,
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the evidence of every cell in nats (may be negative) and whether the share rose.

    Everything broadcasts, so that many runs may be taken side by side.

    Parameters
    ----------
    a, n, lengths : arrays, usually of shape (n_windows, n_columns), (n_windows, 1), (n_windows, 1)
        Counts, items and buckets per window; items are positive.
    r, m : arrays, usually of shape (n_columns,)
        The reference's counts and items.
    log_weights : float64 array of shape (2, ...)
        Logarithm of the budget for rises and for falls.
    tolerance, tolerance_abs : arrays
        A change of the share within this ratio, or within this difference, is no evidence: the larger of the
        two counts is lowered by whichever lowers it more.
    phi, phi_reference, nu : arrays
        Variance inflation of window and reference, and the degrees of freedom it was estimated with. The
        smaller of two deviances is taken: of binomials with so many times fewer items, and of a negative
        binomial, whose tail is that of clumps.
    """
    a, n, r, m, phi, phi_reference, nu, ratio, gap = (
        np.asarray(x, dtype=np.float64)
        for x in (a, n, r, m, phi, phi_reference, nu, tolerance, tolerance_abs)
    )
    rises = a * m > r * n
    fewer, lower = a / (1.0 + ratio * rises), r / (1.0 + ratio * ~rises)
    if gap.any():
        fewer = np.maximum(np.minimum(fewer, a - gap * rises * n), 0.0)
        lower = np.maximum(np.minimum(lower, r - gap * ~rises * m), 0.0)
    a, r = fewer, lower
    root = signed_root(
        a / phi, n / phi, r / phi_reference, m / phi_reference, counted=(phi == 1.0) & (phi_reference == 1.0)
    )
    towards = np.maximum(np.where(rises, root, -root), 0.0)
    if (phi > 1.0).any():
        clumped = negative_binomial_deviance(a, n, r, m, phi=phi, phi_reference=phi_reference)
        towards = normal_score(np.minimum(towards, np.sqrt(clumped)), nu)
    evidence = np.log(lengths) - log_ndtr(-towards) + np.where(rises, log_weights[0], log_weights[1])
    # a long window must not count as evidence when the shares agree within the tolerance
    return np.where(towards > 0.0, evidence, 0.0), rises


def gaps(a: Floats, n: Floats, yardstick: Yardstick, inflation: Inflation | None) -> Gaps:
    """Return how far every cell lies from the reference; a cell without items lies nowhere.

    Parameters
    ----------
    a : float64 array of shape (n_windows, n_columns)
    n : float64 array of shape (n_windows, n_columns) or (n_windows, 1)
    """
    m, there = yardstick.narrow_items, n > 0.0
    if there.all():
        share = a / n
    else:
        n = np.where(there, n, 1.0)
        share = np.where(there, a / n, yardstick.shares)
    if inflation is not None:
        n, m = n / inflation.phi, m / inflation.reference
    return Gaps.between(
        share,
        yardstick.shares,
        n=n,
        m=m,
        tolerance=yardstick.tolerance,
        tolerance_abs=yardstick.tolerance_abs,
    )


def evidence_bound(
    deviance: Floats,
    rises: npt.NDArray[np.bool_],
    *,
    log_lengths: Floats,
    log_weights: Floats,
) -> Floats:
    """Return what `class_evidence` gives at most, without a logarithm a cell; 0 where it gives nothing.

    Continuity, the negative binomial and degrees of freedom only lower it. Masks are multiplied with: half of
    the cells rise, and a processor that has to choose guesses in vain which.

    Parameters
    ----------
    deviance : float64 array of shape (n_windows, n_columns)
        What it is at most, see `Gaps.squares`.
    rises : bool array of the same shape
    log_lengths : float64 array of shape (n_windows, 1)
    log_weights : float64 array of shape (2, n_columns)
        Finite, see `Yardstick.tested_log_weights`.
    """
    bound = tail_bound(deviance)
    bound += log_weights[1]
    bound += rises * (log_weights[0] - log_weights[1])
    bound += log_lengths
    bound *= deviance > 0.0
    return bound


def tail_bound(deviance: Floats) -> Floats:
    """Return what -ln of the normal tail beyond the root of a deviance is at most, in nats."""
    bound = np.sqrt(deviance)
    bound *= _SLOPE
    bound += 0.5 * deviance
    bound += _OFFSET + _ROUNDING
    return bound
