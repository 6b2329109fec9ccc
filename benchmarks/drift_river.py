"""How do river's Page-Hinkley and ADWIN, told which class to watch, do on the same problems?

They read one number an item (is it the class or not) and need no reference. Each is run at its default and at
the most sensitive setting of a grid whose false alarms in 100,000 unchanged items stay within 5 % of the
runs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import numpy as np
from river.drift import ADWIN, PageHinkley

from benchmarks.drift_delays import Delays
from benchmarks.drift_problems import CALM_ITEMS, HORIZON_ITEMS, NOMINAL, PROBLEMS

PAGE_HINKLEY: Final = (50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 500.0)  # threshold; river's default first
ADWIN_DELTAS: Final = (2e-3, 1e-4, 1e-5, 1e-6, 1e-8, 1e-10)  # river's default first


class RiverDetector(Protocol):
    """What the two have in common."""

    @property
    def drift_detected(self) -> bool:
        """The last item raised an alarm."""
        ...

    def update(self, x: float) -> object:
        """Take in one item."""
        ...


SETTINGS: Final[Mapping[str, tuple[Callable[[], RiverDetector], ...]]] = {
    "Page-Hinkley": tuple(partial(PageHinkley, threshold=t) for t in PAGE_HINKLEY),
    "ADWIN": tuple(partial(ADWIN, delta=d) for d in ADWIN_DELTAS),
}


def first_alarm(detector: RiverDetector, items: list[int]) -> int | None:
    """Return after how many items the detector first alarms; None if it does not."""
    for number, item in enumerate(items, start=1):
        detector.update(item)
        if detector.drift_detected:
            return number
    return None


@dataclass(frozen=True)
class Told:
    """One of river's detectors on a change, told which class to watch."""

    problem: str
    change: str
    detector: str
    runs: int
    seed: int
    items: int


def measure(told: Told) -> dict[str, Delays]:
    """Return the delays of a detector, at its default and calibrated."""
    problem, rng = PROBLEMS[told.problem](), np.random.default_rng(told.seed)
    k, settings = problem.told[told.change], SETTINGS[told.detector]
    mix = problem.changes[told.change]
    after = np.array([mix(i)[k] for i in range(0, told.items, problem.bucket_items)])
    chances = np.concatenate([np.full(CALM_ITEMS, problem.shares[k]), np.repeat(after, problem.bucket_items)])
    streams = [_bernoulli(chances, rng) for _ in range(told.runs)]
    null = [_bernoulli(np.full(HORIZON_ITEMS, problem.shares[k]), rng) for _ in range(told.runs)]
    found = {f"{told.detector}, default, told the class": _delays(settings[0], streams)}
    for new in settings:
        if np.mean([first_alarm(new(), stream) is not None for stream in null]) <= NOMINAL:
            found[f"{told.detector}, told the class"] = _delays(new, streams)
            break
    return found


def _delays(new: Callable[[], RiverDetector], streams: list[list[int]]) -> Delays:
    firsts = [first_alarm(new(), stream) for stream in streams]
    late = [first for first in firsts if first is None or first > CALM_ITEMS]
    items = [None if first is None else first - CALM_ITEMS for first in late]
    return Delays.of(items, early=1.0 - len(late) / len(firsts))


def _bernoulli(chances: np.ndarray[tuple[int], np.dtype[np.float64]], rng: np.random.Generator) -> list[int]:
    hits: list[int] = (rng.random(len(chances)) < chances).astype(int).tolist()
    return hits
