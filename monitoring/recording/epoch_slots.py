"""Which slots of an epoch does an item reach, and what does it push out of them?

Floors are kept beside the slots where one array operation reads those of all items: most items reach none,
and that must cost next to nothing.
"""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Final, TypeAlias

import numpy as np

from monitoring.recording.candidate import Candidate, Slots, occurrence_of
from monitoring.recording.observed import Observed
from monitoring.recording.ranking import MOST_UNCERTAIN, MOST_UNUSUAL, Probabilities, Ranking, Scores, Tops
from monitoring.recording.slot import Rank, Slot

# The columns whose slot an item reaches, and how unusual it is where it reaches that slot.
High: TypeAlias = tuple[Sequence[int], float | None]
_NO_ROWS: Final[Mapping[int, High]] = {}


class Entry:
    """A candidate and the slots that hold it now; equal only to itself."""

    __slots__ = ("candidate", "held_bytes", "kinds")

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self.held_bytes = candidate.held_bytes
        self.kinds: set[str] = set()


class EpochSlots:
    """The slots of one worker for one epoch, empty at first.

    Parameters
    ----------
    sources : sequence of str
        Those that have a random slot.
    fresh : dict of Entry
        What entered and was not reported yet, in order; entries that leave their last slot leave it.

    Attributes
    ----------
    held_bytes : int
        About how much memory the candidates take, with those of `fresh` from before.
    """

    def __init__(
        self, ranking: Ranking, sources: Sequence[str], sizes: Slots, fresh: dict[Entry, None]
    ) -> None:
        self._ranking, self._fresh = ranking, fresh
        self._top = [Slot[Entry](sizes.of(f"top:{name}")) for name in ranking.classes]
        self._most_unusual = Slot[Entry](sizes.most_unusual)
        self._uncertain = [Slot[Entry](sizes.uncertain) for _ in ranking.classes]
        self._most_uncertain = Slot[Entry](sizes.most_uncertain)
        self._random = {source: Slot[Entry](sizes.random) for source in sources}
        self._top_floors = np.full(len(ranking.classes), -np.inf, np.float32)
        self._unusual_floors = np.full(len(ranking.classes), -np.inf, np.float32)  # as probabilities
        self._uncertain_floors = np.full(len(ranking.classes), -np.inf)
        self._random_floors = dict.fromkeys(sources, -inf)
        self.held_bytes = sum(entry.held_bytes for entry in fresh)

    def high_rows(self, probabilities: Probabilities, *, newest: bool) -> Mapping[int, High]:
        """Return what the rows that reach a slot for high probabilities reach."""
        floors = np.minimum(self._top_floors, self._unusual_floors)
        above = probabilities > floors if newest else probabilities >= floors
        rows = np.flatnonzero(above.any(axis=1))
        if not len(rows):
            return _NO_ROWS
        part = probabilities[rows]
        columns: dict[int, list[int]] = {}
        reached = part > self._top_floors if newest else part >= self._top_floors
        for place, column in zip(*map(np.ndarray.tolist, reached.nonzero()), strict=True):
            columns.setdefault(place, []).append(column)
        ratios = self._ranking.unusual(part)
        bar = self._most_unusual.floor
        unusual = (ratios > bar if newest else ratios >= bar).tolist()
        return {
            row: (columns.get(place, ()), float(ratios[place]) if unusual[place] else None)
            for place, row in enumerate(rows.tolist())
            if unusual[place] or place in columns
        }

    def uncertain_floors(self, tops: Tops) -> Scores:
        """Return the uncertainty that lets an item of each most probable class into a slot."""
        floors: Scores = np.minimum(self._uncertain_floors.take(tops), self._most_uncertain.floor)
        return floors

    def drawn_rows(self, observed: Observed) -> set[int]:
        """Return the rows whose draw reaches the floor of their source."""
        floors = list(map(self._random_floors.__getitem__, observed.sources))
        return set((-observed.priorities >= np.array(floors)).nonzero()[0].tolist())

    def draws(self, source: str, priority: float) -> bool:
        """Tell whether a draw reaches the random slot of its source."""
        return -priority >= self._random[source].floor

    def place_high(self, entry: Entry, columns: Sequence[int], unusual: float | None) -> None:
        """Offer an entry to the slots for high probabilities that it reaches."""
        for column in columns:
            slot = self._top[column]
            score = float(entry.candidate.probabilities[column])
            self._place(entry, f"top:{self._ranking.classes[column]}", slot, score)
            self._top_floors[column] = slot.floor
        if unusual is not None:
            before = self._most_unusual.floor
            self._place(entry, MOST_UNUSUAL, self._most_unusual, unusual)
            if self._most_unusual.floor > before:
                floors = (self._most_unusual.floor * self._ranking.usual).astype(np.float32)
                # Whatever way it was rounded, a ratio at the floor is not passed over.
                self._unusual_floors = np.nextafter(floors, np.float32(-np.inf))

    def place_uncertain(self, entry: Entry, top: int, uncertainty: float) -> None:
        """Offer an entry, whose most probable class is given, to the slots for uncertain items."""
        self._place(entry, f"uncertain:{self._ranking.classes[top]}", self._uncertain[top], uncertainty)
        self._place(entry, MOST_UNCERTAIN, self._most_uncertain, uncertainty)
        self._uncertain_floors[top] = self._uncertain[top].floor

    def place_drawn(self, entry: Entry) -> None:
        """Offer an entry to the random slot of its source."""
        one = entry.candidate
        rank = (-one.priority, -one.at, one.key, 0.0)
        slot = self._random[one.source]
        self._place_at(entry, f"random:{one.source}", slot, occurrence_of(one), rank)
        self._random_floors[one.source] = slot.floor

    def keep(self, entry: Entry) -> None:
        """Count an entry that is in a slot now."""
        if entry.kinds:
            self._fresh[entry] = None
            self.held_bytes += entry.held_bytes

    def _place(self, entry: Entry, kind: str, slot: Slot[Entry], score: float) -> None:
        one = entry.candidate
        self._place_at(entry, kind, slot, one.key, (score, -one.at, one.key, -one.priority))

    def _place_at(self, entry: Entry, kind: str, slot: Slot[Entry], unit: object, rank: Rank) -> None:
        displaced = slot.offer(unit, rank, entry)
        if displaced is entry:
            return
        entry.kinds.add(kind)
        if displaced is not None:
            displaced.kinds.discard(kind)
            if not displaced.kinds:
                self._fresh.pop(displaced, None)
                self.held_bytes -= displaced.held_bytes
