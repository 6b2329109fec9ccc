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
import numpy.typing as npt

from model_store.data.contents import content_of
from monitoring.recording.candidate import (
    EXPLORE_SHARE,
    MOST_UNCERTAIN,
    Candidate,
    Probabilities,
    ProbabilityVector,
    Scores,
    Slots,
    draw_limit,
    item_key,
    margins,
    merge,
    nearness,
    occurrence_of,
    slots,
)
from monitoring.recording.observed import Observed
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
    "margins",
    "merge",
    "slots",
]

Tops: TypeAlias = npt.NDArray[np.int32]  # (n_items,), the most probable class
KeepText: TypeAlias = Literal["full", "none"]

EPOCH_SECONDS: Final = 600
OTHER_SOURCE: Final = "other"
MOST_BYTES: Final = 64 * 2**20
_FLOAT32_SLACK: Final = 1e-5  # rows sum to 1 only to about 1e-6
_REMEMBERED_ITEMS: Final = 4096
_FEW_ROWS: Final = 4  # up to here plain lists are faster than numpy's fixed cost: 1 us a row against 6
_NO_COLUMNS: Final[Mapping[int, Sequence[int]]] = {}
_NO_ROWS: Final[Mapping[int, float]] = {}


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
    most_bytes : int
        Memory from which on nothing more enters for its score: long texts cost the choice, never the sample.

    Attributes
    ----------
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
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._classes = tuple(classes)
        self._sources = tuple(dict.fromkeys((*sources, OTHER_SOURCE)))
        self._slots = slots(
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
        reached = probabilities > self._top_floors if newest else probabilities >= self._top_floors
        columns = _columns_by_row(reached) if np.count_nonzero(reached) else _NO_COLUMNS
        near = None if self._thresholds is None else nearness(probabilities, self._thresholds)
        uncertain = self._uncertain_rows(probabilities, tops) if near is None else self._near_rows(near, tops)
        # Floors only rise while these items enter: the rows that reach one are among those that do now.
        reach = self._drawn_rows(observed)
        for row in sorted(reach.union(columns, uncertain)):
            slot = self._random[observed.sources[row]]
            self._enter(
                observed,
                row,
                columns=columns.get(row, ()),
                uncertainty=uncertain.get(row),
                near=None if near is None else float(near[row]),
                drawn=row in reach and -float(observed.priorities[row]) >= slot.floor,
            )

    def reset(self) -> None:
        """Open empty slots for a new epoch; what was not drained yet is still reported."""
        kept, classes = self._slots, self._classes
        self._top = [Slot[_Entry](kept.of(f"top:{name}")) for name in classes]
        self._uncertain = [Slot[_Entry](kept.uncertain) for _ in classes]
        self._most_uncertain = Slot[_Entry](kept.most_uncertain)
        self._random = {source: Slot[_Entry](kept.random) for source in self._sources}
        self._top_floors = np.full(len(classes), -np.inf, np.float32)
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

    def _uncertain_rows(self, probabilities: Probabilities, tops: Tops) -> Mapping[int, float]:
        """Return the uncertainty, 1 - margin, of the rows that reach the floor of a slot."""
        n, n_classes = probabilities.shape
        best = probabilities.reshape(-1).take(np.arange(n) * n_classes + tops).astype(np.float64)
        floors = self._floors_of(tops)
        # The second best is at most 1 - best: the margin of a confident item need not be computed.
        near = (2 - 2 * best + _FLOAT32_SLACK >= floors).nonzero()[0].tolist()
        if not near:
            return _NO_ROWS
        if len(near) <= _FEW_ROWS:
            uncertainty = [1 - _margin(probabilities[row].tolist(), int(tops[row])) for row in near]
        else:
            uncertainty = (1 - margins(probabilities[near])).tolist()
        return {row: score for row, score in zip(near, uncertainty, strict=True) if score >= floors[row]}

    def _near_rows(self, near: Scores, tops: Tops) -> Mapping[int, float]:
        """Return the nearness to a threshold of the rows that reach the floor of a slot."""
        rows = (near >= self._floors_of(tops)).nonzero()[0]
        return dict(zip(rows.tolist(), near[rows].tolist(), strict=True))

    def _floors_of(self, tops: Tops) -> Scores:
        """Return the uncertainty that lets an item of each most probable class into a slot."""
        floors: Scores = np.minimum(self._uncertain_floors.take(tops), self._most_uncertain.floor)
        return floors

    def _enter(
        self,
        observed: Observed,
        row: int,
        *,
        columns: Sequence[int],
        uncertainty: float | None,
        near: float | None,
        drawn: bool,
    ) -> None:
        """Offer one item to the slots whose floor it reached."""
        if (columns or uncertainty is not None) and not self._is_new(observed, row):
            columns, uncertainty = (), None
            if not drawn:
                return
        entry = self._entry(observed, row, near=near)
        one = entry.candidate
        if (columns or uncertainty is not None) and self.held_bytes + entry.held_bytes > self._most_bytes:
            self.turned_away += 1
            columns, uncertainty = (), None
        for column in columns:
            slot = self._top[column]
            self._place(entry, f"top:{self._classes[column]}", slot, float(one.probabilities[column]))
            self._top_floors[column] = slot.floor
        if uncertainty is not None:
            top = int(observed.decisions.top[row])
            self._place(entry, f"uncertain:{self._classes[top]}", self._uncertain[top], uncertainty)
            self._place(entry, MOST_UNCERTAIN, self._most_uncertain, uncertainty)
            self._uncertain_floors[top] = self._uncertain[top].floor
        if drawn:
            rank = (-one.priority, -one.at, one.key, 0.0)
            slot = self._random[one.source]
            self._place_at(entry, f"random:{one.source}", slot, occurrence_of(one), rank)
            self._random_floors[one.source] = slot.floor
        if entry.kinds:
            self._fresh[entry] = None
            self.held_bytes += entry.held_bytes

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


def _margin(row: list[float], top: int) -> float:
    """Return what `margins` returns for one row whose best is at `top`; the list is used up."""
    return row.pop(top) - max(row)


def _columns_by_row(reached: npt.NDArray[np.bool_]) -> Mapping[int, Sequence[int]]:
    columns: dict[int, list[int]] = {}
    rows, reaching = reached.nonzero()
    for row, column in zip(rows.tolist(), reaching.tolist(), strict=True):
        columns.setdefault(row, []).append(column)
    return columns
