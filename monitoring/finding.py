"""What did the detector find, in a form people and machines can read: records and their JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, Self

import numpy as np

from monitoring.comparison import Comparison, Scanned
from monitoring.streams import CLASSES

Direction = Literal["rise", "fall"]
EventKind = Literal["alarm_raised", "finding_added", "alarm_cleared"]
EndedBy = Literal["calm", "baseline", "false"]

NAMING_ERROR_RATE: Final = 0.01  # of naming any category that did not move, in the alarm's window
_Z95: Final = 1.959963984540054  # 97.5 % quantile of the normal distribution


def share_interval(count: int, items: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share; (0, 1) without items.

    Examples
    --------
    >>> [round(bound, 4) for bound in share_interval(80, 1000)]
    [0.0647, 0.0985]
    """
    if items == 0:
        return 0.0, 1.0
    share, spread = count / items, _Z95**2 / items
    centre = (share + spread / 2.0) / (1.0 + spread)
    half = math.sqrt(share * (1.0 - share) * spread + spread**2 / 4.0) / (1.0 + spread)
    return max(centre - half, 0.0), min(centre + half, 1.0)


@dataclass(frozen=True, slots=True)
class ClassShift:
    """A category that moved; shares in [0, 1], `low` and `high` the current share's 95 % interval.

    `stream` tells what it is a category of: of the classes, or of a measured quantity.
    """

    name: str
    reference: float
    current: float
    low: float
    high: float
    direction: Direction
    evidence: float
    stream: str = CLASSES


@dataclass(frozen=True, slots=True)
class Finding:
    """What an alarm says, all of it read off the strongest window.

    Attributes
    ----------
    since_time : float
        Estimate of when the change began, UTC seconds: the beginning of the window.
    since_items : int
        The same in items before the alarm; as many as the window holds.
    window_items, window_buckets : int
        Size of the window in items and in buckets with items.
    statistic, threshold : float
        In nats.
    classes : tuple of ClassShift
        The named categories, strongest evidence first.
    watched : tuple of str
        The classes whose items are worth labelling: named ones that rose, or fell if none rose.
    stream : str
        Where the strongest evidence is.
    distance : float
        Total variation distance of that stream's mix from the baseline's in the window, less what chance
        alone makes of it; at least 0.
    """

    since_time: float
    since_items: int
    window_items: int
    window_buckets: int
    statistic: float
    threshold: float
    classes: tuple[ClassShift, ...]
    watched: tuple[str, ...]
    stream: str = CLASSES
    distance: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_json` restores it exactly."""
        return asdict(self) | {"classes": [asdict(c) for c in self.classes], "watched": list(self.watched)}

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned."""
        classes = tuple(ClassShift(**c) for c in snapshot["classes"])
        return cls(**{**snapshot, "classes": classes, "watched": tuple(snapshot["watched"])})


@dataclass(frozen=True, slots=True)
class Strongest:
    """The strongest window while an alarm is open: its statistic, its beginning, its size, and when it was.

    `since_time` and `at` are UTC seconds.
    """

    statistic: float
    since_time: float
    items: int
    at: float

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form; `Strongest(**...)` restores it exactly."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to an alarm at `at`.

    Attributes
    ----------
    finding : Finding
        The alarm's; of `finding_added`, the further one.
    why : str
        A clause for people.
    ended_by : str or None
        Of `alarm_cleared`: fresh calm traffic, another baseline, or somebody who called the alarm false.
    strongest : Strongest or None
        Of `alarm_cleared`.
    """

    kind: EventKind
    at: float
    finding: Finding
    why: str
    ended_by: EndedBy | None = None
    strongest: Strongest | None = None


def describe(scanned: Scanned, comparison: Comparison, categories: Sequence[str]) -> Finding:
    """Return what an alarm at this scan says.

    Named are the category with the strongest evidence, and those that pass a test of the alarm's window alone
    in which any category that did not move is named with a probability of at most 1 %. None is named where
    the mix as a whole moved and every category stayed within the tolerance.
    """
    windows, result = scanned.windows, scanned.result
    i = result.window
    bar = math.log(windows.lengths[i]) - math.log(NAMING_ERROR_RATE)
    named = {int(result.strongest.argmax()), *np.flatnonzero(result.strongest >= bar).tolist()}
    shifts = [_shift(k, scanned, comparison, categories[k]) for k in named if result.strongest[k] > 0.0]
    classes = tuple(sorted(shifts, key=lambda shift: (-shift.evidence, shift.name)))
    return Finding(
        since_time=float(windows.starts[i]),
        since_items=int(windows.items[i]),
        window_items=int(windows.items[i]),
        window_buckets=int(windows.lengths[i]),
        statistic=result.statistic,
        threshold=comparison.threshold,
        classes=classes,
        watched=watched_classes(classes),
    )


def watched_classes(shifts: Sequence[ClassShift]) -> tuple[str, ...]:
    """Return the classes whose items are worth labelling: those that rose, or fell if none rose.

    When one class rises all others lose share; labels of those would say nothing new.
    """
    rose = tuple(shift.name for shift in shifts if shift.direction == "rise")
    return rose or tuple(shift.name for shift in shifts)


def _shift(k: int, scanned: Scanned, comparison: Comparison, name: str) -> ClassShift:
    result = scanned.result
    count = int(scanned.windows.counts[result.window, k])
    items = int(scanned.windows.items[result.window])
    low, high = share_interval(count, items)
    return ClassShift(
        name=name,
        reference=comparison.share(k),
        current=count / items,
        low=low,
        high=high,
        direction="rise" if result.strongest_rises[k] else "fall",
        evidence=float(result.strongest[k]),
    )
