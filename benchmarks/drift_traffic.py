"""How does traffic arrive that is not independent, although its mix does not change?

Each kind yields the counts of consecutive buckets of equal size, cut from a sequence of items. The long-run
mix is the problem's in all of them: an alarm is false. Numbers a reader may want to change are constants.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from benchmarks.drift_problems import Floats, Problem

Series = npt.NDArray[np.int32]  # (n_buckets, n_runs, n_classes)
Arrivals = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]  # class and arrivals in a row of each item
Traffic = Callable[[Problem, int, int, np.random.Generator], Series]
Sizes = Callable[[int, np.random.Generator], npt.NDArray[np.int64]]


class Kind(Protocol):
    """A kind of traffic."""

    def __call__(
        self, problem: Problem, runs: int, items: int, rng: np.random.Generator, *, once: bool = False
    ) -> Series:
        """Return the counts of `runs` runs; with `once`, of no item more than once."""
        ...


REPEATS: Final = 4.0  # mean arrivals of an item, geometric
STAY: Final = 0.5  # Markov: the next item is of the same class for no other reason than that
SEASON: Final = 0.2  # a class's share swings by this ratio
PERIOD_ITEMS: Final = 20_000  # a day
SEASON_KIND: Final = "season +-20 %"
DECLARED: Final = "season +-20 %, declared"  # the same traffic, and the detector is told the period
PARETO_ALPHA: Final = 1.5  # an item arrives at least x times with probability x ** -alpha; no cap
BURST_ITEMS: Final = 100
BURST_EVERY: Final = 10_000  # items between two bursts on average


def independent(problem: Problem, runs: int, items: int, rng: np.random.Generator) -> Series:
    """Every item is drawn on its own."""
    once = np.ones(items, dtype=np.int64)
    return _cut(problem, [(_classes(problem, items, rng), once) for _ in range(runs)], items, once=False)


def repeats(
    problem: Problem, runs: int, items: int, rng: np.random.Generator, *, once: bool = False
) -> Series:
    """Every item arrives a geometric number of times in a row, `REPEATS` on average: retries."""
    return _repeated(problem, runs, items, rng, lambda n, r: r.geometric(1.0 / REPEATS, n), once=once)


def markov(
    problem: Problem, runs: int, items: int, rng: np.random.Generator, *, once: bool = False
) -> Series:
    """Draw an item anew, or with probability `STAY` give it the class of the one before it."""
    return _repeated(problem, runs, items, rng, lambda n, r: r.geometric(1.0 - STAY, n), once=once)


def pareto(
    problem: Problem, runs: int, items: int, rng: np.random.Generator, *, once: bool = False
) -> Series:
    """Every item arrives a Pareto number of times in a row: the variance is infinite."""
    return _repeated(
        problem,
        runs,
        items,
        rng,
        lambda n, r: np.floor((1.0 - r.random(n)) ** (-1.0 / PARETO_ALPHA)).astype(np.int64),
        once=once,
    )


def bursts(
    problem: Problem, runs: int, items: int, rng: np.random.Generator, *, once: bool = False
) -> Series:
    """Independent items; now and then one of them arrives `BURST_ITEMS` times in a row."""
    return _burst(problem, runs, items, rng, problem.shares, once=once)


def bursts_of_any_class(
    problem: Problem, runs: int, items: int, rng: np.random.Generator, *, once: bool = False
) -> Series:
    """Bursts whose class is any of the classes with equal chance, so mostly a rare one."""
    return _burst(
        problem, runs, items, rng, np.full(len(problem.shares), 1.0 / len(problem.shares)), once=once
    )


def season(problem: Problem, runs: int, items: int, rng: np.random.Generator) -> Series:
    """Independent items of a mix that swings over the day, each class at a phase of its own.

    The most common class takes what the others leave.
    """
    return Season(_phases(problem, runs, rng))(problem, runs, items, rng)


@dataclass
class Season:
    """A season that goes on where it was when it is asked for the next items.

    Attributes
    ----------
    phase : float64 array of shape (n_runs, n_classes)
        In radians, that of the first item.
    items : int
        How many there were.
    """

    phase: Floats
    items: int = 0

    def __call__(self, problem: Problem, runs: int, items: int, rng: np.random.Generator) -> Series:
        """Return the counts of the next items of the first `runs` runs."""
        buckets = items // problem.bucket_items
        angle = 2.0 * np.pi * (self.items + np.arange(buckets) * problem.bucket_items) / PERIOD_ITEMS
        self.items += items
        common = int(np.argmax(problem.shares))
        counts = np.empty((buckets, runs, len(problem.shares)), dtype=np.int32)
        for t in range(buckets):
            shares = problem.shares * (1.0 + SEASON * np.sin(angle[t] + self.phase[:runs]))
            shares[:, common] += 1.0 - shares.sum(axis=1)
            counts[t] = rng.multinomial(problem.bucket_items, shares)
        return counts


def one_stream(kind: str, problem: Problem, rng: np.random.Generator) -> Traffic:
    """Return one run's traffic of a kind: what it is asked for next follows on what it gave."""
    return Season(_phases(problem, 1, rng)) if kind in {SEASON_KIND, DECLARED} else TRAFFIC[kind]


def _phases(problem: Problem, runs: int, rng: np.random.Generator) -> Floats:
    return rng.uniform(0.0, 2.0 * np.pi, (runs, len(problem.shares)))


def deduplicated(kind: Kind) -> Traffic:
    """Return traffic of a kind in which copies are not counted: every item once, where it first arrives."""

    def once(problem: Problem, runs: int, items: int, rng: np.random.Generator) -> Series:
        return kind(problem, runs, items, rng, once=True)

    return once


TRAFFIC: Final[Mapping[str, Traffic]] = {
    "independent": independent,
    "repeats x4": repeats,
    "Markov .5": markov,
    SEASON_KIND: season,
    "Pareto repeats": pareto,
    "bursts of 100": bursts,
    "bursts, any class": bursts_of_any_class,
    "repeats x4, deduplicated": deduplicated(repeats),
    "Pareto repeats, deduplicated": deduplicated(pareto),
    "bursts of 100, deduplicated": deduplicated(bursts),
}


def _repeated(
    problem: Problem, runs: int, items: int, rng: np.random.Generator, sizes: Sizes, *, once: bool
) -> Series:
    def arrivals() -> Arrivals:
        times = sizes(items, rng)
        needed = int(np.searchsorted(np.cumsum(times), items)) + 1
        return _classes(problem, needed, rng), times[:needed]

    return _cut(problem, [arrivals() for _ in range(runs)], items, once=once)


def _burst(
    problem: Problem,
    runs: int,
    items: int,
    rng: np.random.Generator,
    shares: npt.NDArray[np.float64],
    *,
    once: bool,
) -> Series:
    def arrivals() -> Arrivals:
        drawn = _classes(problem, items, rng)
        starts = np.flatnonzero(rng.random(items) < 1.0 / BURST_EVERY)
        drawn[starts] = rng.choice(len(shares), size=len(starts), p=shares)
        times = np.ones(items, dtype=np.int64)
        times[starts] = BURST_ITEMS
        return drawn, times

    return _cut(problem, [arrivals() for _ in range(runs)], items, once=once)


def _classes(problem: Problem, items: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    edges = np.cumsum(problem.shares)[:-1]
    return np.searchsorted(edges, rng.random(items), side="right")


def _cut(problem: Problem, runs: list[Arrivals], items: int, *, once: bool) -> Series:
    """Return counts per bucket of so many arrivals; what does not fill the last bucket is left out."""
    buckets, classes = items // problem.bucket_items, len(problem.shares)
    counts = np.empty((buckets, len(runs), classes), dtype=np.int32)
    bucket = np.repeat(np.arange(buckets), problem.bucket_items) * classes
    for run, (drawn, times) in enumerate(runs):
        cells = bucket + np.repeat(drawn, times)[: len(bucket)]
        if once:
            starts = np.cumsum(times) - times
            cells = cells[starts[starts < len(bucket)]]
        counts[:, run] = np.bincount(cells, minlength=buckets * classes).reshape(buckets, classes)
    return counts
