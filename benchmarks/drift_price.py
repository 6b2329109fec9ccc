"""How much later is a change noticed under traffic that is not independent, by the service's detector?

python -m benchmarks.drift_price --problem A --out docs/drift
"""

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.drift_delay import AS_IS, scan_delays
from benchmarks.drift_delays import Delays
from benchmarks.drift_problems import HORIZON_ITEMS, PROBLEMS
from benchmarks.drift_runs import BASELINE_ITEMS, write
from benchmarks.drift_traffic import DECLARED, TRAFFIC
from benchmarks.machine import machine_line

DEFAULT_RUNS: Final = {"A": 60, "B": 24, "C": 12}


def table(found: dict[str, dict[str, Delays]], changes: Sequence[str]) -> str:
    """Return a Markdown table, a row for each kind of traffic."""
    lines = ["| traffic | " + " | ".join(changes) + " |", "|---" * (len(changes) + 1) + "|"]
    for traffic, by_change in found.items():
        lines.append(f"| {traffic} | " + " | ".join(_cell(by_change[c]) for c in changes) + " |")
    return "\n".join(lines)


def _cell(found: Delays) -> str:
    if not math.isfinite(found.mean):
        return "never"
    power = "" if found.power == 1.0 else f" power {found.power:.2f}"
    return f"{found.mean:,.0f}{power}" + (f" early {found.early:.2f}" if found.early else "")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--problem", choices=[*PROBLEMS], default="A")
    parser.add_argument("--traffic", choices=[*TRAFFIC, DECLARED], action="append", help="all by default")
    parser.add_argument("--change", help="of the problem; all by default")
    parser.add_argument("--runs", type=int, help=f"default {DEFAULT_RUNS}")
    parser.add_argument("--baseline", type=int, default=BASELINE_ITEMS, help="items")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--out", type=Path, help="directory for the text")
    options = parser.parse_args(arguments)
    runs, started = options.runs or DEFAULT_RUNS[options.problem], time.perf_counter()
    changes = [options.change] if options.change else list(PROBLEMS[options.problem]().changes)
    found = {
        traffic: {
            change: scan_delays(
                options.problem,
                change,
                threshold=math.inf,
                runs=runs,
                seed=options.seed,
                items=HORIZON_ITEMS,
                baseline=options.baseline,
                traffic=traffic,
            )[0][AS_IS]
            for change in changes
        }
        for traffic in options.traffic or [*TRAFFIC, DECLARED]
    }
    text = (
        f"{machine_line()}\n"
        f"problem {options.problem}: {runs} runs, seed {options.seed}, baseline {options.baseline:,} items; "
        f"{time.perf_counter() - started:.0f} s\n"
        f"mean items, copies included, from the change to the alarm at the formula's threshold\n\n"
        f"{table(found, changes)}"
    )
    write(options.out, f"price_{options.problem.lower()}", text)


if __name__ == "__main__":
    main()
