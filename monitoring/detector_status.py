"""What may an operator want to know about a detector now: records, their JSON, and how they are read off?"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from monitoring.comparison import DECLARED_RATIO, Comparison, Scanned
from monitoring.finding import Direction, Finding, share_interval
from monitoring.windows import Counts

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


def category_statuses(
    names: Sequence[str], counts: Counts, *, comparison: Comparison | None, scanned: Scanned | None
) -> tuple[CategoryStatus, ...]:
    """Return the status of every category, given the recent traffic's counts in the order of `names`."""
    return tuple(
        _category(k, name, counts, comparison=comparison, scanned=scanned) for k, name in enumerate(names)
    )


def _category(
    k: int, name: str, counts: Counts, *, comparison: Comparison | None, scanned: Scanned | None
) -> CategoryStatus:
    count, items = int(counts[k]), int(counts.sum())
    low, high = share_interval(count, items)
    evidence, direction = _evidence(k, scanned)
    return CategoryStatus(
        name=name,
        reference=None if comparison is None else comparison.share(k),
        current=count / items if items else None,
        low=low,
        high=high,
        evidence=evidence,
        direction=direction,
        detectable_items=None if comparison is None else comparison.detectable_items(k),
    )


def _evidence(k: int, scanned: Scanned | None) -> tuple[float, Direction | None]:
    if scanned is None or scanned.result.evidence[k] == 0.0:
        return 0.0, None
    return float(scanned.result.evidence[k]), "rise" if scanned.result.rises[k] else "fall"
