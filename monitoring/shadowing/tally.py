"""How often do two versions answer alike, and where not? Weighted counts of a sample of traffic."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from model_store.policy import NO_CLASS
from model_store.promises.bounds import lower_bound, upper_bound
from monitoring.shadowing.answers import Answer

MOST_CHANGES: Final = 400  # pairs of answers that are told apart; of several labels there may be any number
_DELTA: Final = 0.025  # on each side: 95 %


@dataclass(slots=True)
class Count:
    """Sampled items, and how many of the traffic they stand for."""

    items: int = 0
    weight: float = 0.0

    def add(self, weight: float) -> None:
        """Count one more item."""
        self.items += 1
        self.weight += weight

    def to_json(self) -> list[float]:
        """Return what `Count(*...)` restores."""
        return [self.items, self.weight]


@dataclass(slots=True)
class ClassCount:
    """Items that both versions, or only one of them, answered with a class."""

    both: Count = field(default_factory=Count)
    only_live: Count = field(default_factory=Count)
    only_candidate: Count = field(default_factory=Count)


class Tally:
    """Counts of pairs of answers."""

    def __init__(self) -> None:
        self.all = Count()
        self.agreed = Count()
        self.squares = 0.0
        self.classes: dict[str, ClassCount] = {}
        self.changes: dict[tuple[Answer, Answer], Count] = {}

    def add(self, live: Answer, candidate: Answer, *, weight: float) -> None:
        """Count one sampled item that stands for `weight` of the traffic."""
        self.all.add(weight)
        self.squares += weight * weight
        for name in _named(live) | _named(candidate):
            count = self.classes.setdefault(name, ClassCount())
            in_both = name in _named(live) and name in _named(candidate)
            alone = count.only_live if name in _named(live) else count.only_candidate
            (count.both if in_both else alone).add(weight)
        if live == candidate:
            self.agreed.add(weight)
        elif (live, candidate) in self.changes or len(self.changes) < MOST_CHANGES:
            self.changes.setdefault((live, candidate), Count()).add(weight)

    def agreement(self) -> dict[str, float] | None:
        """Return the share of the traffic that both answer alike, with a 95 % interval; None of no item.

        Clopper and Pearson at the effective sample size, see `model_store.promises.bounds`.
        """
        if not self.all.items:
            return None
        ratio = self.agreed.weight / self.all.weight
        effective = self.all.weight**2 / self.squares
        return {
            "ratio": ratio,
            "low": float(lower_bound(ratio * effective, effective, _DELTA)),
            "high": float(upper_bound(ratio * effective, effective, _DELTA)),
        }

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_json` restores it."""
        return {
            "all": self.all.to_json(),
            "agreed": self.agreed.to_json(),
            "squares": self.squares,
            "classes": {
                name: [each.to_json() for each in (count.both, count.only_live, count.only_candidate)]
                for name, count in sorted(self.classes.items())
            },
            "changes": [
                [list(live), list(candidate), *count.to_json()]
                for (live, candidate), count in sorted(self.changes.items())
            ],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned; nothing counted from an empty mapping."""
        tally = cls()
        if not stored:
            return tally
        tally.all, tally.agreed = Count(*stored["all"]), Count(*stored["agreed"])
        tally.squares = stored["squares"]
        tally.classes = {
            name: ClassCount(*(Count(*each) for each in counts)) for name, counts in stored["classes"].items()
        }
        tally.changes = {
            (tuple(live), tuple(candidate)): Count(int(items), weight)
            for live, candidate, items, weight in stored["changes"]
        }
        return tally


def _named(answer: Answer) -> set[str]:
    return set(answer) or {NO_CLASS}
