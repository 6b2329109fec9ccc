"""What does a closed bucket cost, at how many classes and after how many buckets, in time and memory?

The detector watches one mix, alone and with the scores and two measures of the input beside it; against a
baseline of independent items, and against one whose items come four times each: then the variance of every
scale is in the test. Times are of the processor, so that what else runs on the machine is not in them.

    python -m benchmarks.drift_cost --out docs/drift
"""

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from benchmarks.drift_runs import write
from benchmarks.machine import machine_line
from model_store.reports.drawing import FIRST, INK, SECOND, legend, picture, standalone
from monitoring.detection.bucket import Bucket
from monitoring.detection.detector import Detector
from monitoring.detection.detector_config import DetectorConfig
from monitoring.scanning.streams import Stream, class_stream

CLASSES: Final = (2, 30, 150, 1_000)
TARGET_CLASSES: Final = 150  # a bucket is to cost a millisecond at most
BUCKETS: Final = (1_000, 10_000, 100_000, 1_000_000)
MEASURED: Final = 200  # buckets whose cost is the median
STEPS: Final = 20  # of a watcher, likewise
BUCKET_ITEMS: Final = 50
BASELINE_BUCKETS: Final = 400
FURTHER: Final = (
    Stream("scores", "cuts", tuple(f"top probability <= 0.{k:02}" for k in range(19)), share=0.25),
    Stream("inputs:length", "cuts", tuple(f"characters <= {k}" for k in range(9)), share=0.075),
    Stream("inputs:unknown", "cuts", tuple(f"unknown <= 0.{k}" for k in range(9)), share=0.075),
)
_AT_ONCE: Final = 1_000
_STYLES: Final = (("o", "-", FIRST), ("s", "--", SECOND), ("^", "-.", INK), ("D", ":", FIRST))


@dataclass(frozen=True)
class Cost:
    """What a closed bucket costs after `buckets` buckets.

    Attributes
    ----------
    streams : int
        Families of counts that are watched.
    seconds, step_seconds : float
        Of `Detector.close`, and of all a watcher does with a detector: restored, closed, asked, written down.
    memory_bytes : int
        Of the windows' counts.
    """

    classes: int
    streams: int
    repeats: int
    buckets: int
    seconds: float
    step_seconds: float
    windows: int
    memory_bytes: int
    snapshot_bytes: int


def shares_of(n_classes: int) -> npt.NDArray[np.float64]:
    """Return Zipf shares."""
    zipf = 1.0 / np.arange(1, n_classes + 1)
    shares: npt.NDArray[np.float64] = zipf / zipf.sum()
    return shares


def costs(
    n_classes: int, marks: Sequence[int], *, seed: int, repeats: int = 1, further: bool = False
) -> Iterator[Cost]:
    """Yield the cost at each mark.

    The buckets between the marks are added to the windows without scanning them, which leaves the same
    windows.
    """
    rng = np.random.default_rng(seed)
    streams = [
        class_stream([f"class {k}" for k in range(n_classes)], share=0.6),
        *(FURTHER if further else ()),
    ]
    shares = [shares_of(n_classes), *(np.full(each.width, 1.0 / each.width) for each in streams[1:])]
    items = BASELINE_BUCKETS * (BUCKET_ITEMS // repeats * repeats)
    detector = Detector(streams, DetectorConfig(baseline_items=items, baseline_seconds=0.0))
    _close(detector, _drawn(rng, shares, BASELINE_BUCKETS, repeats), 0)
    judge = detector._phases.judge
    if judge is None:
        raise RuntimeError(f"the baseline of {items} items was not frozen")
    seen = 0
    for mark in marks:
        for counts in _drawn(rng, shares, mark - seen - MEASURED, repeats):
            judge.windows.add(counts, start=10.0 * seen)
        seconds = _close(detector, _drawn(rng, shares, MEASURED, repeats), mark)
        steps = [_step(detector, row, mark) for row in _drawn(rng, shares, STEPS, repeats)]
        seen = mark
        windows, snapshot = judge.windows.suffixes(), json.dumps(detector.to_json())
        yield Cost(
            classes=n_classes,
            streams=len(streams),
            repeats=repeats,
            buckets=mark,
            seconds=float(np.median(seconds)),
            step_seconds=float(np.median(steps)),
            windows=len(windows.lengths),
            memory_bytes=windows.counts.nbytes,
            snapshot_bytes=len(snapshot),
        )


def table(found: Sequence[Cost]) -> str:
    """Return a Markdown table, one row a cost."""
    head = (
        "| classes | streams | copies an item | buckets | ms a bucket | ms a step | windows | windows KiB "
        "| snapshot KiB |"
    )
    lines = [head, "|---" * 9 + "|"]
    for cost in found:
        lines.append(
            f"| {cost.classes:,} | {cost.streams} | {cost.repeats} | {cost.buckets:,} "
            f"| {cost.seconds * 1e3:.3f} | {cost.step_seconds * 1e3:.1f} | {cost.windows} "
            f"| {cost.memory_bytes / 1024:.0f} | {cost.snapshot_bytes / 1024:.0f} |"
        )
    return "\n".join(lines)


def plot(found: Sequence[Cost]) -> str:
    """Draw the milliseconds a bucket over the buckets before it, a line for each number of classes."""
    classes = sorted({cost.classes for cost in found})

    def draw(axes: Axes) -> None:
        for k, (marker, line, colour) in zip(classes, _STYLES, strict=False):
            plain = [c for c in found if (c.classes, c.streams, c.repeats) == (k, 1, 1)]
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
        axes.xaxis.set_major_formatter("{x:,.0f}")
        for axis in (axes.xaxis, axes.yaxis):  # the standalone picture writes no mathematics
            axis.set_minor_formatter(NullFormatter())
        legend(axes, 2)

    said = "; ".join(
        f"{c.classes} classes, {c.streams} streams, {c.repeats} copies, {c.buckets} buckets: "
        f"{c.seconds * 1e3:.2f} ms"
        for c in found
    )
    return standalone(picture(draw, "Cost of a closed bucket", f"{said}.", key="cost"))


def _close(detector: Detector, rows: Iterator[npt.NDArray[np.int64]], number: int) -> list[float]:
    """Feed buckets to the detector; return what each took, in seconds."""
    took = []
    for bucket, row in enumerate(rows, start=number):
        closed = _bucket(detector, row, bucket)
        started = time.process_time()
        detector.close(closed)
        took.append(time.process_time() - started)
    return took


def _step(detector: Detector, row: npt.NDArray[np.int64], number: int) -> float:
    """Return the seconds of a watcher's step from a snapshot; the detector itself stays as it is."""
    text, closed = json.dumps(detector.to_json()), _bucket(detector, row, number)
    started = time.process_time()
    restored = Detector.from_json(json.loads(text), config=detector.config)
    restored.close(closed)
    json.dumps(restored.status().to_json())
    json.dumps(restored.to_json())
    return time.process_time() - started


def _bucket(detector: Detector, row: npt.NDArray[np.int64], number: int) -> Bucket:
    """Return a bucket of a raw row."""
    counts = {name: row[part] for name, part in detector.layout.raw.items()}
    return Bucket(counts, 10.0 * number, 10.0 * number + 10.0)


def _drawn(
    rng: np.random.Generator, shares: Sequence[npt.NDArray[np.float64]], n: int, repeats: int
) -> Iterator[npt.NDArray[np.int64]]:
    for start in range(0, n, _AT_ONCE):
        size = min(_AT_ONCE, n - start)
        drawn = [rng.multinomial(BUCKET_ITEMS // repeats, share, size=size) for share in shares]
        yield from repeats * np.concatenate(drawn, axis=1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--buckets", type=int, default=BUCKETS[-1], help="largest number of buckets")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--out", type=Path, help="directory for text and picture")
    options = parser.parse_args(arguments)
    marks = sorted({*(b for b in BUCKETS if b <= options.buckets), options.buckets})
    found: list[Cost] = []
    for n_classes in CLASSES:
        for further in (False, True):
            found += costs(n_classes, marks, seed=options.seed, further=further)
            repeated = marks if n_classes == TARGET_CLASSES else marks[:1]
            found += costs(n_classes, repeated, seed=options.seed, repeats=4, further=further)
    measured = f"median of {MEASURED} buckets and of {STEPS} steps, processor time, seed {options.seed}"
    busy = f"load average {os.getloadavg()[1]:.1f}: what else runs slows the processor's caches, too"
    text = f"{machine_line()}\n{busy}\n{measured}\n\n{table(found)}"
    write(options.out, "cost", text, plot(found))


if __name__ == "__main__":
    main()
