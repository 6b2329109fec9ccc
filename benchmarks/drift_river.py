"""How do river's Page-Hinkley and ADWIN, told which class to watch, do on the same problems?

They read one number an item (is it the class or not) and need no reference. Each is run at its default and at
the most sensitive setting of a grid whose false alarms in 100,000 unchanged items stay within 5 % of the
runs.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

import numpy as np
from river.drift import ADWIN, PageHinkley

from benchmarks.drift_delay import CALM_ITEMS, Delays
from benchmarks.drift_problems import HORIZON_ITEMS, NOMINAL, PROBLEMS, Problem
from benchmarks.machine import machine_line

PAGE_HINKLEY: Final = (50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 500.0)  # threshold; river's default first
ADWIN_DELTAS: Final = (2e-3, 1e-4, 1e-5, 1e-6, 1e-8, 1e-10)  # river's default first


class RiverDetector(Protocol):
    """What the two have in common."""

    @property
    def drift_detected(self) -> bool:
        """The last item raised an alarm."""
        ...

    def update(self, x: float) -> object:
        """Take in one item."""
        ...


SETTINGS: Final[Mapping[str, tuple[Callable[[], RiverDetector], ...]]] = {
    "Page-Hinkley": tuple(partial(PageHinkley, threshold=t) for t in PAGE_HINKLEY),
    "ADWIN": tuple(partial(ADWIN, delta=d) for d in ADWIN_DELTAS),
}


def first_alarm(detector: RiverDetector, items: list[int]) -> int | None:
    """Return after how many items the detector first alarms; None if it does not."""
    for number, item in enumerate(items, start=1):
        detector.update(item)
        if detector.drift_detected:
            return number
    return None


def measure(problem: Problem, change: str, *, runs: int, seed: int, items: int) -> dict[str, Delays]:
    """Return the delays of each detector, at its default and calibrated."""
    rng = np.random.default_rng(seed)
    k = problem.told[change]
    null = [_bernoulli(np.full(HORIZON_ITEMS, problem.shares[k]), rng) for _ in range(runs)]
    after = np.array([problem.changes[change](i)[k] for i in range(0, items, problem.bucket_items)])
    chances = np.concatenate([np.full(CALM_ITEMS, problem.shares[k]), np.repeat(after, problem.bucket_items)])
    streams = [_bernoulli(chances, rng) for _ in range(runs)]
    found = {}
    for name, settings in SETTINGS.items():
        found[f"{name}, default"] = _delays(settings[0], streams)
        for new in settings:
            if np.mean([first_alarm(new(), stream) is not None for stream in null]) <= NOMINAL:
                found[f"{name}, calibrated"] = _delays(new, streams)
                break
    return found


def _delays(new: Callable[[], RiverDetector], streams: list[list[int]]) -> Delays:
    firsts = [first_alarm(new(), stream) for stream in streams]
    late = [first for first in firsts if first is None or first > CALM_ITEMS]
    hits = [first - CALM_ITEMS for first in late if first is not None]
    mean = float(np.mean(hits)) if hits else float("inf")
    return Delays(mean, len(hits) / max(len(late), 1), 1.0 - len(late) / len(firsts))


def _bernoulli(chances: np.ndarray[tuple[int], np.dtype[np.float64]], rng: np.random.Generator) -> list[int]:
    hits: list[int] = (rng.random(len(chances)) < chances).astype(int).tolist()
    return hits


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--problem", choices=[*PROBLEMS], default="A")
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--items", type=int, default=40_000, help="followed after the change")
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args(arguments)
    problem = PROBLEMS[options.problem]()
    print(machine_line())
    print(f"problem {problem.name}: {options.runs} runs, seed {options.seed}, change after {CALM_ITEMS:,}\n")
    print("| detector, told the class | change | mean items | power | early |\n|---|---|---|---|---|")
    for change in problem.told:
        found = measure(problem, change, runs=options.runs, seed=options.seed, items=options.items)
        for name, row in found.items():
            print(f"| {name} | {change} | {row.mean:,.0f} | {row.power:.2f} | {row.early:.2f} |", flush=True)


if __name__ == "__main__":
    main()
