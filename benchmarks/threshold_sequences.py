"""In which order should thresholds be tested for a precision, and what does a proof cost in each?

Every order below is given the same calibrated scores and walks the same grid as
`model_store.promises.sequence`, or parts of it. `docs/decisions/0009` argues the choice.

    python -m benchmarks.threshold_sequences [--runs 400]
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from benchmarks.machine import machine_line
from benchmarks.threshold_pools import Synthetic
from model_store.promises.bounds import p_value
from model_store.promises.targets import n_min

DELTA: Final = 0.1
STEP: Final = 0.05
HIGHEST: Final = 3.0  # logits above the precision asked for
STEPS: Final = 160

Floats: TypeAlias = npt.NDArray[np.float64]
Counts: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tests:
    """One validation set at every threshold of the grid, highest first, and the p-values of a second set."""

    p_values: Floats
    flagged: Counts
    precision: float
    pilot: Floats


Order: TypeAlias = Callable[[Tests], int | None]


def walk(tests: Tests, start: int, delta: float = DELTA) -> int | None:
    """Return the last grid index certified when tested downwards from `start` until the first failure."""
    failed = np.flatnonzero(tests.p_values[start:] > delta)
    passed = int(failed[0]) if len(failed) else len(tests.p_values) - start
    return start + passed - 1 if passed else None


def index(logits: float) -> int:
    """Return the grid index so many logits above the precision asked for."""
    return round((HIGHEST - logits) / STEP)


def from_start(logits: float) -> Order:
    """Walk from one start that was fixed in advance."""
    return lambda tests: walk(tests, index(logits))


def from_starts(*logits: float) -> Order:
    """Walk from several fixed starts, each at its part of delta (Learn then Test, multi-start)."""

    def order(tests: Tests) -> int | None:
        found = [walk(tests, index(each), DELTA / len(logits)) for each in logits]
        return max((each for each in found if each is not None), default=None)

    return order


def skipping(tests: Tests) -> int | None:
    """Walk from the first threshold that flags rows enough to pass without a miss: chosen by the rows."""
    enough = np.flatnonzero(tests.flagged >= n_min(tests.precision, DELTA))
    return walk(tests, int(enough[0])) if len(enough) else None


def bonferroni(tests: Tests) -> int | None:
    """Test 20 thresholds of the grid, each at a twentieth of delta."""
    grid = np.arange(0, STEPS, STEPS // 20)
    passed = grid[tests.p_values[grid] <= DELTA / len(grid)]
    return int(passed[-1]) if len(passed) else None


def pilot(tests: Tests) -> int | None:
    """Walk from where a second set of the same size, used for nothing else, has the strongest evidence."""
    return walk(tests, int(np.argmin(tests.pilot)))


ORDERS: Final[Mapping[str, Order]] = {
    "start 0.5 above (chosen)": from_start(0.5),
    "start at the precision": from_start(0.0),
    "start 1 above": from_start(1.0),
    "start 2 above": from_start(2.0),
    "3 starts at delta / 3": from_starts(2.0, 1.0, 0.0),
    "20 thresholds at delta / 20": bonferroni,
    "start where enough are flagged": skipping,
    "start from a second set of rows": pilot,
}
# Share of the class, distance of the scores, positives, precision, and by how many logits scores are off.
PROBLEMS: Final[Mapping[str, tuple[float, float, int, float, float]]] = {
    "43 positives, precision .6": (0.06, 2.5, 43, 0.6, 0.0),
    "108, .8": (0.06, 2.5, 108, 0.8, 0.0),
    "108, .8, scores .7 too high": (0.06, 2.5, 108, 0.8, 0.7),
    "108, .8, scores .7 too low": (0.06, 2.5, 108, 0.8, -0.7),
    "108, .5, weaker model": (0.06, 1.8, 108, 0.5, 0.0),
    "352, .8": (0.06, 2.5, 352, 0.8, 0.0),
}


@dataclass(frozen=True, slots=True)
class Result:
    """Shares of the runs: with a proof, with a wrong one; and recall where there is a proof, else 0."""

    certified: float
    wrong: float
    recall: float


def measure(problem: tuple[float, float, int, float, float], *, runs: int, seed: int) -> dict[str, Result]:
    """Return what every order makes of the same draws."""
    share, distance, positives, precision, off = problem
    pool, n = Synthetic(share, distance), round(positives / share)
    grid = expit(logit(precision) + HIGHEST - STEP * np.arange(STEPS))
    truths = [pool.truth(0, float(t)) for t in expit(logit(grid) - off)]
    rng = np.random.default_rng(seed)
    found: dict[str, list[int | None]] = {name: [] for name in ORDERS}
    for _ in range(runs):
        p_values, flagged = _test(pool, rng, n, grid, precision=precision, off=off)
        tests = Tests(
            p_values, flagged, precision, _test(pool, rng, n, grid, precision=precision, off=off)[0]
        )
        for name, order in ORDERS.items():
            found[name].append(order(tests))
    return {
        name: Result(
            float(np.mean([i is not None for i in each])),
            float(np.mean([i is not None and truths[i].precision < precision for i in each])),
            float(np.mean([0.0 if i is None else truths[i].recall for i in each])),
        )
        for name, each in found.items()
    }


def _test(
    pool: Synthetic, rng: np.random.Generator, n: int, grid: Floats, *, precision: float, off: float
) -> tuple[Floats, Counts]:
    probabilities, labels = pool.draw(rng, n)
    scores = expit(logit(probabilities[:, 0].astype(np.float64)) + off)
    flagged, hits = _reaching(scores, grid), _reaching(scores[labels == 0], grid)
    return p_value(hits, flagged, precision), flagged


def _reaching(scores: Floats, grid: Floats) -> Counts:
    return (len(scores) - np.searchsorted(np.sort(scores), grid)).astype(np.int64)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args(arguments)
    print(machine_line())
    print(f"{options.runs} runs, seed {options.seed}, delta {DELTA}")
    print("cells: share of the runs with a proof, share with a wrong one, mean recall\n")
    print("| order | " + " | ".join(PROBLEMS) + " |\n" + "|---" * (len(PROBLEMS) + 1) + "|")
    results = [measure(each, runs=options.runs, seed=options.seed) for each in PROBLEMS.values()]
    for name in ORDERS:
        cells = [f"{r[name].certified:.2f}, {r[name].wrong:.3f}, {r[name].recall:.3f}" for r in results]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
