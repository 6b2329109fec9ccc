"""What does the service's own detector do on a simulated run: when does it alarm, how sure was it?

Every run draws its own baseline, which the detector collects and freezes by itself, and is fed bucket by
bucket through `Detector.close`, so that whatever a service does is in the numbers. Runs differ in their seed
only and are shared out over processes.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from benchmarks.drift_plain import PlainScan, plain_threshold
from benchmarks.drift_problems import HORIZON_ITEMS, PROBLEMS, Problem
from benchmarks.drift_traffic import DECLARED, PERIOD_ITEMS, Series, Traffic, one_stream
from monitoring.detection.bucket import Bucket
from monitoring.detection.detector import Detector
from monitoring.detection.detector_config import DetectorConfig
from monitoring.scanning.streams import class_stream

BASELINE_ITEMS: Final = 100_000
BEYOND: Final = 4.0  # nats over the threshold; a run is not followed further

Task = TypeVar("Task")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Run:
    """A run to simulate.

    Attributes
    ----------
    problem, traffic : str
        Keys of `PROBLEMS` and `TRAFFIC`, or `DECLARED`.
    change : str, optional
        Key of the problem's changes; it comes after `calm_items`.
    items : int
        Followed after the change, or in all without one.
    until_alarm : bool
        Stop at the first alarm after the change, or at the first of all without one.
    beside : bool
        The plain scan is fed the same buckets of a change.
    """

    problem: str
    traffic: str
    seed: tuple[int, ...]
    baseline_items: int = BASELINE_ITEMS
    change: str | None = None
    calm_items: int = 0
    items: int = HORIZON_ITEMS
    until_alarm: bool = True
    beside: bool = False


@dataclass
class Followed:
    """What the detector did.

    Attributes
    ----------
    calm, after : list of (int, float)
        Before and after the change: items, and the statistic, wherever it was larger than ever before.
    calm_alarm, alarm : int or None
        Items until the first alarm, before and after the change.
    clumpy : bool
        The baseline showed clumps.
    plain_calm_alarm, plain_alarm : int or None
        What the plain scan did, if it was fed the same.
    """

    calm: list[tuple[int, float]] = field(default_factory=list)
    after: list[tuple[int, float]] = field(default_factory=list)
    calm_alarm: int | None = None
    alarm: int | None = None
    clumpy: bool = False
    plain_calm_alarm: int | None = None
    plain_alarm: int | None = None


def detector_for(
    problem: Problem, *, baseline_items: int, tolerance: float = 0.0, season_items: int | None = None
) -> Detector:
    """Return a detector whose nominal rate is 5 % in `HORIZON_ITEMS`; a bucket lasts a second."""
    config = DetectorConfig(
        bucket_seconds=1.0,
        false_alarm_seconds=problem.n_buckets,
        tolerance=tolerance,
        season_seconds=None if season_items is None else season_items / problem.bucket_items,
        baseline_items=baseline_items,
        baseline_seconds=0.0,
    )
    return Detector([class_stream([f"class {k}" for k in range(len(problem.shares))])], config)


def simulate(run: Run) -> Followed:
    """Return what the detector does in one run."""
    problem, rng = PROBLEMS[run.problem](), np.random.default_rng(run.seed)
    season_items = PERIOD_ITEMS if run.traffic == DECLARED else None
    detector = detector_for(problem, baseline_items=run.baseline_items, season_items=season_items)
    traffic, followed = one_stream(run.traffic, problem, rng), Followed()
    second = 0
    while detector.baseline is None or detector.baseline.kind != "frozen":
        second = _collect(detector, traffic(problem, 1, run.baseline_items, rng), second)
    followed.clumpy = detector.baseline.clumps is not None and detector.baseline.clumps.any
    follow = partial(_follow, detector, bucket_items=problem.bucket_items)
    if run.change is None:
        series = traffic(problem, 1, run.items, rng)
        followed.alarm = follow(series, second, followed.after, until_alarm=run.until_alarm)
        return followed
    calm = traffic(problem, 1, run.calm_items, rng)
    followed.calm_alarm = follow(calm, second, followed.calm)
    second += len(calm)
    changed = _changed(problem, run, traffic, rng)
    baseline = detector.baseline.counts
    followed.alarm = follow(changed, second, followed.after, until_alarm=run.until_alarm)
    if run.beside:
        plain = PlainScan(baseline)
        followed.plain_calm_alarm = _plain_alarm(plain, calm, problem)
        if followed.plain_calm_alarm is None:
            followed.plain_alarm = _plain_alarm(plain, changed, problem)
    return followed


def peak(records: Sequence[tuple[int, float]]) -> float:
    """Return the largest statistic."""
    return max((statistic for _, statistic in records), default=0.0)


def reached(records: Sequence[tuple[int, float]], threshold: float) -> int | None:
    """Return after how many items the statistic was at the threshold; None if it never was."""
    return next((items for items, statistic in records if statistic >= threshold), None)


def in_parallel(
    work: Callable[[Task], Found], tasks: Iterable[Task], *, processes: int | None = None
) -> list[Found]:
    """Return what `work` makes of every task, in their order, on all cores unless told otherwise."""
    every = list(tasks)
    workers = processes or len(os.sched_getaffinity(0))
    if workers == 1 or len(every) == 1:
        return [work(task) for task in every]
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(work, every, chunksize=1))


def write(out: Path | None, name: str, text: str, svg: str | None = None) -> None:
    """Print a result, and keep it as text and picture in the directory `out` if there is one."""
    print(text, flush=True)
    if out is None:
        return
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.txt").write_text(f"{text}\n")
    if svg is not None:
        (out / f"{name}.svg").write_text(svg)


def _collect(detector: Detector, series: Series, second: int) -> int:
    for counts in series[:, 0]:
        if detector.baseline is not None and detector.baseline.kind == "frozen":
            return second
        detector.close(Bucket(counts.astype(np.int64), float(second), second + 1.0))
        second += 1
    return second


def _follow(
    detector: Detector,
    series: Series,
    second: int,
    records: list[tuple[int, float]],
    *,
    bucket_items: int,
    until_alarm: bool = False,
) -> int | None:
    """Feed a series to the detector, note where its statistic rises, and return the items until an alarm.

    Items are those that arrived, whether or not copies were counted.
    """
    largest, alarm, items = 0.0, None, 0
    for start, counts in enumerate(series[:, 0].astype(np.int64), start=second):
        events = detector.close(Bucket(counts, float(start), start + 1.0))
        items += bucket_items
        if detector.statistic > largest:
            largest = detector.statistic
            records.append((items, largest))
        if alarm is None and any(event.kind == "alarm_raised" for event in events):
            alarm = items
        if (until_alarm and alarm is not None) or largest >= detector.threshold + BEYOND:
            return alarm
    return alarm


def _plain_alarm(plain: PlainScan, series: Series, problem: Problem) -> int | None:
    """Return after how many items the plain scan alarms; None if it does not."""
    threshold = plain_threshold(problem.n_buckets)
    for number, counts in enumerate(series[:, 0].astype(np.int64), start=1):
        if plain.step(counts) >= threshold:
            return number * problem.bucket_items
    return None


def _changed(
    problem: Problem,
    run: Run,
    traffic: Traffic,
    rng: np.random.Generator,
) -> Series:
    """Return traffic after the change; where it takes its time, in pieces of one bucket."""
    mix = problem.changes[run.change or ""]
    if np.array_equal(mix(0), mix(HORIZON_ITEMS)):
        return traffic(replace(problem, shares=mix(0)), 1, run.items, rng)
    at = range(0, run.items, problem.bucket_items)
    return np.concatenate(
        [traffic(replace(problem, shares=mix(i)), 1, problem.bucket_items, rng) for i in at]
    )
