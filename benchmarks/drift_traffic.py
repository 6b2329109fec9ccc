"""How does traffic arrive that is not independent, although its mix does not change?

Each kind yields the counts of consecutive buckets of equal size, cut from a sequence of items. The long-run
mix is the problem's in all of them: an alarm is false. Numbers a reader may want to change are constants.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.drift_problems import Problem

Series = npt.NDArray[np.int32]  # (n_buckets, n_runs, n_classes)
Sizes = Callable[[int, np.random.Generator], npt.NDArray[np.int64]]

REPEATS: Final = 4.0  # mean arrivals of an item, geometric
STAY: Final = 0.5  # Markov: the next item is of the same class for no other reason than that
SEASON: Final = 0.2  # a class's share swings by this ratio
PERIOD_ITEMS: Final = 20_000  # a day
PARETO_ALPHA: Final = 1.5  # an item arrives at least x times with probability x ** -alpha; no cap
BURST_ITEMS: Final = 100
BURST_EVERY: Final = 10_000  # items between two bursts on average


def independent(problem: Problem, runs: int, items: int, rng: np.random.Generator) -> Series:
    """Every item is drawn on its own."""
    return _cut(problem, [_classes(problem, items, rng) for _ in range(runs)], items)


def repeats(problem: Problem, runs: int, items: int, rng: np.random.Generator) -> Series:
    """Every item arrives a geometric number of times in a row, `REPEATS` on average: retries."""
    return _repeated(problem, runs, items, rng, lambda n, r: r.geometric(1.0 / REPEATS, n))


def markov(problem: Problem, runs: int, items: int, rng: np.random.Generator) -> Series:
    """Draw an item anew, or with probability `STAY` give it the class of the one before it."""
    return _repeated(problem, runs, items, rng, lambda n, r: r.geometric(1.0 - STAY, n))


def pareto(problem: Problem, runs: int, items: int, rng: np.random.Generator) -> Series:
    """Every item arrives a Pareto number of times in a row: the variance is infinite."""
    return _repeated(
        problem,
        runs,
        items,
        rng,
        lambda n, r: np.floor((1.0 - r.random(n)) ** (-1.0 / PARETO_ALPHA)).astype(np.int64),
    )


def bursts(problem: Problem, runs: int, items: int, rng: np.random.Generator) -> Series:
    """Independent items; now and then one of them arrives `BURST_ITEMS` times in a row."""
    return _burst(problem, runs, items, rng, problem.shares)


def bursts_of_any_class(problem: Problem, runs: int, items: int, rng: np.random.Generator) -> Series:
    """Bursts whose class is any of the classes with equal chance, so mostly a rare one."""
    return _burst(problem, runs, items, rng, np.full(len(problem.shares), 1.0 / len(problem.shares)))


def season(problem: Problem, runs: int, items: int, rng: np.random.Generator) -> Series:
    """Independent items of a mix that swings over the day, each class at a phase of its own.

    The most common class takes what the others leave.
    """
    buckets = items // problem.bucket_items
    angle = 2.0 * np.pi * np.arange(buckets) * problem.bucket_items / PERIOD_ITEMS
    common = int(np.argmax(problem.shares))
    phase = rng.uniform(0.0, 2.0 * np.pi, (runs, len(problem.shares)))
    counts = np.empty((buckets, runs, len(problem.shares)), dtype=np.int32)
    for t in range(buckets):
        shares = problem.shares * (1.0 + SEASON * np.sin(angle[t] + phase))
        shares[:, common] += 1.0 - shares.sum(axis=1)
        counts[t] = rng.multinomial(problem.bucket_items, shares)
    return counts


TRAFFIC: Final[Mapping[str, Callable[[Problem, int, int, np.random.Generator], Series]]] = {
    "independent": independent,
    "repeats x4": repeats,
    "Markov .5": markov,
    "season +-20 %": season,
    "Pareto repeats": pareto,
    "bursts of 100": bursts,
    "bursts, any class": bursts_of_any_class,
}


def _repeated(problem: Problem, runs: int, items: int, rng: np.random.Generator, sizes: Sizes) -> Series:
    def sequence() -> npt.NDArray[np.int64]:
        times = sizes(items, rng)
        needed = int(np.searchsorted(np.cumsum(times), items)) + 1
        return np.repeat(_classes(problem, needed, rng), times[:needed])[:items]

    return _cut(problem, [sequence() for _ in range(runs)], items)


def _burst(
    problem: Problem, runs: int, items: int, rng: np.random.Generator, shares: npt.NDArray[np.float64]
) -> Series:
    def sequence() -> npt.NDArray[np.int64]:
        drawn = _classes(problem, items, rng)
        starts = np.flatnonzero(rng.random(items) < 1.0 / BURST_EVERY)
        drawn[starts] = rng.choice(len(shares), size=len(starts), p=shares)
        times = np.ones(items, dtype=np.int64)
        times[starts] = BURST_ITEMS
        return np.repeat(drawn, times)[:items]

    return _cut(problem, [sequence() for _ in range(runs)], items)


def _classes(problem: Problem, items: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    edges = np.cumsum(problem.shares)[:-1]
    return np.searchsorted(edges, rng.random(items), side="right")


def _cut(problem: Problem, sequences: list[npt.NDArray[np.int64]], items: int) -> Series:
    """Return counts per bucket of whole sequences; what does not fill the last bucket is left out."""
    buckets, classes = items // problem.bucket_items, len(problem.shares)
    counts = np.empty((buckets, len(sequences), classes), dtype=np.int32)
    bucket = np.repeat(np.arange(buckets), problem.bucket_items) * classes
    for run, sequence in enumerate(sequences):
        cells = bucket + sequence[: len(bucket)]
        counts[:, run] = np.bincount(cells, minlength=buckets * classes).reshape(buckets, classes)
    return counts
