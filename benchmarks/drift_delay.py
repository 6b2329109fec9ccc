"""After how many items does each detector notice a change, at equal false-alarm rates?

Every detector is calibrated on the same runs without a change: its threshold is such that 5 % of runs of
100,000 items alarm, over fresh references. The scan is also shown at its formula's threshold, which needs no
such runs. The oracle is a CUSUM that is told the mix before and after the change. `drift_river.py` measures
one-class detectors on the same problems. Means are over the runs that found the change.

    python -m benchmarks.drift_delay --problem A --runs 200
"""

import argparse
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from scipy.special import chdtrc, xlogy

from benchmarks.drift_problems import (
    HORIZON_ITEMS,
    NOMINAL,
    PROBLEMS,
    Counts,
    Floats,
    Problem,
    ScanRuns,
)
from benchmarks.machine import machine_line

CALM_ITEMS: Final = 10_000
WINDOWS: Final = (200, 500, 1_000, 2_000)
CONSTANTS: Final = (9.0, 7.0)
DEFAULT_RUNS: Final = {"A": 200, "B": 60, "C": 24}
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


def _smoothed(counts: Counts | Floats) -> Floats:
    raised = counts + 0.5
    shares: Floats = raised / raised.sum(axis=1, keepdims=True)
    return shares


DISTANCES: Final[Mapping[str, Distance]] = {
    "chi-square": chi_square,
    "PSI": population_stability,
    "JS": jensen_shannon,
}


@dataclass
class Delays:
    """What one detector did after one change, over all runs."""

    mean: float
    power: float
    early: float

    def cell(self, oracle: float) -> str:
        """Return mean, ratio to the oracle's, and power and early alarms where they are not 1 and 0."""
        if not np.isfinite(self.mean):
            return "never"
        text = f"{self.mean:,.0f} ({self.mean / oracle:.1f}x)"
        if self.power < 1.0:
            text += f" power {self.power:.2f}"
        return text + (f" early {self.early:.2f}" if self.early else "")


def delays(calm: Floats, changed: Floats, *, threshold: float, bucket_items: int) -> Delays:
    """Return the delay from the change over the runs that were silent before it.

    Parameters
    ----------
    calm, changed : float64 arrays of shape (n_buckets, n_runs)
        The statistic before and after the change.
    """
    early = (calm >= threshold).any(axis=0)
    over = changed[:, ~early] >= threshold
    buckets = over.argmax(axis=0)[over.any(axis=0)] + 1
    mean = float(buckets.mean()) * bucket_items if len(buckets) else float("inf")
    return Delays(mean, len(buckets) / max(over.shape[1], 1), float(early.mean()))


def follow(runs: Runs, buckets: Iterable[Counts]) -> Floats:
    """Return the statistic of every bucket and run."""
    return np.array([runs.step(counts) for counts in buckets])


def detectors(problem: Problem, change: str, references: Counts) -> dict[str, Runs]:
    """Return all detectors that watch whole mixes, new."""
    after = problem.changes[change](HORIZON_ITEMS)
    found: dict[str, Runs] = {
        "oracle": OracleRuns(problem.shares, after, runs=len(references)),
        "scan": ScanRuns(references),
    }
    for name, distance in DISTANCES.items():
        for window in WINDOWS:
            found[f"{name} {window}"] = WindowRuns(
                references, window=window, bucket_items=problem.bucket_items, distance=distance
            )
    return found


def calibrated(problem: Problem, change: str, *, runs: int, seed: int) -> dict[str, float]:
    """Return each detector's threshold: the 95 % quantile of its maximum in runs without a change."""
    rng = np.random.default_rng(seed)
    watching = detectors(problem, change, problem.references(runs, rng))
    largest = dict.fromkeys(watching, np.zeros(runs))
    for counts in problem.calm(runs, HORIZON_ITEMS, rng):
        for name, detector in watching.items():
            largest[name] = np.maximum(largest[name], detector.step(counts))
    return {name: float(np.quantile(values, 1.0 - NOMINAL)) for name, values in largest.items()}


def measure(problem: Problem, change: str, *, runs: int, seed: int, items: int) -> dict[str, Delays]:
    """Return every detector's delays after `change`."""
    thresholds = calibrated(problem, change, runs=runs, seed=seed)
    rng = np.random.default_rng(seed + 1)
    watching = detectors(problem, change, problem.references(runs, rng))
    calm = list(problem.calm(runs, CALM_ITEMS, rng))
    changed = list(problem.changed(change, runs, items, rng))
    found = {}
    for name, detector in watching.items():
        before, after = follow(detector, calm), follow(detector, changed)

        def at(threshold: float, before: Floats = before, after: Floats = after) -> Delays:
            return delays(before, after, threshold=threshold, bucket_items=problem.bucket_items)

        found[name] = at(thresholds[name])
        if name == "scan":
            found["scan, calibrated"] = found.pop(name)
            found |= {f"scan, formula {c:g}": at(problem.threshold(c)) for c in CONSTANTS}
    return found


def table(results: Mapping[str, Mapping[str, Delays]]) -> str:
    """Return a Markdown table, one row a detector; of each window rule only the best window's row."""
    changes = list(results)
    lines = ["| detector | " + " | ".join(changes) + " |", "|---" * (len(changes) + 1) + "|"]
    names = [name for name in results[changes[0]] if name.partition(" ")[0] not in DISTANCES]
    for name in names:
        cells = [results[c][name].cell(results[c]["oracle"].mean) for c in changes]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for rule in DISTANCES:
        cells = [_best(results[c], rule) for c in changes]
        lines.append(f"| {rule}, best window | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _best(found: Mapping[str, Delays], rule: str) -> str:
    rows = {name: d for name, d in found.items() if name.startswith(f"{rule} ")}
    name = min(rows, key=lambda n: (-round(rows[n].power, 1), rows[n].mean))
    return f"{rows[name].cell(found['oracle'].mean)} W={name.split()[-1]}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--problem", choices=[*PROBLEMS, "all"], default="A")
    parser.add_argument("--runs", type=int, help=f"default {DEFAULT_RUNS}")
    parser.add_argument("--items", type=int, default=HORIZON_ITEMS, help="followed after the change")
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args(arguments)
    print(machine_line())
    for name in PROBLEMS if options.problem == "all" else [options.problem]:
        problem, runs = PROBLEMS[name](), options.runs or DEFAULT_RUNS[name]
        started = time.perf_counter()
        results = {
            change: measure(problem, change, runs=runs, seed=options.seed, items=options.items)
            for change in problem.changes
        }
        seconds = time.perf_counter() - started
        print(
            f"\nproblem {name}: {runs} runs, seed {options.seed}, reference 20,000 items, "
            f"{problem.bucket_items} items a bucket, change after {CALM_ITEMS:,}; {seconds:.0f} s"
        )
        print("mean items until the alarm (ratio to the oracle)\n")
        print(table(results))


if __name__ == "__main__":
    main()
