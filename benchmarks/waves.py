"""Waves: what do labelers find in the product's batches, and what do those labels teach, beside the rivals'?

Three problems of public data (`benchmarks.waves_data`): ten intents the model was never shown, eight rare
intents and hate speech that become four times as frequent. Every rival gets the same traffic, the same
calibrated probabilities and the same vectors; the recipe is the service's own `select`, and is told the
classes that rose, as an alarm names them. Then three waves in a row, and what the service's reservoirs lose
against the whole traffic.

    python -m benchmarks.waves [--quick] [--problem rare] [--sizes 200,1000] [--seeds 3] [--out docs/waves]
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from benchmarks.drift_runs import in_parallel, write
from benchmarks.machine import machine_line
from benchmarks.waves_data import PROBLEMS, PUBLIC, missing
from benchmarks.waves_report import reservoir_text, three_waves_plot, three_waves_text, waves_plot, waves_text
from benchmarks.waves_reservoirs import reservoirs
from benchmarks.waves_runs import OURS, TOLD, Task, compare, three_waves

EPOCHS: Final = (1, 6, 36)
QUICK: Final = (OURS, TOLD, "random", "margin")
PARTS: Final = ("compare", "three", "reservoirs")

Found = TypeVar("Found")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--problem", choices=PROBLEMS, action="append", help="the public ones by default")
    parser.add_argument("--part", choices=PARTS, action="append", help="all by default")
    parser.add_argument("--sizes", default="200,1000", help="of the batches")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, help="as many as cores by default")
    parser.add_argument(
        "--quick", action="store_true", help="one seed, few rivals, no retraining, and no waves in a row"
    )
    parser.add_argument("--out", type=Path, help="directory for texts and pictures")
    options = parser.parse_args(arguments)
    problems = options.problem or list(PUBLIC)
    if set(problems) & set(PUBLIC) and (files := missing()):
        sys.exit(f"{files[0]}: no such file; set SEAMARK_SHARED to the directory that holds data/")
    sizes = tuple(int(size) for size in options.sizes.split(","))
    seeds = range(1 if options.quick else options.seeds)
    rivals = QUICK if options.quick else None
    tasks = [Task(name, seed, sizes, rivals, not options.quick) for name in problems for seed in seeds]
    parts = options.part or PARTS[:: 2 if options.quick else 1]
    run = partial(_run, tasks=tasks, out=options.out, processes=options.processes)
    if "compare" in parts:
        run("compare", compare, waves_text, waves_plot)
    if "three" in parts:
        run("three", three_waves, three_waves_text, three_waves_plot)
    if "reservoirs" in parts:
        run("reservoirs", partial(reservoirs, epochs=EPOCHS), reservoir_text, None)


def _run(
    name: str,
    work: Callable[[Task], list[Found]],
    text: Callable[[Sequence[Found]], str],
    plot: Callable[[Sequence[Found]], str] | None,
    *,
    tasks: Sequence[Task],
    out: Path | None,
    processes: int | None,
) -> None:
    started = time.perf_counter()
    found = [one for each in in_parallel(work, tasks, processes=processes) for one in each]
    seeds = len({task.seed for task in tasks})
    head = f"{machine_line()}\n{seeds} seeds, {time.perf_counter() - started:.0f} s"
    write(out, name, f"{head}\n\n{text(found)}", None if plot is None else plot(found))


if __name__ == "__main__":
    main()
