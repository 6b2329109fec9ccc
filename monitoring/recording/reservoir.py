"""Which of the items that passed by are worth showing to a labeler: a worker's bounded slots of one epoch.

An epoch lasts ten minutes, and the recorder ends it. What is kept, and why reports of several workers and
moments merge exactly, says `monitoring.recording.candidate`: forgetting slots early makes a worker report
more candidates, never others. It does so as often as the state has room for what it reports then
(docs/decisions/0026): of light traffic the state has nearly everything.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Final, Literal, TypeAlias

import numpy as np

from model_store.data.contents import content_of
from monitoring.recording.candidate import (
    EXPLORE_SHARE,
    TOLD_TIMES,
    Candidate,
    ProbabilityVector,
    Slots,
    draw_limit,
    item_key,
    merge,
    slots,
    total_slots,
)
from monitoring.recording.epoch_slots import Entry, EpochSlots, High
from monitoring.recording.observed import Observed
from monitoring.recording.ranking import (
    Probabilities,
    Ranking,
    Scores,
    nearness,
    reaching,
)

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
    workers : int
        How many share the traffic, and what may be reported of an epoch beyond one filling of the slots.

    Attributes
    ----------
    slots : Slots
        How many candidates it holds.
    usual : tuple of n_classes floats
        The shares it compares with, empty where none were given.
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
        workers: int = 1,
    ) -> None:
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
        self._fresh: dict[Entry, None] = {}
        self._latest = -inf
        self._most_bytes = most_bytes
        self._one_filling = total_slots(batch_size)
        self._workers = workers
        self.turned_away = 0
        self.reset()

    def offer(self, observed: Observed) -> None:
        """Look at the items of one answered request; keep those that enter a slot."""
        probabilities, tops = observed.decisions.probabilities, observed.decisions.top
        # Of equal scores the earlier arrival is better: nothing newer than all that is held enters on a tie.
        newest = observed.arrived_at > self._latest
        self._latest = max(self._latest, observed.arrived_at)
        held = self._held
        high = held.high_rows(probabilities, newest=newest)
        near = None if self._thresholds is None else nearness(probabilities, self._thresholds)
        floors = held.uncertain_floors(tops)
        uncertain = reaching(probabilities, tops, floors) if near is None else _at_least(near, floors)
        # Floors only rise while these items enter: the rows that reach one are among those that do now.
        reach = held.drawn_rows(observed)
        for row in sorted(reach.union(high, uncertain)):
            self._enter(
                observed,
                row,
                high=high.get(row),
                uncertainty=uncertain.get(row),
                near=None if near is None else float(near[row]),
                drawn=row in reach and held.draws(observed.sources[row], float(observed.priorities[row])),
            )

    def reset(self) -> None:
        """Open empty slots for a new epoch; what was not drained yet is still reported."""
        self._held = self._empty()
        self._remembered: dict[int, tuple[float, float]] = {}
        self._remembered_before: dict[int, tuple[float, float]] = {}
        self._told = 0

    @property
    def held_bytes(self) -> int:
        """Return about how much memory the candidates take."""
        return self._held.held_bytes

    def drain(self, *, passed: float | None = None) -> tuple[Candidate, ...]:
        """Return the candidates that entered since the last call and were not displaced meanwhile.

        With `passed`, the part of the epoch that is over, the slots are empty then: items that better ones
        would keep out are reported too. They stay as they are when more was reported of the epoch than fits
        that part of it, so that what is reported is of all of the epoch.
        """
        drained = tuple(replace(entry.candidate, kinds=frozenset(entry.kinds)) for entry in self._fresh)
        self._fresh.clear()
        # What was only drawn does not count: which items a score lets in must not depend on the draws.
        self._told += sum(one.scored for one in drained)
        if passed is not None and self._told < self._room(passed):
            self._held = self._empty()
        return drained

    def _empty(self) -> EpochSlots:
        return EpochSlots(self._ranking, self._sources, self.slots, self._fresh)

    def _room(self, passed: float) -> float:
        return self._one_filling * (1 + TOLD_TIMES * passed / self._workers)

    def _enter(
        self,
        observed: Observed,
        row: int,
        *,
        high: High | None,
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
            self._held.place_high(entry, *high)
        if scored and uncertainty is not None:
            self._held.place_uncertain(entry, int(observed.decisions.top[row]), uncertainty)
        if drawn:
            self._held.place_drawn(entry)
        self._held.keep(entry)

    def _is_new(self, observed: Observed, row: int) -> bool:
        """Tell whether an earlier occurrence of the same item has already taken its certainty slots.

        A resend has the probabilities of the original and a later arrival, so it can displace nothing;
        without this memory a load test on a hundred texts would never leave the slow path.
        """
        content = observed.inputs[row]
        item = content if isinstance(content, str) else frozenset(content.items())
        mark = hash((observed.ids[row], observed.sources[row], item))
        order = (observed.arrived_at, float(observed.priorities[row]))
        known = self._remembered.get(mark) or self._remembered_before.get(mark)
        is_new = known is None or order < known
        if mark not in self._remembered and len(self._remembered) >= _REMEMBERED_ITEMS:
            self._remembered_before, self._remembered = self._remembered, {}
        self._remembered[mark] = order if known is None else min(order, known)
        return is_new

    def _entry(self, observed: Observed, row: int, *, near: float | None) -> Entry:
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
        return Entry(candidate)


def _at_least(scores: Scores, floors: Scores) -> Mapping[int, float]:
    """Return the scores that reach their floor, by row."""
    rows = (scores >= floors).nonzero()[0]
    return dict(zip(rows.tolist(), scores[rows].tolist(), strict=True))
