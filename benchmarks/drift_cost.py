"""What does a closed bucket cost, at how many classes and after how many buckets, in time and memory?

The detector watches one mix, against a baseline of independent items, and against one whose items come four
times each: then the variance of every scale is in the test.

    python -m benchmarks.drift_cost --out docs/drift
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from benchmarks.drift_runs import write
from benchmarks.machine import machine_line
from model_store.reports.drawing import FIRST, INK, SECOND, legend, picture, standalone
from monitoring.detection.bucket import Bucket
from monitoring.detection.detector import Detector
from monitoring.detection.detector_config import DetectorConfig
from monitoring.scanning.streams import class_stream

CLASSES: Final = (2, 30, 150, 1_000)
BUCKETS: Final = (1_000, 10_000, 100_000, 1_000_000)
MEASURED: Final = 200  # buckets whose cost is the median
BUCKET_ITEMS: Final = 50
BASELINE_BUCKETS: Final = 400
_AT_ONCE: Final = 1_000
_STYLES: Final = (("o", "-", FIRST), ("s", "--", SECOND), ("^", "-.", INK), ("D", ":", FIRST))


@dataclass(frozen=True)
class Cost:
    """What a closed bucket costs after `buckets` buckets; memory is that of the windows' counts."""

    classes: int
    repeats: int
    buckets: int
    seconds: float
    windows: int
    memory_bytes: int
    snapshot_bytes: int


def shares_of(n_classes: int) -> npt.NDArray[np.float64]:
    """Return Zipf shares."""
    zipf = 1.0 / np.arange(1, n_classes + 1)
    shares: npt.NDArray[np.float64] = zipf / zipf.sum()
    return shares


def costs(n_classes: int, marks: Sequence[int], *, seed: int, repeats: int = 1) -> Iterator[Cost]:
    """Yield the cost at each mark.

    The buckets between the marks are added to the windows without scanning them, which leaves the same
    windows.
    """
    rng, shares = np.random.default_rng(seed), shares_of(n_classes)
    items = BASELINE_BUCKETS * (BUCKET_ITEMS // repeats * repeats)
    detector = Detector(
        [class_stream([f"class {k}" for k in range(n_classes)])],
        DetectorConfig(baseline_items=items, baseline_seconds=0.0),
    )
    _close(detector, _drawn(rng, shares, BASELINE_BUCKETS, repeats), 0)
    judge = detector._judge
    if judge is None:
        raise RuntimeError(f"the baseline of {items} items was not frozen")
    seen = 0
    for mark in marks:
        for counts in _drawn(rng, shares, mark - seen - MEASURED, repeats):
            judge.windows.add(counts, start=10.0 * seen)
        seconds = _close(detector, _drawn(rng, shares, MEASURED, repeats), mark)
        seen = mark
        windows, snapshot = judge.windows.suffixes(), json.dumps(detector.to_json())
        yield Cost(
            classes=n_classes,
            repeats=repeats,
            buckets=mark,
            seconds=float(np.median(seconds)),
            windows=len(windows.lengths),
            memory_bytes=windows.counts.nbytes,
            snapshot_bytes=len(snapshot),
        )


def table(found: Sequence[Cost]) -> str:
    """Return a Markdown table, one row a cost."""
    head = "| classes | copies an item | buckets | ms a bucket | windows | windows KiB | snapshot KiB |"
    lines = [head, "|---|---|---|---|---|---|---|"]
    for cost in found:
        lines.append(
            f"| {cost.classes:,} | {cost.repeats} | {cost.buckets:,} | {cost.seconds * 1e3:.3f} "
            f"| {cost.windows} | {cost.memory_bytes / 1024:.0f} | {cost.snapshot_bytes / 1024:.0f} |"
        )
    return "\n".join(lines)


def plot(found: Sequence[Cost]) -> str:
    """Draw the milliseconds a bucket over the buckets before it, a line for each number of classes."""
    classes = sorted({cost.classes for cost in found})

    def draw(axes: Axes) -> None:
        for k, (marker, line, colour) in zip(classes, _STYLES, strict=False):
            plain = [cost for cost in found if cost.classes == k and cost.repeats == 1]
            axes.plot(
                [cost.buckets for cost in plain],
                [cost.seconds * 1e3 for cost in plain],
                marker=marker,
                linestyle=line,
                color=colour,
                label=f"{k:,} classes",
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set(xlabel="buckets before", ylabel="ms a closed bucket")
        axes.yaxis.set_major_formatter("{x:g}")
        legend(axes, 2)

    said = "; ".join(f"{c.classes} classes, {c.buckets} buckets: {c.seconds * 1e3:.2f} ms" for c in found)
    return standalone(picture(draw, "Cost of a closed bucket", f"{said}.", key="cost"))


def _close(detector: Detector, rows: Iterator[npt.NDArray[np.int64]], number: int) -> list[float]:
    """Feed buckets to the detector; return what each took, in seconds."""
    took = []
    for bucket, counts in enumerate(rows, start=number):
        started = time.perf_counter()
        detector.close(Bucket(counts, 10.0 * bucket, 10.0 * bucket + 10.0))
        took.append(time.perf_counter() - started)
    return took


def _drawn(
    rng: np.random.Generator, shares: npt.NDArray[np.float64], n: int, repeats: int
) -> Iterator[npt.NDArray[np.int64]]:
    for start in range(0, n, _AT_ONCE):
        size = min(_AT_ONCE, n - start)
        yield from repeats * rng.multinomial(BUCKET_ITEMS // repeats, shares, size=size)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--buckets", type=int, default=BUCKETS[-1], help="largest number of buckets")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--out", type=Path, help="directory for text and picture")
    options = parser.parse_args(arguments)
    marks = sorted({*(b for b in BUCKETS if b <= options.buckets), options.buckets})
    found = []
    for n_classes in CLASSES:
        found += costs(n_classes, marks, seed=options.seed)
        found += costs(n_classes, marks[:1], seed=options.seed, repeats=4)
    text = f"{machine_line()}\nmedian of {MEASURED} buckets, seed {options.seed}\n\n{table(found)}"
    write(options.out, "cost", text, plot(found))


if __name__ == "__main__":
    main()
