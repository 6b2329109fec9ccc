"""What do others' detectors do on the same streams: window rules, and a CUSUM that is told everything?"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

import numpy as np
from scipy.special import chdtrc, xlogy

from benchmarks.drift_problems import Counts, Floats

Distance = Callable[[Counts, Floats], Floats]


class Runs(Protocol):
    """A detector over many runs side by side; `step` returns each run's statistic, larger is more drift."""

    def step(self, counts: Counts) -> Floats:
        """Take in the next bucket of every run."""
        ...


class WindowRuns:
    """A distance from the reference, taken at the end of every tumbling window.

    Runs begin their windows at different phases, as a change does not wait for the beginning of a window.
    """

    def __init__(self, references: Counts, *, window: int, bucket_items: int, distance: Distance) -> None:
        self._reference = references.astype(np.float64)
        self._distance = distance
        self._buckets = window // bucket_items
        self._missing = 1 + np.arange(len(references)) % self._buckets
        self._first = np.ones(len(references), dtype=np.bool_)
        self._held = np.zeros_like(references)

    def step(self, counts: Counts) -> Floats:
        """Return the distance in runs whose window is full, else 0; the first, cut short, is left out."""
        self._held = self._held + counts
        self._missing = self._missing - 1
        full = self._missing == 0
        whole = full & ~self._first
        found = np.zeros(len(counts))
        if whole.any():
            found[whole] = self._distance(self._held[whole], self._reference[whole])
        self._held[full] = 0
        self._missing[full] = self._buckets
        self._first &= ~full
        return found


class OracleRuns:
    """CUSUM of the log likelihood ratio, told both mixes."""

    def __init__(self, before: Floats, after: Floats, *, runs: int) -> None:
        self._ratio = np.log(after / before)
        self._sum = np.zeros(runs)

    def step(self, counts: Counts) -> Floats:
        """Return the sum, never below 0 at the end of a bucket."""
        self._sum = np.maximum(self._sum + counts @ self._ratio, 0.0)
        return self._sum


def chi_square(window: Counts, reference: Floats) -> Floats:
    """Return -ln p of the two-sample chi-square test per run."""
    a, r = window.astype(np.float64), reference
    n, m = a.sum(axis=1, keepdims=True), r.sum(axis=1, keepdims=True)
    seen = a + r > 0
    x2 = np.where(seen, (a * m - r * n) ** 2 / np.where(seen, n * m * (a + r), 1.0), 0.0).sum(axis=1)
    nlp: Floats = -np.log(np.maximum(chdtrc(np.maximum(seen.sum(axis=1) - 1, 1), x2), 1e-300))
    return nlp


def population_stability(window: Counts, reference: Floats) -> Floats:
    """Return the population stability index per run in nats, half an item added to every count."""
    p, q = _smoothed(reference), _smoothed(window)
    index: Floats = ((q - p) * np.log(q / p)).sum(axis=1)
    return index


def jensen_shannon(window: Counts, reference: Floats) -> Floats:
    """Return the Jensen-Shannon divergence per run in nats, half an item added to every count."""
    p, q = _smoothed(reference), _smoothed(window)
    middle = (p + q) / 2.0
    divergence: Floats = (xlogy(p, p / middle) + xlogy(q, q / middle)).sum(axis=1) / 2.0
    return divergence


def kolmogorov_smirnov(window: Counts, reference: Floats) -> Floats:
    """Return the largest gap of the cumulative shares per run, classes in their order, in deviations."""
    n, m = window.sum(axis=1), reference.sum(axis=1)
    apart = np.cumsum(window, axis=1) / n[:, None] - np.cumsum(reference, axis=1) / m[:, None]
    largest: Floats = np.abs(apart).max(axis=1) * np.sqrt(n * m / (n + m))
    return largest


def follow(runs: Runs, buckets: Iterable[Counts]) -> Floats:
    """Return the statistic of every bucket and run."""
    return np.array([runs.step(counts) for counts in buckets])


def _smoothed(counts: Counts | Floats) -> Floats:
    raised = counts + 0.5
    shares: Floats = raised / raised.sum(axis=1, keepdims=True)
    return shares


DISTANCES: Final[Mapping[str, Distance]] = {
    "chi-square": chi_square,
    "PSI": population_stability,
    "JS": jensen_shannon,
    "KS": kolmogorov_smirnov,
}
