"""Which streams are the drift detectors measured on, and how are many runs simulated at once.

Three problems: A, two classes, 4 % positive; B, 30 classes, five of them below 1 %; C, 150 classes, Zipf.
Every run draws its own reference. Runs are simulated side by side: the windows of all runs have the same
lengths, so the service's own `Windows` and `class_evidence` take them in one call.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.budget import RISE_SHARE
from monitoring.scan import class_evidence, formula_threshold
from monitoring.windows import Windows

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]  # (n_runs, n_classes)
Mix = Callable[[int], Floats]  # items since the change -> shares

REFERENCE_ITEMS: Final = 20_000
HORIZON_ITEMS: Final = 100_000
NOMINAL: Final = 0.05  # accepted share of runs of HORIZON_ITEMS with a false alarm


@dataclass(frozen=True)
class Problem:
    """A mix of classes, how it arrives, and the changes it may undergo."""

    name: str
    shares: Floats
    bucket_items: int
    changes: Mapping[str, Mix]
    told: Mapping[str, int]  # the class a one-class detector is told to watch

    @property
    def n_buckets(self) -> float:
        """Buckets per false alarm that make the nominal rate NOMINAL in HORIZON_ITEMS."""
        return HORIZON_ITEMS / self.bucket_items / NOMINAL

    def threshold(self, constant: float) -> float:
        """Return the formula's threshold."""
        return formula_threshold(self.n_buckets, self.n_buckets, constant)

    def references(self, runs: int, rng: np.random.Generator, items: int = REFERENCE_ITEMS) -> Counts:
        """Return a fresh reference for every run."""
        return rng.multinomial(items, self.shares, size=runs)

    def calm(self, runs: int, items: int, rng: np.random.Generator) -> Iterator[Counts]:
        """Yield buckets without a change."""
        for _ in range(items // self.bucket_items):
            yield rng.multinomial(self.bucket_items, self.shares, size=runs)

    def changed(self, change: str, runs: int, items: int, rng: np.random.Generator) -> Iterator[Counts]:
        """Yield buckets after the change."""
        for bucket in range(items // self.bucket_items):
            shares = self.changes[change](bucket * self.bucket_items)
            yield rng.multinomial(self.bucket_items, shares, size=runs)


def times(shares: Floats, k: int, ratio: float) -> Floats:
    """Return the mix in which class `k` has `ratio` times its share and the others keep their proportions."""
    moved: Floats = shares * (1.0 - ratio * shares[k]) / (1.0 - shares[k])
    moved[k] = ratio * shares[k]
    return moved


def steady(shares: Floats) -> Mix:
    """Return a change that is there at once and stays."""
    return lambda _: shares


def problem_a() -> Problem:
    """Two classes, 4 % positive, 20 items a bucket."""
    shares = np.array([0.96, 0.04])
    changes = {name: steady(times(shares, 1, r)) for name, r in [("x2", 2.0), ("x3", 3.0), ("+30 %", 1.3)]}
    return Problem("A", shares, 20, changes, dict.fromkeys(changes, 1))


def problem_b() -> Problem:
    """30 classes, five below 1 %, 50 items a bucket; the rare class has 0.67 %, the common one 16 %."""
    rare = np.array([0.0067, 0.003, 0.004, 0.005, 0.008])
    falling = 0.16 * _ratio_for(0.16, 25, 1.0 - rare.sum()) ** np.arange(25)
    shares = np.concatenate([falling, rare])
    shares /= shares.sum()
    signs = np.where(np.arange(30) % 2, 1.15, 0.85)
    every = shares * signs / (shares * signs).sum()
    changes = {
        "rare x2": steady(times(shares, 25, 2.0)),
        "rare x3": steady(times(shares, 25, 3.0)),
        "common +30 %": steady(times(shares, 0, 1.3)),
        "every +-15 %": steady(every),
        "ramp to x3": lambda items: times(shares, 25, 1.0 + 2.0 * min(items / 20_000, 1.0)),
    }
    told = {name: 0 if name == "common +30 %" else 25 for name in changes}
    return Problem("B", shares, 50, changes, told)


def problem_c() -> Problem:
    """150 classes by Zipf's law, 50 items a bucket; the rare class is the 37th (0.48 %)."""
    shares = 1.0 / np.arange(1, 151)
    shares /= shares.sum()
    changes = {
        "rare x2": steady(times(shares, 36, 2.0)),
        "rare x3": steady(times(shares, 36, 3.0)),
        "common +30 %": steady(times(shares, 0, 1.3)),
    }
    return Problem("C", shares, 50, changes, {"rare x2": 36, "rare x3": 36, "common +30 %": 0})


PROBLEMS: Final = {"A": problem_a, "B": problem_b, "C": problem_c}


class ScanRuns:
    """The service's scan over many runs side by side; `step` returns each run's statistic."""

    def __init__(self, references: Counts, *, tolerance: float = 0.0, max_buckets: int | None = None) -> None:
        self._shape = references.shape
        tested = slice(None)
        if references.shape[1] == 2:
            tested = slice(1, 2)  # the rarer class in all three problems
        self._tested = tested
        self._reference = references[:, tested].astype(np.float64)
        self._items = float(references[0].sum())
        weight = 1.0 / self._reference.shape[1]
        split = np.array([[RISE_SHARE], [1.0 - RISE_SHARE]])
        self._log_weights = np.log(split * np.full(self._reference.shape[1], weight))
        self._tolerance = tolerance
        self._windows = Windows(references.size, max_buckets=max_buckets)

    def step(self, counts: Counts) -> Floats:
        """Take in the next bucket of every run."""
        self._windows.add(counts.ravel(), start=0.0)
        windows = self._windows.suffixes()
        by_run = windows.counts.reshape(-1, *self._shape)
        evidence, _ = class_evidence(
            by_run[:, :, self._tested].astype(np.float64),
            by_run.sum(axis=2, keepdims=True).astype(np.float64),
            self._reference,
            self._items,
            lengths=windows.lengths[:, None, None],
            log_weights=self._log_weights,
            tolerance=self._tolerance,
        )
        statistic: Floats = np.maximum(evidence, 0.0).max(axis=(0, 2))
        return statistic


def _ratio_for(first: float, n: int, total: float) -> float:
    """Return the ratio of a geometric series of `n` terms from `first` that sums to `total`."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if first * (middle ** np.arange(n)).sum() < total else (low, middle)
    return low
