"""How often does the scan alarm within 100,000 items of unchanged traffic, over fresh references?

The formula's threshold is set for a nominal rate of 5 % if items are independent. With `--repeats 4` every
item arrives four times on average (retries, duplicates): that is not covered, and this shows what it costs.

    python -m benchmarks.drift_false_alarms --problem all
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from benchmarks.drift_problems import HORIZON_ITEMS, NOMINAL, PROBLEMS, Counts, Floats, Problem, ScanRuns
from benchmarks.machine import machine_line

REFERENCES: Final = (500, 2_000, 20_000)
CONSTANTS: Final = (9.0, 7.0)
DEFAULT_RUNS: Final = {"A": 400, "B": 200, "C": 100}


def repeated(problem: Problem, runs: int, rng: np.random.Generator, *, repeats: float) -> Iterator[Counts]:
    """Yield buckets in which every item arrives a geometric number of times, `repeats` on average."""
    distinct = round(problem.bucket_items / repeats)
    for _ in range(HORIZON_ITEMS // problem.bucket_items):
        counts = rng.multinomial(distinct, problem.shares, size=runs)
        again = rng.negative_binomial(np.maximum(counts, 1), 1.0 / repeats)
        yield np.where(counts > 0, counts + again, 0)


def largest(
    problem: Problem, *, runs: int, reference: int, seed: int, tolerance: float = 0.0, repeats: float = 1.0
) -> Floats:
    """Return each run's largest statistic within 100,000 unchanged items; shape (n_runs,)."""
    rng = np.random.default_rng(seed)
    scan = ScanRuns(problem.references(runs, rng, reference), tolerance=tolerance)
    found = np.zeros(runs)
    independent = problem.calm(runs, HORIZON_ITEMS, rng)
    for counts in independent if repeats == 1.0 else repeated(problem, runs, rng, repeats=repeats):
        found = np.maximum(found, scan.step(counts))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--problem", choices=[*PROBLEMS, "all"], default="A")
    parser.add_argument("--runs", type=int, help=f"default {DEFAULT_RUNS}")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--tolerance", type=float, default=0.0, help="the service's default is 0.1")
    parser.add_argument("--repeats", type=float, default=1.0, help="mean arrivals of an item")
    options = parser.parse_args(arguments)
    print(machine_line())
    print(
        f"share of runs of 100,000 items with an alarm, nominal {NOMINAL}, tolerance {options.tolerance}, "
        f"every item {options.repeats:g} times on average, seed {options.seed}"
    )
    print("\n| problem | reference | runs | constant 9 | constant 7 | seconds |\n|---|---|---|---|---|---|")
    for name in PROBLEMS if options.problem == "all" else [options.problem]:
        problem, runs = PROBLEMS[name](), options.runs or DEFAULT_RUNS[name]
        for reference in REFERENCES:
            started = time.perf_counter()
            found = largest(
                problem,
                runs=runs,
                reference=reference,
                seed=options.seed,
                tolerance=options.tolerance,
                repeats=options.repeats,
            )
            rates = " | ".join(f"{(found >= problem.threshold(c)).mean():.3f}" for c in CONSTANTS)
            seconds = time.perf_counter() - started
            print(f"| {name} | {reference:,} | {runs} | {rates} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
