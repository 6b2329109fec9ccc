"""Which items is a proposed version asked about? A simple random sample per epoch and source of the traffic.

Every occurrence has a uniform draw, and the reservoirs hold the smallest. Those up to the first that is not
answered yet are a simple random sample of their stratum at any moment, however far the answering is: each
stands for as many occurrences as the stratum's size over their number.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from monitoring.shadowing.answers import Answer
from monitoring.shadowing.tally import Tally
from monitoring.store.shadows import Drawn, Strata, Stratum


@dataclass(slots=True)
class Asked:
    """One occurrence: its draw, its row among the candidates, and both answers, the second once known."""

    priority: float
    row: int
    live: Answer
    candidate: Answer | None = None

    def to_json(self) -> list[Any]:
        """Return what `from_json` restores."""
        candidate = None if self.candidate is None else list(self.candidate)
        return [self.priority, self.row, list(self.live), candidate]

    @classmethod
    def from_json(cls, stored: Sequence[Any]) -> Self:
        """Restore what `to_json` returned."""
        priority, row, live, candidate = stored
        return cls(priority, row, tuple(live), None if candidate is None else tuple(candidate))


class Sample:
    """Strata that still grow, by epoch and source: sizes, and the smallest draws in ascending order."""

    def __init__(self) -> None:
        self.sizes: dict[Stratum, int] = {}
        self.asked: dict[Stratum, list[Asked]] = {}

    def take(self, now: Strata, *, per_stratum: int, live: Callable[[Drawn], Answer]) -> None:
        """Take in what the strata are now; what was displaced by smaller draws goes.

        What is gone from the store stays if it was answered: nothing of an item is kept here.
        """
        for stratum, drawn in now.drawn.items():
            self.sizes[stratum] = now.sizes[stratum]
            held = {each.priority: each for each in self.asked.get(stratum, ()) if each.candidate is not None}
            for each in drawn:
                if each.priority not in held:
                    held[each.priority] = Asked(each.priority, each.row, live(each))
            self.asked[stratum] = [held[at] for at in sorted(held)[:per_stratum]]

    def unanswered(self, limit: int) -> list[Asked]:
        """Return the next to be answered, the smallest draws of every stratum first."""
        waiting = [
            (rank, stratum, each)
            for stratum, asked in self.asked.items()
            for rank, each in enumerate(asked)
            if each.candidate is None
        ]
        return [each for _, _, each in sorted(waiting, key=lambda entry: entry[:2])[:limit]]

    def forget(self, gone: Sequence[Asked]) -> None:
        """Leave out what cannot be answered: its text was erased meanwhile."""
        left_out = {id(each) for each in gone}
        for stratum, asked in self.asked.items():
            self.asked[stratum] = [each for each in asked if id(each) not in left_out]

    def count(self, tally: Tally) -> None:
        """Add every stratum to the tally."""
        for stratum in self.sizes:
            self._count(stratum, tally)

    def close(self, tally: Tally, *, before: int) -> None:
        """Add the strata of epochs before `before` to the tally, and forget them."""
        for stratum in [each for each in self.sizes if each[0] < before]:
            self._count(stratum, tally)
            del self.sizes[stratum], self.asked[stratum]

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_json` restores it."""
        return {
            "strata": [
                [epoch, source, size, [each.to_json() for each in self.asked[epoch, source]]]
                for (epoch, source), size in sorted(self.sizes.items())
            ]
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned; an empty sample from an empty mapping."""
        sample = cls()
        for epoch, source, size, asked in stored.get("strata", ()):
            sample.sizes[epoch, source] = size
            sample.asked[epoch, source] = [Asked.from_json(each) for each in asked]
        return sample

    def _count(self, stratum: Stratum, tally: Tally) -> None:
        answered = list(_answered(self.asked[stratum]))
        for live, candidate in answered:
            tally.add(live, candidate, weight=self.sizes[stratum] / len(answered))


def _answered(asked: Sequence[Asked]) -> Iterator[tuple[Answer, Answer]]:
    """Yield the answers up to the first draw that waits."""
    for each in asked:
        if each.candidate is None:
            return
        yield each.live, each.candidate
