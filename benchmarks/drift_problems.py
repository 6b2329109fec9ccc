"""Which streams are the drift detectors measured on, before and after which changes.

Three problems: A, two classes, 4 % positive; B, 30 classes, five of them below 1 %; C, 150 classes, Zipf.
Every run draws its own reference. `drift_traffic.py` has traffic that is not independent.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]  # (n_runs, n_classes)
Mix = Callable[[int], Floats]  # items since the change -> shares

REFERENCE_ITEMS: Final = 20_000
HORIZON_ITEMS: Final = 100_000
CALM_ITEMS: Final = 10_000  # before a change
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
    changes = {
        "rare x2": steady(times(shares, 25, 2.0)),
        "rare x3": steady(times(shares, 25, 3.0)),
        "common +30 %": steady(times(shares, 0, 1.3)),
        "every +-15 %": steady(_every_other(shares)),
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
        "every +-15 %": steady(_every_other(shares)),
    }
    told = {name: 36 if name.startswith("rare") else 0 for name in changes}
    return Problem("C", shares, 50, changes, told)


PROBLEMS: Final = {"A": problem_a, "B": problem_b, "C": problem_c}


def _every_other(shares: Floats) -> Floats:
    """Return the mix in which every second class has 15 % more and the others 15 % less."""
    moved: Floats = shares * np.where(np.arange(len(shares)) % 2, 1.15, 0.85)
    return moved / moved.sum()


def _ratio_for(first: float, n: int, total: float) -> float:
    """Return the ratio of a geometric series of `n` terms from `first` that sums to `total`."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if first * (middle ** np.arange(n)).sum() < total else (low, middle)
    return low
