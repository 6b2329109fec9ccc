"""What does a closed bucket cost, at how many classes and after how many buckets, in time and memory?

python -m benchmarks.drift_cost [--buckets 1000000]
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from benchmarks.machine import machine_line
from monitoring.detector import Bucket, Detector, DetectorConfig
from monitoring.streams import class_stream
from monitoring.windows import drift_categories

CLASSES: Final = (2, 30, 150, 1_000)
BUCKETS: Final = (1_000, 10_000, 100_000)
MEASURED: Final = 200  # buckets whose cost is averaged
BUCKET_ITEMS: Final = 50
CONFIG: Final = DetectorConfig(baseline_items=20_000, baseline_seconds=0.0)


def shares_of(n_classes: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return Zipf shares of the classes and 1 % of `no_class_passes`."""
    zipf = 1.0 / np.arange(1, n_classes + 1)
    return np.append(0.99 * zipf / zipf.sum(), 0.01)


def costs(n_classes: int, marks: Sequence[int], *, seed: int) -> Iterator[tuple[int, float, int, int]]:
    """Yield per mark: buckets seen, seconds a bucket of `Detector.close`, windows, bytes of the snapshot.

    The buckets between the marks are added to the windows without scanning them, which leaves the same
    windows.
    """
    rng, shares = np.random.default_rng(seed), shares_of(n_classes)
    categories = drift_categories(tuple(f"class {k}" for k in range(n_classes)))
    detector = Detector(
        (class_stream(categories),), DetectorConfig(baseline_items=20_000, baseline_seconds=0.0)
    )
    detector.close(Bucket(rng.multinomial(20_000, shares), 0.0, 10.0))
    seen = 0
    for mark in marks:
        for counts in _drawn(rng, shares, mark - seen - MEASURED):
            detector._judge.windows.add(counts, start=10.0 * seen)
        buckets = [Bucket(c, 10.0 * mark, 10.0 * mark + 10.0) for c in _drawn(rng, shares, MEASURED)]
        started = time.perf_counter()
        for bucket in buckets:
            detector.close(bucket)
        seconds = (time.perf_counter() - started) / MEASURED
        seen = mark
        yield (
            mark,
            seconds,
            len(detector._judge.windows.suffixes().lengths),
            len(json.dumps(detector.to_json())),
        )


def _drawn(
    rng: np.random.Generator, shares: np.ndarray[tuple[int], np.dtype[np.float64]], n: int
) -> Iterator[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    for start in range(0, n, 1_000):
        yield from rng.multinomial(BUCKET_ITEMS, shares, size=min(1_000, n - start))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--buckets", type=int, default=BUCKETS[-1], help="largest number of buckets")
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args(arguments)
    marks = sorted({*(b for b in BUCKETS if b <= options.buckets), options.buckets})
    print(machine_line())
    print("\n| classes | buckets | ms a bucket | windows | snapshot KiB |\n|---|---|---|---|---|")
    for n_classes in CLASSES:
        for buckets, seconds, windows, size in costs(n_classes, marks, seed=options.seed):
            row = f"| {n_classes} | {buckets:,} | {seconds * 1e3:.3f} | {windows} | {size / 1024:.0f} |"
            print(row, flush=True)


if __name__ == "__main__":
    main()
