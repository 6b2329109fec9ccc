"""Slices: is a model as good on every source and at every time as it is on all rows together?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.calibrating.calibration import Float64s
from model_store.reports.metrics import Bools, Share, macro_f1, share

Rule: TypeAlias = str  # minute, hour, day, week, month, quarter or year

UNNAMED_SOURCE: Final = "(none)"
MOST_BUCKETS: Final = 24
_MOST_SOURCES: Final = 32
_SECONDS: Final = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_FORMAT: Final = {
    "minute": "%Y-%m-%d %H:%M",
    "hour": "%Y-%m-%d %H:00",
    "day": "%Y-%m-%d",
    "week": "week of %Y-%m-%d",
    "month": "%Y-%m",
    "quarter": "from %Y-%m",
    "year": "%Y",
}
_MONDAY: Final = datetime(1970, 1, 5, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class SliceClass:
    """One class on the rows of a slice; `positives` counts rows."""

    name: str
    positives: int
    recall: Share
    precision: Share


@dataclass(frozen=True, slots=True)
class Slice:
    """Figures on some of the rows.

    Parameters
    ----------
    macro_f1, macro_f1_policy : float, optional
        Over the classes that have rows here; None where none has.
    review_share : float
        Share of items that go to a person.
    classes : tuple of SliceClass
        Those that have rows here or are flagged.
    """

    name: str
    rows: int
    macro_f1: float | None
    macro_f1_policy: float | None
    review_share: float
    classes: tuple[SliceClass, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What is true of n items and what was said about them; the arrays of `K` classes are (n, K).

    Parameters
    ----------
    positive : bool array
        The true classes.
    flags : bool array
        Which classes reach their threshold.
    caught : bool array
        Which classes are flagged or left to people because of their probability.
    naive : bool array
        The most probable class; with several labels an item, those at even odds or better.
    called : bool array
        What the policy answers; nothing for an item it leaves to people.
    review : bool array of shape (n,)
        Which items go to a person.
    weights : float64 array of shape (n,), optional
    several : bool
        Whether an item may have several labels or none; none is right or wrong like any other answer then.
        With one label an item those of no class are left out of macro-F1: no class is right for them.
    """

    classes: tuple[str, ...]
    positive: Bools
    flags: Bools
    caught: Bools
    naive: Bools
    called: Bools
    review: Bools
    weights: Float64s | None = None
    several: bool = False

    def __len__(self) -> int:
        return len(self.positive)

    def at(self, rows: npt.NDArray[np.bool_]) -> "Answers":
        """Return those of some rows."""
        return Answers(
            self.classes,
            positive=self.positive[rows],
            flags=self.flags[rows],
            caught=self.caught[rows],
            naive=self.naive[rows],
            called=self.called[rows],
            review=self.review[rows],
            weights=None if self.weights is None else self.weights[rows],
            several=self.several,
        )

    def recall(self, k: int) -> Share:
        """Return the share of a class's items that are flagged as it."""
        return self._of_class(self.flags, k)

    def caught_share(self, k: int) -> Share:
        """Return the share of a class's items that are flagged as it or left to people because of it."""
        return self._of_class(self.caught, k)

    def _of_class(self, hit: Bools, k: int) -> Share:
        mine = self.positive[:, k]
        return share(hit[mine, k], None if self.weights is None else self.weights[mine])

    def precision(self, k: int) -> Share:
        """Return the share of the items flagged as a class that are of it."""
        flagged = self.flags[:, k]
        return share(self.positive[flagged, k], None if self.weights is None else self.weights[flagged])

    def macro_f1(self, called: Bools) -> float | None:
        """Return the macro-F1 of `called` over the classes that have rows; None where none has."""
        present = self.positive.any(axis=0)
        if not present.any():
            return None
        counted = self.positive.any(axis=1) | self.several
        return macro_f1(
            self.positive[np.ix_(counted, present)],
            called[np.ix_(counted, present)],
            n_classes=int(present.sum()),
            weights=None if self.weights is None else self.weights[counted],
        )

    def mean(self, of: Bools) -> float:
        """Return the share of items of which something is true; 0 without items."""
        return float(np.average(of, weights=self.weights)) if len(of) else 0.0


def figures_of(answers: Answers, name: str) -> Slice:
    """Return the figures of a slice that is already cut out."""
    classes = (
        SliceClass(
            name, int(answers.positive[:, k].sum()), recall=answers.recall(k), precision=answers.precision(k)
        )
        for k, name in enumerate(answers.classes)
    )
    return Slice(
        name,
        len(answers),
        macro_f1=answers.macro_f1(answers.naive),
        macro_f1_policy=answers.macro_f1(answers.called),
        review_share=answers.mean(answers.review),
        classes=tuple(each for each in classes if each.recall.rows or each.precision.rows),
    )


def by_source(answers: Answers, sources: Sequence[str]) -> tuple[Slice, ...]:
    """Return a slice per source, the largest first; beyond 32 the smallest are one slice."""
    names, index, counts = np.unique(
        np.array([source or UNNAMED_SOURCE for source in sources], dtype=object),
        return_inverse=True,
        return_counts=True,
    )
    order = np.argsort(-counts, kind="stable")
    kept, rest = order[:_MOST_SOURCES], order[_MOST_SOURCES:]
    slices = [figures_of(answers.at(index == i), str(names[i])) for i in kept]
    if len(rest):
        slices.append(figures_of(answers.at(np.isin(index, rest)), f"({len(rest)} smaller sources)"))
    return tuple(slices)


def over_time(answers: Answers, times: Sequence[float]) -> tuple[Slice, ...]:
    """Return a slice per time bucket that has rows, in order of time; see `bucket_rule`."""
    seconds = np.array(times, dtype=np.float64)
    if not len(seconds):
        return ()
    rule = bucket_rule(float(seconds.min()), float(seconds.max()))
    starts = list(bucket_starts(float(seconds.min()), float(seconds.max()), rule))
    index = np.searchsorted(np.array([start.timestamp() for start in starts]), seconds, side="right") - 1
    return tuple(
        figures_of(answers.at(index == i), starts[i].strftime(_FORMAT[rule])) for i in np.unique(index)
    )


def bucket_rule(first: float, last: float) -> Rule:
    """Return the shortest unit of the calendar, in UTC, that cuts a span into at most 24 buckets.

    Examples
    --------
    >>> bucket_rule(0.0, 86_400.0 * 20), bucket_rule(0.0, 86_400.0 * 700)
    ('day', 'month')
    """
    for rule in (*_SECONDS, *_MONTHS):
        units = _MONTHS.get(rule)
        length = units * 28 * 86_400 if units else _SECONDS[rule]  # no month is shorter than 28 days
        if (last - first) / length <= MOST_BUCKETS + 2 and _count(first, last, rule) <= MOST_BUCKETS:
            return rule
    return "year"


def bucket_starts(first: float, last: float, rule: Rule) -> Iterator[datetime]:
    """Yield the starts of the buckets from the one that holds `first` to the one that holds `last`."""
    start = _floor(first, rule)
    while start.timestamp() <= last:
        yield start
        start = _next(start, rule)


def _count(first: float, last: float, rule: Rule) -> int:
    return sum(1 for _ in bucket_starts(first, last, rule))


def _floor(seconds: float, rule: Rule) -> datetime:
    if length := _SECONDS.get(rule):
        origin = _MONDAY if rule == "week" else 0.0
        return datetime.fromtimestamp((seconds - origin) // length * length + origin, tz=UTC)
    moment = datetime.fromtimestamp(seconds, tz=UTC)
    month = (moment.month - 1) // _MONTHS[rule] * _MONTHS[rule] + 1
    return datetime(moment.year, month, 1, tzinfo=UTC)


def _next(start: datetime, rule: Rule) -> datetime:
    if length := _SECONDS.get(rule):
        return start + timedelta(seconds=length)
    month = start.month - 1 + _MONTHS[rule]
    return start.replace(year=start.year + month // 12, month=month % 12 + 1)
