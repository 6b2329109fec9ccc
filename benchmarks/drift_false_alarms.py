"""How often does the detector alarm within 100,000 items although nothing changed, whatever the traffic?

Every run has a fresh baseline of its own. The nominal rate is 5 %: of independent items at most so many runs
may alarm. `drift_traffic.py` says what the kinds of traffic are.

    python -m benchmarks.drift_false_alarms --problem all --out docs/drift
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from scipy.stats import beta

from benchmarks.drift_problems import HORIZON_ITEMS, NOMINAL, PROBLEMS
from benchmarks.drift_runs import Run, in_parallel, simulate, write
from benchmarks.drift_traffic import DECLARED, TRAFFIC
from benchmarks.machine import machine_line
from model_store.reports.drawing import FIRST, INK, SECOND, legend, picture, standalone

DEFAULT_RUNS: Final = {"A": 200, "B": 100, "C": 60}
BASELINES: Final = (100_000, 20_000)
SMALL_BASELINES: Final = (500, 2_000)  # of independent items only: they show no variance
_MARKERS: Final = {"A": ("o", FIRST), "B": ("s", SECOND), "C": ("^", INK)}


@dataclass(frozen=True)
class Cell:
    """How many runs of one kind alarmed."""

    problem: str
    traffic: str
    baseline_items: int
    runs: int
    alarms: int
    clumpy: int
    seconds: float
    seed: int

    @property
    def rate(self) -> float:
        """Share of the runs."""
        return self.alarms / self.runs

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the rate (Clopper and Pearson 1934)."""
        k, n = self.alarms, self.runs
        lower = beta.ppf(0.025, k, n - k + 1) if k else 0.0
        upper = beta.ppf(0.975, k + 1, n - k) if k < n else 1.0
        return float(lower), float(upper)


def measure(problem: str, traffic: str, *, baseline_items: int, runs: int, seed: int) -> Cell:
    """Return how many of `runs` runs alarm."""
    started = time.perf_counter()
    tasks = [Run(problem, traffic, (seed, index), baseline_items=baseline_items) for index in range(runs)]
    found = in_parallel(simulate, tasks)
    return Cell(
        problem,
        traffic,
        baseline_items,
        runs,
        sum(each.alarm is not None for each in found),
        sum(each.clumpy for each in found),
        time.perf_counter() - started,
        seed,
    )


def measured(file: Path | None) -> list[Cell]:
    """Return the cells that an earlier run kept, a line of JSON each; a line torn by a kill is cut off."""
    if file is None or not file.exists():
        return []
    lines = file.read_text()
    whole = lines[: lines.rfind("\n") + 1]
    if whole != lines:
        file.write_text(whole)
    return [Cell(**json.loads(line)) for line in whole.splitlines()]


def cells_of(problem: str) -> list[tuple[str, int]]:
    """Return the kinds of traffic and baselines that are measured."""
    kinds = [(kind, items) for items in BASELINES for kind in TRAFFIC]
    kinds.insert(len(TRAFFIC), (DECLARED, BASELINES[0]))
    return kinds + [("independent", items) for items in SMALL_BASELINES if problem != "C"]


def table(cells: Sequence[Cell]) -> str:
    """Return a Markdown table, a row for each kind of traffic and baseline, a column for each problem."""
    problems = sorted({cell.problem for cell in cells})
    rows: dict[tuple[str, int], dict[str, Cell]] = {}
    for cell in cells:
        rows.setdefault((cell.traffic, cell.baseline_items), {})[cell.problem] = cell
    runs = {name: next(c.runs for c in cells if c.problem == name) for name in problems}
    head = " | ".join(f"{name} ({runs[name]} runs)" for name in problems)
    lines = [f"| traffic | baseline | {head} |", "|---" * (len(problems) + 2) + "|"]
    for (traffic, items), found in rows.items():
        rates = " | ".join(_rate(found.get(name)) for name in problems)
        lines.append(f"| {traffic} | {items:,} | {rates} |")
    return "\n".join(lines)


def _rate(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    lower, upper = cell.interval
    return f"{cell.rate:.3f} ({lower:.3f}-{upper:.3f})"


def plot(cells: Sequence[Cell]) -> str:
    """Draw the rates with their intervals at the longest baseline, and the nominal rate."""
    most = max(cell.baseline_items for cell in cells)
    shown = [cell for cell in cells if cell.baseline_items == most]
    kinds = list(dict.fromkeys(cell.traffic for cell in shown))
    problems = sorted({cell.problem for cell in shown})

    def draw(axes: Axes) -> None:
        for number, name in enumerate(problems):
            marker, colour = _MARKERS[name]
            for place, cell in ((kinds.index(c.traffic), c) for c in shown if c.problem == name):
                y = place + 0.22 * (number - (len(problems) - 1) / 2)
                axes.hlines(y, *cell.interval, color=colour, linewidth=1.4)
                style: Mapping[str, Any] = {"marker": marker, "color": colour, "linestyle": "none"}
                axes.plot(cell.rate, y, markersize=5, label=name if place == 0 else None, **style)
        axes.axvline(NOMINAL, color=INK, linewidth=1, linestyle=":", label="nominal")
        axes.set(yticks=range(len(kinds)), yticklabels=kinds, ylim=(len(kinds) - 0.5, -0.5))
        axes.set(xlabel=f"share of runs of {HORIZON_ITEMS:,} items with a false alarm")
        axes.set_xlim(-0.005, max(0.2, 1.02 * max(cell.interval[1] for cell in shown)))
        legend(axes, 4)

    said = "; ".join(f"{c.traffic}, {c.problem}: {c.rate:.3f}" for c in shown)
    height = 1.2 + 0.42 * len(kinds)
    return standalone(picture(draw, "False alarms", f"{said}.", key="false-alarms", height=height, width=6.4))


def runs_of(text: str) -> dict[str, int]:
    """Return the runs of each problem, given as one number or as `A=60,B=30`; those not named keep theirs."""
    if text.isdigit():
        return dict.fromkeys(DEFAULT_RUNS, int(text))
    pairs = (each.partition("=") for each in text.split(","))
    return DEFAULT_RUNS | {name: int(number) for name, _, number in pairs}


def _measure(settings: tuple[str, str, int, int, int], file: Path | None) -> Cell:
    name, traffic, items, runs, seed = settings
    cell = measure(name, traffic, baseline_items=items, runs=runs, seed=seed)
    said = f"{cell.rate:.3f}, {cell.clumpy} clumpy, {cell.seconds:.0f} s"
    print(f"{name} {traffic} {items:,}: {said}", flush=True)
    if file is not None:
        with file.open("a") as lines:
            lines.write(json.dumps(asdict(cell)) + "\n")
    return cell


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--problem", choices=[*PROBLEMS, "all"], default="A")
    parser.add_argument(
        "--traffic", choices=[*TRAFFIC, DECLARED], action="append", help="all by default; may be repeated"
    )
    parser.add_argument("--baseline", type=int, help=f"items; {BASELINES} by default")
    parser.add_argument("--runs", type=runs_of, default=DEFAULT_RUNS, help="60, or A=60,B=30,C=10")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--out", type=Path, help="directory for text and picture")
    parser.add_argument(
        "--cells", type=Path, help="file that keeps what is measured; what it holds is not again"
    )
    options = parser.parse_args(arguments)
    kept = {(c.problem, c.traffic, c.baseline_items, c.runs, c.seed): c for c in measured(options.cells)}
    cells = []
    for name in PROBLEMS if options.problem == "all" else [options.problem]:
        for traffic, items in cells_of(name):
            if traffic not in (options.traffic or [traffic]) or options.baseline not in {None, items}:
                continue
            settings = (name, traffic, items, options.runs[name], options.seed)
            cells.append(kept.get(settings) or _measure(settings, options.cells))
    text = (
        f"{machine_line()}\n"
        f"share of runs of {HORIZON_ITEMS:,} unchanged items with a false alarm (95 % interval), nominal "
        f"{NOMINAL}, no tolerance, seed {options.seed}, {sum(c.seconds for c in cells):.0f} s\n\n"
        f"{table(cells)}"
    )
    write(options.out, "false_alarms", text, plot(cells) if cells else None)


if __name__ == "__main__":
    main()
