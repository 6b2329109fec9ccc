"""Which are the best few of a stream under a total order, one a unit, whatever order they come in?"""

from bisect import bisect_left, insort
from math import inf
from typing import Generic, TypeAlias, TypeVar

# (score, -arrival, key, -priority), larger is better. Arrival and key come before the priority: were ties of
# saturated probabilities broken by it, certainty picks would depend on the random draw and bias its weights.
Rank: TypeAlias = tuple[float, float, str, float]
Held = TypeVar("Held")


class Slot(Generic[Held]):
    """The best `size` units by rank, one entry a unit; `floor` is the score to reach, -inf with room left.

    A sorted list, not a heap: a better entry of a unit takes the place of the one held, wherever that stands.
    """

    __slots__ = ("_held", "_ranks", "_size", "floor")

    def __init__(self, size: int) -> None:
        self._size = size
        self._ranks: list[tuple[Rank, object]] = []
        self._held: dict[object, tuple[Rank, Held]] = {}
        self.floor = -inf

    def offer(self, unit: object, rank: Rank, entry: Held) -> Held | None:
        """Return what `entry` displaced: None when there was room, `entry` itself when it did not get in."""
        known = self._held.get(unit)
        if known is not None:
            if rank <= known[0]:
                return entry
            del self._ranks[bisect_left(self._ranks, (known[0], unit))]
            displaced: Held | None = known[1]
        elif len(self._ranks) < self._size:
            displaced = None
        elif rank <= self._ranks[0][0]:
            return entry
        else:
            _, worst = self._ranks.pop(0)
            displaced = self._held.pop(worst)[1]
        insort(self._ranks, (rank, unit))
        self._held[unit] = (rank, entry)
        if len(self._ranks) == self._size:
            self.floor = self._ranks[0][0][0]
        return displaced

    def best_first(self) -> tuple[Held, ...]:
        """Return the entries by descending rank."""
        return tuple(self._held[unit][1] for _, unit in reversed(self._ranks))
