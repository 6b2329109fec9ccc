"""What may an operator want to know about a detector now? Records and their JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from monitoring.detection.comparison import DECLARED_RATIO
from monitoring.detection.expectation import Expectation
from monitoring.detection.finding import Direction, Finding, Strongest
from monitoring.scanning.spans import Kind

# `calm` is said as soon as the doubling of one class would have been noticed: waiting for all of them would
# leave a service with one ultra-rare class warming for ever. `not_detectable` names what it does not cover.
State = Literal["warming", "calm", "drift", "blind"]


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

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One family of counts now.

    Attributes
    ----------
    share : float
        Of the false-alarm budget.
    statistic : float
        Largest evidence of its columns, and of the mix as a whole, in nats.
    whole_mix : float or None
        Evidence of the mix as a whole, in nats, where that is the strongest there is; else None.
    columns : tuple of CategoryStatus or None
        None for the classes, which are in `Status.categories`; `detectable_items` is None in all of them.
    """

    name: str
    kind: Kind
    share: float
    statistic: float
    whole_mix: float | None
    columns: tuple[CategoryStatus, ...] | None

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        columns = None
        if self.columns is not None:
            columns = [
                {key: value for key, value in each.to_json().items() if key != "detectable_items"}
                for each in self.columns
            ]
        return {name: getattr(self, name) for name in self.__slots__} | {"columns": columns}


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
    buckets_set_aside : int
        Bursts that were not judged since the windows last started anew, in buckets.
    items : int
        All items ever counted.
    last_items_at : float or None
        End of the newest bucket with items.
    baseline : dict or None
        `Baseline.summary`, with its kind.
    alarm : Finding or None
        What raised the open alarm.
    findings : tuple of Finding
        What was found while it was open, oldest first.
    strongest : Strongest or None
        The strongest window while it was open.
    shadow : dict or None
        `Shadow.status`: what the version before this one says while the baseline is provisional.
    waiting : str
        Why the baseline does not freeze by itself now; empty otherwise.
    """

    state: State
    since: float | None
    statistic: float
    threshold: float
    categories: tuple[CategoryStatus, ...]
    streams: tuple[StreamStatus, ...]
    baseline: dict[str, Any] | None
    window_items: int
    window_buckets: int
    buckets_set_aside: int
    items: int
    last_items_at: float | None
    alarm: Finding | None
    findings: tuple[Finding, ...]
    strongest: Strongest | None
    expectations: tuple[Expectation, ...]
    shadow: dict[str, Any] | None
    waiting: str

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return {name: getattr(self, name) for name in self.__slots__} | {
            "categories": [each.to_json() for each in self.categories],
            "streams": [each.to_json() for each in self.streams],
            "alarm": None if self.alarm is None else self.alarm.to_json(),
            "findings": [each.to_json() for each in self.findings],
            "strongest": None if self.strongest is None else self.strongest.to_json(),
            "expectations": [each.to_json() for each in self.expectations],
        }


def not_detectable(categories: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the categories whose doubling the baseline cannot show, however long one waits.

    They are too rare for the baseline's size, or it has none of them. A category with half of the traffic or
    more is not among them: it cannot double.

    Parameters
    ----------
    categories
        `CategoryStatus` as JSON; without a baseline there is nothing to say, and the list is empty.
    """
    return [
        each["name"]
        for each in categories
        if each["detectable_items"] is None
        and each["reference"] is not None
        and each["reference"] * DECLARED_RATIO < 1.0
    ]
