"""What will the next waves find, how will that be known, and is the next one still worth its labels?

Before the first labels nobody knows: of the items that rules chose between none and all may be positive.
Afterwards the rate that each slice had carries over, with its interval (Clopper and Pearson 1934, 95 %).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from model_store.promises.bounds import lower_bound, upper_bound
from model_store.promises.targets import n_min
from monitoring.plan.earlier import Tally
from monitoring.plan.shares import Slice

RECALL: Final = 0.85
DELTA: Final = 0.1
POSITIVES: Final = n_min(RECALL, DELTA)
RECALL_LABELS: Final = 150  # explored labels before a recall is estimated at all
WORTH: Final = 2.0  # times the rate of exploration
_TAIL: Final = 0.025

Basis: TypeAlias = Literal["hits", "model", "measured", "unknown"]


@dataclass(frozen=True, slots=True)
class Expected:
    """Positives of a class that a wave will hold; `basis` says what the bounds rest on."""

    low: int
    high: int
    basis: Basis
    estimate: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what `--json` and the manifest say."""
        rounded = None if self.estimate is None else round(self.estimate, 1)
        return {"low": self.low, "estimate": rounded, "high": self.high, "basis": self.basis}


@dataclass(frozen=True, slots=True)
class Stop:
    """Whether the last wave found enough; the rates are None where nothing is labelled."""

    verdict: Literal["go on", "stop", "unknown"]
    rare: float | None = None
    explore: float | None = None


def wave_sizes(budget: int, wave: int, available: int) -> list[int]:
    """Return how many items each wave has until budget or pool are used up.

    Examples
    --------
    >>> wave_sizes(2500, 1000, 9000)
    [1000, 1000, 500]
    """
    left = min(budget, available)
    return [min(wave, left - at) for at in range(0, left, wave)]


def of_scores(scores: Sequence[float]) -> Expected:
    """Return the sum of calibrated probabilities, with what chance does to it if they hold in this pool."""
    mean = math.fsum(scores)
    spread = 1.96 * math.sqrt(math.fsum(p * (1 - p) for p in scores))
    high = min(math.ceil(mean + spread), len(scores))
    return Expected(max(math.floor(mean - spread), 0), high, "model", mean)


def of_rates(items: Mapping[Slice, int], measured: Mapping[Slice, Tally]) -> Expected:
    """Return positives by the rate that each slice had; a slice without labels may hold none or all."""
    low = high = mean = 0.0
    known = True
    for slice_, n in items.items():
        bounds = rates(measured[slice_])
        low, high, mean = low + n * bounds[0], high + n * bounds[2], mean + n * (bounds[1] or 0.0)
        known &= n == 0 or bounds[1] is not None
    found = math.floor(low + 1e-9), math.ceil(high - 1e-9)
    return Expected(*found, "measured", mean) if known else Expected(*found, "unknown")


def rates(tally: Tally) -> tuple[float, float | None, float]:
    """Return the lower bound of a rate, the rate and its upper bound.

    Examples
    --------
    >>> [round(x, 3) for x in rates(Tally(10, 100))]
    [0.049, 0.1, 0.176]
    """
    if not tally.labels:
        return 0.0, None, 1.0
    of = (tally.positives, tally.labels, _TAIL)
    return float(lower_bound(*of)), tally.positives / tally.labels, float(upper_bound(*of))


def stop(measured: Mapping[Slice, Tally]) -> Stop:
    """Apply the stop rule to the last wave: the rare slice found less than twice what exploration did.

    A rare slice that found nothing stops too, also where exploration found nothing.
    """
    rare, explore = rates(measured["rare"])[1], rates(measured["explore"])[1]
    if rare is None or explore is None:
        return Stop("unknown", rare, explore)
    over = rare == 0 or rare < WORTH * explore
    return Stop("stop" if over else "go on", rare, explore)


def explored_labels(tally: Tally) -> int | None:
    """Return the explored labels that hold `POSITIVES` of a class at its measured rate, if it has one."""
    return math.ceil(POSITIVES * tally.labels / tally.positives) if tally.positives else None
