"""Gate: do new priors explain the live traffic, or do items of a class look different from before?

Goodness of fit of the mixture. Two sums of squared misfits, each over its variance from live items and
validation rows both (Pearson's X2 with two samples): over the cells of the reference, and over its quarters.
With few rows a class there is one cell for each, which any traffic fits; the quarters are then what speaks.
What chance makes of either is read off the parametric bootstrap of both sides, as a scaled chi-square with
the mean and the variance of the draws. The smaller of the two p-values counts, doubled (Bonferroni).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import gammaincc, gammainccinv

from model_store.calibrating.calibration import Float64s
from model_store.joint_cells import MOST_BINS
from monitoring.meaning.both_sides import MixtureFit

LEVEL: Final = 0.05
_NO_MISFIT: Final = 1e-9  # of a statistic that is about the number of bins otherwise


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a shift of the class mix alone explains the traffic.

    Attributes
    ----------
    passed : bool or None
        None where the reference has too few rows to tell.
    p : float or None
        Probability of a worse fit under a shift of the mix alone.
    unfamiliar : float or None
        Share of items that no class answers with confidence, spread over all classes, that would be noticed
        half of the time; what is less is not seen. None where no share would.
    """

    passed: bool | None
    p: float | None
    unfamiliar: float | None


@dataclass(frozen=True, slots=True, eq=False)
class _Misfit:
    """One way to add joint bins up, and what chance makes of the statistic there."""

    add_up: Callable[[Float64s], Float64s]
    variance: Float64s
    shape: float
    scale: float

    def statistic(self, misfit: Float64s) -> float:
        return float((self.add_up(misfit) ** 2 / self.variance).sum())

    def p_value(self, statistic: float) -> float:
        return float(gammaincc(self.shape, statistic / self.scale))

    def critical(self, level: float) -> float:
        return float(gammainccinv(self.shape, level)) * self.scale


def gate(fit: MixtureFit) -> Gate:
    """Return whether the fitted mixture explains the live items."""
    reference = fit.reference
    ways = [reference.quarters]
    if len(reference.starts) > np.count_nonzero(reference.counts):
        ways.append(reference.cells)
    if len(reference.labels) < MOST_BINS:
        return Gate(None, None, None)
    # Where every draw fits to the last bit, as of classes that share no bin, there is no misfit to test.
    tests = [test for way in ways if (test := _misfit(fit, way)) is not None]
    if not tests:
        return Gate(None, None, None)
    observed = fit.shares - fit.priors @ fit.components
    p = min(1.0, len(tests) * min(test.p_value(test.statistic(observed)) for test in tests))
    return Gate(p > LEVEL, p, _unfamiliar(fit, tests))


def _misfit(fit: MixtureFit, add_up: Callable[[Float64s], Float64s]) -> _Misfit | None:
    components = add_up(fit.components)
    misfits = add_up(fit.noise) - (fit.draws - fit.priors) @ components
    null = (misfits**2 / _variance(fit, components, fit.draws)).sum(axis=1)
    mean, variance = float(null.mean()), max(float(null.var(ddof=1)), np.finfo(np.float64).tiny)
    if mean < _NO_MISFIT:
        return None
    return _Misfit(add_up, _variance(fit, components, fit.priors), mean**2 / variance, variance / mean)


def _variance(fit: MixtureFit, components: Float64s, priors: Float64s) -> Float64s:
    """Return the variance of each bin's misfit, shape (..., n_bins): of live items and of validation rows."""
    counts = np.maximum(fit.reference.counts, 1)
    # A bin without rows has a share of at most about one row: an item there is no proof of anything.
    floor = 1.0 / len(fit.reference.labels) ** 2 + 1.0 / fit.items**2
    return np.maximum(priors @ components / fit.items + (priors**2 / counts) @ components, floor)


def _unfamiliar(fit: MixtureFit, tests: list[_Misfit]) -> float | None:
    """Return the share of unfamiliar items whose misfit alone would be at the critical value."""
    reference = fit.reference
    added = np.zeros((len(reference.classes), MOST_BINS))
    added[:, 0] = reference.histograms.sum(axis=0).reshape(-1, MOST_BINS).sum(axis=1)
    spread = added.ravel() / added.sum()
    shares = [_noticed(fit, spread, test, LEVEL / len(tests)) for test in tests]
    found = min(shares)
    return found if found < 1.0 else None


def _noticed(fit: MixtureFit, spread: Float64s, test: _Misfit, level: float) -> float:
    misfit = test.statistic(spread - fit.reference.cells(spread) @ fit.newton @ fit.components)
    excess = max(test.critical(level) - test.shape * test.scale, 0.0)  # 0: no misfit is chance
    return float(np.sqrt(excess / misfit)) if misfit > 0.0 else np.inf
