"""After how many items does each detector notice a change, at equal false-alarm rates?

Every detector is calibrated on runs without a change: its threshold is such that 5 % of runs of 100,000 items
alarm, over fresh references. The service's detector is also shown as it is, at its formula's threshold, which
needs no such runs, and so is the plain scan for independent items, on the very same runs. The oracle is a
CUSUM that is told the mix before and after the change; river's detectors are told which class to watch. Means
are over the runs that found the change.

    python -m benchmarks.drift_delay --problem all --out docs/drift
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes

from benchmarks.drift_delays import Delays, Ratio, delays
from benchmarks.drift_problems import CALM_ITEMS, HORIZON_ITEMS, NOMINAL, PROBLEMS, REFERENCE_ITEMS, Problem
from benchmarks.drift_rivals import DISTANCES, OracleRuns, Runs, WindowRuns, follow
from benchmarks.drift_river import SETTINGS, Told
from benchmarks.drift_river import measure as measure_river
from benchmarks.drift_runs import Followed, Run, in_parallel, peak, reached, simulate, write
from benchmarks.machine import machine_line
from model_store.reports.drawing import FIRST, INK, SECOND, legend, picture, standalone

WINDOWS: Final = (200, 500, 1_000, 2_000, 5_000)
DEFAULT_RUNS: Final = {"A": 600, "B": 120, "C": 48}
RIVER_RUNS: Final = 40
RIVER_ITEMS: Final = 40_000
AS_IS, CALIBRATED = "scan, formula", "scan, calibrated"
PLAIN = "plain scan, formula"
MOST_OVER_PLAIN: Final = 1.05


def scan_delays(
    problem: str,
    change: str,
    *,
    threshold: float,
    runs: int,
    seed: int,
    items: int,
    baseline: int,
    traffic: str = "independent",
) -> tuple[dict[str, Delays], Ratio]:
    """Return the delays of the service's detector as it is, calibrated, and of the plain scan.

    The ratio is that of the detector as it is over the plain scan, which were fed the same runs.
    """
    tasks = [
        Run(
            problem,
            traffic,
            (seed, 1, index),
            baseline_items=baseline,
            change=change,
            calm_items=CALM_ITEMS,
            items=items,
            until_alarm=False,
            beside=True,
        )
        for index in range(runs)
    ]
    found = in_parallel(simulate, tasks)
    late = [each for each in found if each.calm_alarm is None]
    silent = [each for each in found if peak(each.calm) < threshold]
    plain = [each for each in found if each.plain_calm_alarm is None]
    both = [(each.alarm, each.plain_alarm) for each in late if each.alarm and each.plain_alarm]
    return {
        AS_IS: Delays.of([each.alarm for each in late], early=1.0 - len(late) / runs),
        PLAIN: Delays.of([each.plain_alarm for each in plain], early=1.0 - len(plain) / runs),
        CALIBRATED: Delays.of(
            [reached(each.after, threshold) for each in silent], early=1.0 - len(silent) / runs
        ),
    }, Ratio.of([ours for ours, _ in both], [theirs for _, theirs in both])


def scan_threshold(problem: str, *, runs: int, seed: int, baseline: int) -> float:
    """Return the 95 % quantile of the detector's largest statistic in runs without a change."""
    tasks = [
        Run(problem, "independent", (seed, 0, index), baseline_items=baseline, until_alarm=False)
        for index in range(runs)
    ]
    found: list[Followed] = in_parallel(simulate, tasks)
    return float(np.quantile([peak(each.after) for each in found], 1.0 - NOMINAL))


def rivals(
    problem: Problem, change: str, *, runs: int, seed: int, items: int, baseline: int
) -> dict[str, Delays]:
    """Return the delays of the window rules and the oracle, calibrated."""
    rng = np.random.default_rng(seed)
    watching = _rivals(problem, change, runs, rng, baseline)
    largest = dict.fromkeys(watching, np.zeros(runs))
    for counts in problem.calm(runs, HORIZON_ITEMS, rng):
        for name, detector in watching.items():
            largest[name] = np.maximum(largest[name], detector.step(counts))
    watching = _rivals(problem, change, runs, rng, baseline)
    calm = list(problem.calm(runs, CALM_ITEMS, rng))
    changed = list(problem.changed(change, runs, items, rng))
    found = {}
    for name, detector in watching.items():
        before, after = follow(detector, calm), follow(detector, changed)
        threshold = float(np.quantile(largest[name], 1.0 - NOMINAL))
        found[name] = delays(before, after, threshold=threshold, bucket_items=problem.bucket_items)
    return found


def _rivals(
    problem: Problem, change: str, runs: int, rng: np.random.Generator, baseline: int
) -> dict[str, Runs]:
    references, after = problem.references(runs, rng, baseline), problem.changes[change](HORIZON_ITEMS)
    found: dict[str, Runs] = {"oracle": OracleRuns(problem.shares, after, runs=runs)}
    for name, distance in DISTANCES.items():
        for window in WINDOWS:
            found[f"{name} {window}"] = WindowRuns(
                references, window=window, bucket_items=problem.bucket_items, distance=distance
            )
    return found


def river(problem: str, change: str, *, runs: int, seed: int, items: int) -> dict[str, Delays]:
    """Return the delays of river's detectors."""
    told = [Told(problem, change, name, min(runs, RIVER_RUNS), seed, items) for name in SETTINGS]
    return {name: row for found in in_parallel(measure_river, told) for name, row in found.items()}


def measure(
    problem: str,
    *,
    changes: Sequence[str],
    runs: int,
    seed: int,
    items: int = HORIZON_ITEMS,
    baseline: int = REFERENCE_ITEMS,
    with_river: bool = True,
) -> tuple[dict[str, dict[str, Delays]], dict[str, Ratio]]:
    """Return every detector's delays after each change, and the scan's over the plain scan's."""
    threshold = scan_threshold(problem, runs=runs, seed=seed, baseline=baseline)
    settings = partial(dict, runs=runs, seed=seed)
    found, over_plain = {}, {}
    for change in changes:
        compared = settings(items=items, baseline=baseline)
        found[change] = rivals(PROBLEMS[problem](), change, **compared)
        ours, over_plain[change] = scan_delays(problem, change, threshold=threshold, **compared)
        found[change] |= ours
        if with_river:
            found[change] |= river(problem, change, **settings(items=min(items, RIVER_ITEMS)))
    return found, over_plain


def table(results: Mapping[str, Mapping[str, Delays]]) -> str:
    """Return a Markdown table, one row a detector; of each window rule only the best window's row."""
    changes = list(results)
    lines = ["| detector | " + " | ".join(changes) + " |", "|---" * (len(changes) + 1) + "|"]
    every = [*dict.fromkeys(name for found in results.values() for name in found)]
    names = [name for name in every if name.partition(" ")[0] not in DISTANCES]
    for name in names:
        cells = [_cell(results[c].get(name), results[c]) for c in changes]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for rule in DISTANCES:
        best = [best_window(results[c], rule) for c in changes]
        cells = [
            f"{_cell(results[c][b], results[c])} W={b.split()[-1]}"
            for c, b in zip(changes, best, strict=True)
        ]
        lines.append(f"| {rule}, best window | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def beside(ratios: Mapping[str, Ratio]) -> str:
    """Return a Markdown table of the scan's delay over the plain scan's in the same runs."""
    lines = [
        f"| scan over plain scan, same runs; at most {MOST_OVER_PLAIN} wanted | measured | |",
        "|---" * 3 + "|",
    ]
    for change, ratio in ratios.items():
        lines.append(f"| {change} | {ratio} | {'met' if ratio.value <= MOST_OVER_PLAIN else 'missed'} |")
    return "\n".join(lines)


def _cell(found: Delays | None, all_of: Mapping[str, Delays]) -> str:
    return "none calibrates" if found is None else found.cell(all_of["oracle"].mean)


def best_window(found: Mapping[str, Delays], rule: str) -> str:
    """Return the name of a window rule's row that has the most power, then the shortest delay."""
    rows = {name: d for name, d in found.items() if name.startswith(f"{rule} ")}
    return min(rows, key=lambda n: (-round(rows[n].power, 1), rows[n].mean))


def plot(problem: str, results: Mapping[str, Mapping[str, Delays]]) -> str:
    """Draw the delays of the detector, the oracle and each rule's best window."""
    shown = {
        "oracle, told both mixes": ("oracle", {"marker": "|", "color": INK, "markersize": 12}),
        "scan at its formula's threshold": (AS_IS, {"marker": "o", "color": FIRST}),
    }
    for rule, marker in zip(DISTANCES, "svD^", strict=True):
        style = {"marker": marker, "color": SECOND, "fillstyle": "none"}
        shown[f"{rule}, best window"] = (rule, style)

    def draw(axes: Axes) -> None:
        for label, (row, style) in shown.items():
            names = [best_window(found, row) if row in DISTANCES else row for found in results.values()]
            values = [found[name].mean for found, name in zip(results.values(), names, strict=True)]
            axes.plot(values, range(len(values)), label=label, linestyle="none", **style)
        axes.set_xscale("log")
        axes.set(yticks=range(len(results)), yticklabels=list(results), ylim=(len(results) - 0.5, -0.5))
        axes.set(xlabel="mean items from the change to the alarm")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        legend(axes, 2)

    said = "; ".join(f"{change}: scan {found[AS_IS].mean:,.0f}" for change, found in results.items())
    height = 1.9 + 0.35 * len(results)
    svg = picture(
        draw, f"Items until noticed, problem {problem}", f"{said}.", key="delay", height=height, width=6.4
    )
    return standalone(svg)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--problem", choices=[*PROBLEMS, "all"], default="A")
    parser.add_argument("--change", help="of the problem; all by default")
    parser.add_argument("--runs", type=int, help=f"default {DEFAULT_RUNS}; river's {RIVER_RUNS} at most")
    parser.add_argument("--items", type=int, default=HORIZON_ITEMS, help="followed after the change")
    parser.add_argument("--baseline", type=int, default=REFERENCE_ITEMS, help="items")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--no-river", action="store_true", help="leave river's detectors out")
    parser.add_argument("--out", type=Path, help="directory for text and pictures")
    options = parser.parse_args(arguments)
    for name in PROBLEMS if options.problem == "all" else [options.problem]:
        problem, runs = PROBLEMS[name](), options.runs or DEFAULT_RUNS[name]
        started = time.perf_counter()
        results, over_plain = measure(
            name,
            changes=[options.change] if options.change else list(problem.changes),
            runs=runs,
            seed=options.seed,
            items=options.items,
            baseline=options.baseline,
            with_river=not options.no_river,
        )
        text = (
            f"{machine_line()}\n"
            f"problem {name}: {runs} runs, seed {options.seed}, baseline {options.baseline:,} items, "
            f"{problem.bucket_items} items a bucket, change after {CALM_ITEMS:,}; "
            f"{time.perf_counter() - started:.0f} s\n"
            f"mean items until the alarm (ratio to the oracle)\n\n{table(results)}\n\n{beside(over_plain)}"
        )
        suffix = "" if options.baseline == REFERENCE_ITEMS else f"_{options.baseline}"
        write(options.out, f"delay_{name.lower()}{suffix}", text, plot(name, results))


if __name__ == "__main__":
    main()
