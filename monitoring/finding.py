"""What did the detector find, in a form people and machines can read: records and their JSON."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, Self

Direction = Literal["rise", "fall"]
State = Literal["warming", "calm", "drift", "blind"]
EventKind = Literal["alarm_raised", "alarm_cleared"]

STATES: Final[tuple[State, ...]] = ("warming", "calm", "drift", "blind")
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
    """A category that moved; shares in [0, 1], `low` and `high` the current share's 95 % interval."""

    name: str
    reference: float
    current: float
    low: float
    high: float
    direction: Direction
    evidence: float


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
    """

    since_time: float
    since_items: int
    window_items: int
    window_buckets: int
    statistic: float
    threshold: float
    classes: tuple[ClassShift, ...]
    watched: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_json` restores it exactly."""
        return asdict(self) | {"classes": [asdict(c) for c in self.classes], "watched": list(self.watched)}

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned."""
        classes = tuple(ClassShift(**c) for c in snapshot["classes"])
        return cls(**{**snapshot, "classes": classes, "watched": tuple(snapshot["watched"])})


@dataclass(frozen=True, slots=True)
class Event:
    """An alarm was raised or cleared at `at`; `finding` is the alarm's, `why` a clause for people."""

    kind: EventKind
    at: float
    finding: Finding
    why: str


@dataclass(frozen=True, slots=True)
class CategoryStatus:
    """One category now; `low` and `high` are the current share's 95 % interval.

    Attributes
    ----------
    reference, current : float or None
        Shares in [0, 1]; None while there are no items to take them from.
    evidence : float
        Largest evidence over all windows, in nats; compare with the threshold.
    direction : "rise", "fall" or None
        Of that evidence; None without any.
    detectable_items : int or None
        Items after which twice the reference share would be noticed; None when it would not be.
    """

    name: str
    reference: float | None
    current: float | None
    low: float
    high: float
    evidence: float
    direction: Direction | None
    detectable_items: int | None


@dataclass(frozen=True, slots=True)
class Status:
    """All an operator may want to know about a detector.

    Attributes
    ----------
    since : float or None
        UTC seconds at which `state` was entered; None before the first closed bucket.
    statistic, threshold : float
        In nats; the statistic is 0 without a frozen baseline.
    window_items, window_buckets : int
        The recent traffic that `current` shares are taken from.
    items : int
        All items ever counted.
    last_items_at : float or None
        End of the newest bucket with items.
    baseline : dict or None
        `Baseline.to_json`, with its kind.
    alarm : Finding or None
        The open alarm.
    """

    state: State
    since: float | None
    statistic: float
    threshold: float
    categories: tuple[CategoryStatus, ...]
    baseline: dict[str, Any] | None
    window_items: int
    window_buckets: int
    items: int
    last_items_at: float | None
    alarm: Finding | None

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return asdict(self) | {
            "categories": [asdict(c) for c in self.categories],
            "alarm": None if self.alarm is None else self.alarm.to_json(),
        }
