"""What did the detector find, in a form people and machines can read: records and their JSON."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, Self

from monitoring.scanning.streams import CLASSES

Direction = Literal["rise", "fall"]
EventKind = Literal["alarm_raised", "finding_added", "alarm_cleared"]
EndedBy = Literal["calm", "baseline", "false", "promotion", "rollback", "superseded"]

_Z95: Final = 1.959963984540054  # 97.5 % quantile of the normal distribution


def share_interval(count: int, items: int, *, inflation: float = 1.0) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share; (0, 1) without items.

    Parameters
    ----------
    inflation : float
        Variance of the count over that of independent items: so many are worth one.

    Examples
    --------
    >>> [round(bound, 4) for bound in share_interval(80, 1000)]
    [0.0647, 0.0985]
    >>> [round(bound, 4) for bound in share_interval(80, 1000, inflation=4.0)]
    [0.0523, 0.1205]
    """
    if items == 0:
        return 0.0, 1.0
    share, spread = count / items, _Z95**2 * inflation / items
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
        What it is about: the classes if they alone suffice for an alarm, else the strongest evidence.
    left_out : tuple of str
        Categories that were set aside; where they exclude each other, shares are those of the other items.
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
    left_out: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_json` restores it exactly."""
        return asdict(self) | {
            "classes": [asdict(c) for c in self.classes],
            "watched": list(self.watched),
            "left_out": list(self.left_out),
        }

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned, in this release or an earlier one."""
        names = {name: tuple(snapshot.get(name, ())) for name in ("watched", "left_out")}
        return cls(**{**snapshot, **names, "classes": tuple(ClassShift(**c) for c in snapshot["classes"])})


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
        Of `alarm_cleared`: fresh calm traffic, another baseline, somebody who called the alarm false, or
        another version that was put in force.
    strongest : Strongest or None
        Of `alarm_cleared`.
    """

    kind: EventKind
    at: float
    finding: Finding
    why: str
    ended_by: EndedBy | None = None
    strongest: Strongest | None = None
