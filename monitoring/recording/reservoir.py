"""Which of the items that passed by are worth showing to a labeler: a worker's bounded slots of one epoch.

An epoch lasts ten minutes, and the recorder ends it. What is kept, and why reports of several workers and
moments merge exactly, says `monitoring.recording.candidate`: forgetting slots early makes a worker report
more candidates, never others.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Final, Literal, TypeAlias

import numpy as np

from model_store.data.contents import content_of
from monitoring.recording.candidate import (
    EXPLORE_SHARE,
    Candidate,
    ProbabilityVector,
    Slots,
    draw_limit,
    item_key,
    merge,
    occurrence_of,
    slots,
)
from monitoring.recording.observed import Observed
from monitoring.recording.ranking import (
    MOST_UNCERTAIN,
    MOST_UNUSUAL,
    Probabilities,
    Ranking,
    Scores,
    nearness,
    reaching,
)
from monitoring.recording.slot import Rank, Slot

__all__ = [
    "EPOCH_SECONDS",
    "EXPLORE_SHARE",
    "MOST_BYTES",
    "OTHER_SOURCE",
    "Candidate",
    "KeepText",
    "Probabilities",
    "ProbabilityVector",
    "Reservoir",
    "Slots",
    "draw_limit",
    "item_key",
    "merge",
    "slots",
]

KeepText: TypeAlias = Literal["full", "none"]

EPOCH_SECONDS: Final = 600
OTHER_SOURCE: Final = "other"
MOST_BYTES: Final = 64 * 2**20
_REMEMBERED_ITEMS: Final = 4096
# The columns whose slot an item reaches, and how unusual it is where it reaches that slot.
_High: TypeAlias = tuple[Sequence[int], float | None]
_NO_ROWS: Final[Mapping[int, _High]] = {}


class Reservoir:
    """The candidate slots of one worker for the current epoch; not thread-safe, the event loop owns it.

    Parameters
    ----------
    classes, sources : sequences of str
        In the model's order; the sources as declared, "other" is always one of them.
    batch_size : int
        The size of the batches the slots must be able to fill.
    keep_text : "full" or "none"
        With "none" no candidate carries its text or features.
    thresholds : sequence of n_classes floats, optional
        Of a model that gives any number of labels: its uncertain items are those near one of them.
    important : collection of str
        Classes of which more is kept, see `slots`; others than the model's are passed over.
    usual : sequence of n_classes floats, optional
        The positive share of items that each class usually has: what is compared with it is unusual.
    most_bytes : int
        Memory from which on nothing more enters for its score: long texts cost the choice, never the sample.

    Attributes
    ----------
    slots : Slots
        How many candidates it holds.
    usual : tuple of n_classes floats
        The shares it compares with, empty where none were given.
    held_bytes : int
        About how much memory the candidates take.
    turned_away : int
        Items that did not enter a slot for want of memory.
    """

    def __init__(
        self,
        classes: Sequence[str],
        *,
        sources: Sequence[str],
        batch_size: int,
        keep_text: KeepText = "full",
        thresholds: Sequence[float] | None = None,
        important: Collection[str] = (),
        usual: Sequence[float] | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._classes = tuple(classes)
        self._ranking = Ranking.of(classes, usual)
        self.usual = () if usual is None else tuple(map(float, usual))
        self._sources = tuple(dict.fromkeys((*sources, OTHER_SOURCE)))
        self.slots = slots(
            batch_size,
            n_classes=len(classes),
            n_sources=len(self._sources),
            important=frozenset(important).intersection(classes),
        )
        self._keep_text = keep_text
        self._thresholds = None if thresholds is None else np.array(thresholds, np.float64)
        self._fresh: dict[_Entry, None] = {}
        self._latest = -inf
        self._most_bytes = most_bytes
        self.turned_away = 0
        self.reset()

    def offer(self, observed: Observed) -> None:
        """Look at the items of one answered request; keep those that enter a slot."""
        probabilities, tops = observed.decisions.probabilities, observed.decisions.top
        # Of equal scores the earlier arrival is better: nothing newer than all that is held enters on a tie.
        newest = observed.arrived_at > self._latest
        self._latest = max(self._latest, observed.arrived_at)
        high = self._high_rows(probabilities, newest=newest)
        near = None if self._thresholds is None else nearness(probabilities, self._thresholds)
        floors = np.minimum(self._uncertain_floors.take(tops), self._most_uncertain.floor)
        uncertain = reaching(probabilities, tops, floors) if near is None else _at_least(near, floors)
        # Floors only rise while these items enter: the rows that reach one are among those that do now.
        reach = self._drawn_rows(observed)
        for row in sorted(reach.union(high, uncertain)):
            slot = self._random[observed.sources[row]]
            self._enter(
                observed,
                row,
                high=high.get(row),
                uncertainty=uncertain.get(row),
                near=None if near is None else float(near[row]),
                drawn=row in reach and -float(observed.priorities[row]) >= slot.floor,
            )

    def reset(self) -> None:
        """Open empty slots for a new epoch; what was not drained yet is still reported."""
        kept, classes = self.slots, self._classes
        self._top = [Slot[_Entry](kept.of(f"top:{name}")) for name in classes]
        self._most_unusual = Slot[_Entry](kept.most_unusual)
        self._uncertain = [Slot[_Entry](kept.uncertain) for _ in classes]
        self._most_uncertain = Slot[_Entry](kept.most_uncertain)
        self._random = {source: Slot[_Entry](kept.random) for source in self._sources}
        self._top_floors = np.full(len(classes), -np.inf, np.float32)
        self._unusual_floors = np.full(len(classes), -np.inf, np.float32)  # as probabilities
        # The slots' own, where one array operation reads those of all items.
        self._uncertain_floors = np.full(len(classes), -np.inf)
        self._random_floors = dict.fromkeys(self._sources, -inf)
        self._remembered: dict[int, tuple[float, float]] = {}
        self.held_bytes = sum(entry.held_bytes for entry in self._fresh)

    def drain(self) -> tuple[Candidate, ...]:
        """Return the candidates that entered since the last call and were not displaced meanwhile."""
        fresh, self._fresh = self._fresh, {}
        return tuple(replace(entry.candidate, kinds=frozenset(entry.kinds)) for entry in fresh)

    def _drawn_rows(self, observed: Observed) -> set[int]:
        """Return the rows whose draw reaches the floor of their source."""
        floors = list(map(self._random_floors.__getitem__, observed.sources))
        return set((-observed.priorities >= np.array(floors)).nonzero()[0].tolist())

    def _high_rows(self, probabilities: Probabilities, *, newest: bool) -> Mapping[int, "_High"]:
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

    def _enter(
        self,
        observed: Observed,
        row: int,
        *,
        high: "_High | None",
        uncertainty: float | None,
        near: float | None,
        drawn: bool,
    ) -> None:
        """Offer one item to the slots whose floor it reached."""
        scored = high is not None or uncertainty is not None
        if scored and not self._is_new(observed, row):
            scored = False
            if not drawn:
                return
        entry = self._entry(observed, row, near=near)
        if scored and self.held_bytes + entry.held_bytes > self._most_bytes:
            self.turned_away += 1
            scored = False
        if scored and high is not None:
            self._place_high(entry, *high)
        if scored and uncertainty is not None:
            self._place_uncertain(entry, int(observed.decisions.top[row]), uncertainty)
        one = entry.candidate
        if drawn:
            rank = (-one.priority, -one.at, one.key, 0.0)
            slot = self._random[one.source]
            self._place_at(entry, f"random:{one.source}", slot, occurrence_of(one), rank)
            self._random_floors[one.source] = slot.floor
        if entry.kinds:
            self._fresh[entry] = None
            self.held_bytes += entry.held_bytes

    def _place_high(self, entry: "_Entry", columns: Sequence[int], unusual: float | None) -> None:
        for column in columns:
            slot = self._top[column]
            score = float(entry.candidate.probabilities[column])
            self._place(entry, f"top:{self._classes[column]}", slot, score)
            self._top_floors[column] = slot.floor
        if unusual is not None:
            before = self._most_unusual.floor
            self._place(entry, MOST_UNUSUAL, self._most_unusual, unusual)
            if self._most_unusual.floor > before:
                floors = (self._most_unusual.floor * self._ranking.usual).astype(np.float32)
                # Whatever way it was rounded, a ratio at the floor is not passed over.
                self._unusual_floors = np.nextafter(floors, np.float32(-np.inf))

    def _place_uncertain(self, entry: "_Entry", top: int, uncertainty: float) -> None:
        self._place(entry, f"uncertain:{self._classes[top]}", self._uncertain[top], uncertainty)
        self._place(entry, MOST_UNCERTAIN, self._most_uncertain, uncertainty)
        self._uncertain_floors[top] = self._uncertain[top].floor

    def _place(self, entry: "_Entry", kind: str, slot: "Slot[_Entry]", score: float) -> None:
        one = entry.candidate
        self._place_at(entry, kind, slot, one.key, (score, -one.at, one.key, -one.priority))

    def _place_at(self, entry: "_Entry", kind: str, slot: "Slot[_Entry]", unit: object, rank: Rank) -> None:
        displaced = slot.offer(unit, rank, entry)
        if displaced is entry:
            return
        entry.kinds.add(kind)
        if displaced is not None:
            displaced.kinds.discard(kind)
            if not displaced.kinds:
                self._fresh.pop(displaced, None)
                self.held_bytes -= displaced.held_bytes

    def _is_new(self, observed: Observed, row: int) -> bool:
        """Tell whether an earlier occurrence of the same item has already taken its certainty slots.

        A resend has the probabilities of the original and a later arrival, so it can displace nothing;
        without this memory a load test on a hundred texts would never leave the slow path.
        """
        content = observed.inputs[row]
        item = content if isinstance(content, str) else frozenset(content.items())
        mark = hash((observed.ids[row], observed.sources[row], item))
        order = (observed.arrived_at, float(observed.priorities[row]))
        known = self._remembered.get(mark)
        if known is not None and known <= order:
            return False
        if len(self._remembered) >= _REMEMBERED_ITEMS:
            self._remembered.clear()
        self._remembered[mark] = order
        return True

    def _entry(self, observed: Observed, row: int, *, near: float | None) -> "_Entry":
        decisions, item_id, source = observed.decisions, observed.ids[row], observed.sources[row]
        text = content_of(observed.inputs[row])
        candidate = Candidate(
            key=item_key(source, text) if item_id is None else item_id,
            item_id=item_id,
            source=source,
            text=text if self._keep_text == "full" else None,
            # A copy: a view would keep the whole request's array alive.
            probabilities=decisions.probabilities[row].copy(),
            label=int(decisions.label[row]),
            decision=int(decisions.decision[row]),
            at=observed.arrived_at,
            priority=float(observed.priorities[row]),
            kinds=frozenset(),
            uncertainty=near,
        )
        return _Entry(candidate)


class _Entry:
    """A candidate and the slots that hold it now; equal only to itself."""

    __slots__ = ("candidate", "held_bytes", "kinds")

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self.held_bytes = candidate.held_bytes
        self.kinds: set[str] = set()


def _at_least(scores: Scores, floors: Scores) -> Mapping[int, float]:
    """Return the scores that reach their floor, by row."""
    rows = (scores >= floors).nonzero()[0]
    return dict(zip(rows.tolist(), scores[rows].tolist(), strict=True))
