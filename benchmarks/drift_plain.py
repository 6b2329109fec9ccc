"""What does the scan for independent items alone do, which the service's own has to keep up with?

The same penalty for a window's length, half as many windows, and a threshold that goes with them; with no
estimate of how much more than independent items a baseline varies, no burst or clump set aside, shares of the
budget at their price, normal tails of signed roots, and Pearson's statistic for the mix as a whole. It alarms
in most runs of traffic that is not independent; where traffic is, nothing of the rest is needed.
"""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from scipy.special import log_ndtr

from benchmarks.drift_problems import Floats
from monitoring.scanning.deviance import binomial_deviance
from monitoring.scanning.scan import formula_threshold
from monitoring.scanning.windows import Counts, Windows

CAP: Final = 4  # windows a power of two
CONSTANT: Final = 7.0  # of the formula's threshold
RISES: Final = 0.75  # share of a class's budget
WHOLE: Final = 0.3  # share of the budget that the mix as a whole has
POOLED_ITEMS: Final = 5.0


@dataclass(eq=False)
class PlainScan:
    """One run against its reference, counts of shape (n_classes,)."""

    reference: Counts
    _windows: Windows = field(init=False)

    def __post_init__(self) -> None:
        self._windows = Windows(len(self.reference), cap=CAP)

    def step(self, counts: Counts) -> float:
        """Take in a bucket and return the largest evidence of all windows, classes and the mix, in nats."""
        self._windows.add(counts, start=0.0)
        windows = self._windows.suffixes()
        a, log_lengths = windows.counts.astype(np.float64), np.log(windows.lengths)
        r = self.reference.astype(np.float64)
        several = len(r) > 2
        largest = (_classes(a, r, several=several) + log_lengths[:, None]).max()
        if several:
            largest = max(largest, (_whole(a, r) + log_lengths + math.log(WHOLE)).max())
        return float(largest)


def plain_threshold(n_buckets: float) -> float:
    """Return the formula's threshold for at most one false alarm in so many buckets."""
    return formula_threshold(n_buckets, n_buckets, CONSTANT)


def _classes(a: Floats, r: Floats, *, several: bool) -> Floats:
    """Return -ln p of every class in every window, less the price of its share; of two, the rarer alone."""
    n, m = a.sum(axis=1, keepdims=True), r.sum()
    tested = slice(None) if several else slice(int(r.argmin()), int(r.argmin()) + 1)
    deviance, sign = binomial_deviance(a[:, tested], n, r[tested], m)
    share = (1.0 - WHOLE) / len(r) if several else 1.0
    return -log_ndtr(-np.sqrt(deviance)) + np.log(share * np.where(sign > 0.0, RISES, 1.0 - RISES))


def _whole(a: Floats, r: Floats) -> Floats:
    """Return -ln p of Pearson's statistic of each window, the rarest classes pooled.

    Its normal score is that of Wilson and Hilferty 1931.
    """
    order = np.argsort(r, kind="stable")
    a, r = a[:, order], r[order]
    n, m = a.sum(axis=1, keepdims=True), r.sum()
    share = (a + r) / (n + m)
    effective = n * m / (n + m)
    group = _groups(share * effective)
    cells = (group + np.arange(len(a))[:, None] * len(r)).ravel()
    gap, pooled = (
        np.bincount(cells, values.ravel(), minlength=a.size).reshape(a.shape)
        for values in (a / n - r / m, share)
    )
    there = pooled > 0.0
    squares = np.where(there, gap**2 / np.where(there, pooled, 1.0), 0.0).sum(axis=1) * effective[:, 0]
    df = np.maximum(there.sum(axis=1) - 1.0, 1.0)
    b = 2.0 / (9.0 * df)
    z = (np.cbrt(squares / df) - (1.0 - b)) / np.sqrt(b)
    return np.where(z > 0.0, -log_ndtr(-z), -np.inf)


def _groups(items: Floats) -> Counts:
    """Return the group of each class of each window: a new one whenever the last holds enough items."""
    group = np.zeros(items.shape, dtype=np.int64)
    current, held = np.zeros(len(items), dtype=np.int64), np.zeros(len(items))
    for k, mine in enumerate(items.T):
        group[:, k] = current
        held += mine
        full = held >= POOLED_ITEMS
        current += full
        held[full] = 0.0
    # what is left over joins the last group that is full
    return np.minimum(group, np.maximum(current - 1, 0)[:, None])
