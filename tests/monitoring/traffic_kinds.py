"""Counts of traffic, independent or not, and the windows they make, for the tests of the scan."""

import numpy as np
import numpy.typing as npt

from monitoring.scanning.windows import Windows, WindowSet

Series = npt.NDArray[np.int64]  # (n_buckets, n_classes)


def repeated(
    shares: npt.ArrayLike, buckets: int, items: int, rng: np.random.Generator, *, times: float = 4.0
) -> Series:
    """Return buckets of about `items` items, each of which arrives a geometric number of times.

    With four times on average the variance is seven times that of independent items.
    """
    distinct = rng.multinomial(round(items / times), np.asarray(shares), size=buckets)
    again = rng.negative_binomial(np.maximum(distinct, 1), 1.0 / times)
    return np.where(distinct > 0, distinct + again, 0)


def walking(buckets: int, items: int, rng: np.random.Generator) -> Series:
    """Return two classes whose shares wander about slowly, as slowly as the series is long."""
    level = np.cumsum(rng.normal(0.0, 0.01, buckets))
    share = 1.0 / (1.0 + np.exp(-level))
    first = rng.binomial(items, share)
    return np.stack([first, items - first], axis=1)


def swinging(
    buckets: int, items: int, rng: np.random.Generator, *, share: float, swing: float, cycles: float = 1.0
) -> Series:
    """Return two classes of independent items; the rarer's share goes up and down by the ratio `swing`."""
    angle = 2.0 * np.pi * cycles * np.arange(buckets) / buckets + rng.uniform(0.0, 2.0 * np.pi)
    rare = rng.binomial(items, share * (1.0 + swing * np.sin(angle)))
    return np.stack([items - rare, rare], axis=1)


def windows_of(buckets: npt.ArrayLike) -> WindowSet:
    """Return the windows after taking in `buckets`."""
    rows = np.asarray(buckets)
    windows = Windows(rows.shape[1])
    for number, counts in enumerate(rows):
        windows.add(counts, start=float(number))
    return windows.suffixes()
