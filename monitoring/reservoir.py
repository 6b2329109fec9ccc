"""Which of the items that passed by are worth showing to a labeler: bounded slots, mergeable across workers.

Three families of slots per epoch of ten minutes, which the recorder ends: the highest probabilities of every
class (which class to watch is known only after the alarm), the smallest margins per predicted class, and a
simple random sample per source. Each holds the top of a total order over occurrences, so the top of a union
is the top of the parts' tops, and forgetting slots early makes a worker report more candidates, never others.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, inf
from typing import Final, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.policy import Decisions
from monitoring.slot import Rank, Slot

Probabilities: TypeAlias = npt.NDArray[np.float32]  # (n_items, n_classes), rows sum to 1
ProbabilityVector: TypeAlias = npt.NDArray[np.float32]  # (n_classes,), sums to 1
Family: TypeAlias = Literal["top", "uncertain", "random"]
KeepText: TypeAlias = Literal["full", "none"]

EPOCH_SECONDS: Final = 600
OTHER_SOURCE: Final = "other"
EXPLORE_SHARE: Final = 0.15  # of a batch, drawn from the random slots
_SLOT_SHARES: Final[Mapping[Family, float]] = {"top": 0.45, "uncertain": 0.35, "random": 0.20}
_FLOAT32_SLACK: Final = 1e-5  # rows sum to 1 only to about 1e-6
_REMEMBERED_ITEMS: Final = 4096
_FEW_ROWS: Final = 4  # up to here plain lists are faster than numpy's fixed cost: 1 us a row against 6
_NO_COLUMNS: Final[Mapping[int, Sequence[int]]] = {}
_NO_ROWS: Final[Mapping[int, float]] = {}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One occurrence of an item that may go into a labeling batch.

    `key` is the caller's id, else `item_key(source, text)`. `label` is the index of the class answered, -1
    for none; `decision` an index into `model_store.policy.DECISIONS`; `at` the arrival, UTC epoch seconds;
    `priority` uniform in [0, 1), drawn for this occurrence. `kinds` names the slots it entered:
    `top:<class>`, `uncertain:<class>`, `random:<source>`. `text` is None when texts are not kept.
    """

    key: str
    item_id: str | None
    source: str
    text: str | None
    probabilities: ProbabilityVector = field(compare=False)
    label: int
    decision: int
    at: float
    priority: float
    kinds: frozenset[str]


class Observation(Protocol):
    """What a reservoir reads of one decided request; `monitoring.recorder.Observed` is one."""

    @property
    def texts(self) -> Sequence[str]:
        """Texts of the n items."""

    @property
    def ids(self) -> Sequence[str | None]:
        """Caller's ids, None where not given."""

    @property
    def sources(self) -> Sequence[str]:
        """Declared sources, or "other"."""

    @property
    def decisions(self) -> Decisions:
        """Decisions of the same n items."""

    @property
    def arrived_at(self) -> float:
        """UTC epoch seconds."""

    @property
    def priorities(self) -> npt.NDArray[np.float64]:
        """Uniform draws in [0, 1), shape (n,)."""


@dataclass(frozen=True, slots=True)
class Slots:
    """How many candidates one epoch keeps per class, per predicted class and per source."""

    top: int
    uncertain: int
    random: int


def slots(batch_size: int, *, n_classes: int, n_sources: int) -> Slots:
    """Return the slots that lose nothing against the full pool: 5 (3 above 300) batches in all."""
    total = batch_size * (5 if batch_size <= 300 else 3)
    return Slots(
        top=ceil(_SLOT_SHARES["top"] * total / n_classes),
        uncertain=ceil(_SLOT_SHARES["uncertain"] * total / n_classes),
        random=max(ceil(_SLOT_SHARES["random"] * total / n_sources), draw_limit(batch_size)),
    )


def draw_limit(batch_size: int) -> int:
    """Return how many of the smallest priorities of a source every reservoir is sure to hold."""
    return ceil(EXPLORE_SHARE * batch_size)


def item_key(source: str, text: str) -> str:
    """Return the stable key of an item without caller's id, blind to differences in white space."""
    content = f"{source}\0{' '.join(text.split())}"
    return hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()[:20]


def margins(probabilities: Probabilities) -> npt.NDArray[np.float64]:
    """Return the best minus the second best probability of each row, shape (n_items,)."""
    best = np.partition(probabilities, -2, axis=1)[:, -2:].astype(np.float64)
    return best[:, 1] - best[:, 0]


def merge(
    candidates: Iterable[Candidate], *, classes: Sequence[str], kept: Slots | None = None
) -> Mapping[str, tuple[Candidate, ...]]:
    """Return the candidates of each kind, best first; the same for any split of the same stream.

    The certainty kinds hold one occurrence a key, the random ones every occurrence once, by ascending
    priority. `kept` cuts each kind to that many.
    """
    pool = tuple(candidates)
    if not pool:
        return {}
    probabilities = np.stack([candidate.probabilities for candidate in pool])
    uncertainty = 1 - margins(probabilities)
    columns = {name: column for column, name in enumerate(classes)}
    merged: dict[str, tuple[Candidate, ...]] = {}
    for kind, members in sorted(_members(pool).items()):
        family, _, name = kind.partition(":")
        slot: Slot[Candidate] = Slot(len(pool) if kept is None else int(getattr(kept, family)))
        scores = probabilities[:, columns[name]] if family == "top" else uncertainty
        for i in members:
            one = pool[i]
            if family == "random":
                slot.offer(_random_unit(one), (-one.priority, -one.at, one.key, 0.0), one)
            else:
                slot.offer(one.key, (float(scores[i]), -one.at, one.key, -one.priority), one)
        merged[kind] = slot.best_first()
    return merged


class Reservoir:
    """The candidate slots of one worker for the current epoch; not thread-safe, the event loop owns it.

    Parameters
    ----------
    classes, sources : sequences of str
        In the model's order; the sources as declared, "other" is always one of them.
    batch_size : int
        The size of the batches the slots must be able to fill.
    keep_text : "full" or "none"
        With "none" no candidate carries its text.
    """

    def __init__(
        self,
        classes: Sequence[str],
        *,
        sources: Sequence[str],
        batch_size: int,
        keep_text: KeepText = "full",
    ) -> None:
        self._classes = tuple(classes)
        self._sources = tuple(dict.fromkeys((*sources, OTHER_SOURCE)))
        self._slots = slots(batch_size, n_classes=len(classes), n_sources=len(self._sources))
        self._keep_text = keep_text
        self._fresh: dict[_Entry, None] = {}
        self._latest = -inf
        self.reset()

    def offer(self, observed: Observation) -> None:
        """Look at the items of one answered request; keep those that enter a slot."""
        decisions, priorities = observed.decisions, observed.priorities.tolist()
        probabilities, tops = decisions.probabilities, decisions.top.tolist()
        # Of equal scores the earlier arrival is better: nothing newer than all that is held enters on a tie.
        newest = observed.arrived_at > self._latest
        self._latest = max(self._latest, observed.arrived_at)
        reached = probabilities > self._top_floors if newest else probabilities >= self._top_floors
        columns = _columns_by_row(reached) if np.count_nonzero(reached) else _NO_COLUMNS
        uncertain = self._uncertain_rows(probabilities, tops)
        for row, source in enumerate(observed.sources):
            drawn = -priorities[row] >= self._random[source].floor
            if drawn or row in columns or row in uncertain:
                self._enter(
                    observed, row, columns=columns.get(row, ()), uncertainty=uncertain.get(row), drawn=drawn
                )

    def reset(self) -> None:
        """Open empty slots for a new epoch; what was not drained yet is still reported."""
        kept, classes = self._slots, self._classes
        self._top = [Slot[_Entry](kept.top) for _ in classes]
        self._uncertain = [Slot[_Entry](kept.uncertain) for _ in classes]
        self._random = {source: Slot[_Entry](kept.random) for source in self._sources}
        self._top_floors = np.full(len(classes), -np.inf, np.float32)
        self._remembered: dict[int, tuple[float, float]] = {}

    def drain(self) -> tuple[Candidate, ...]:
        """Return the candidates that entered since the last call and were not displaced meanwhile."""
        fresh, self._fresh = self._fresh, {}
        return tuple(replace(entry.candidate, kinds=frozenset(entry.kinds)) for entry in fresh)

    def _uncertain_rows(self, probabilities: Probabilities, tops: Sequence[int]) -> Mapping[int, float]:
        """Return the uncertainty, 1 - margin, of the rows that reach the floor of their predicted class."""
        # The second best is at most 1 - best: the margin of a confident item need not be computed.
        near = [
            row
            for row, top in enumerate(tops)
            if 2 - 2 * probabilities.item(row, top) + _FLOAT32_SLACK >= self._uncertain[top].floor
        ]
        if not near:
            return _NO_ROWS
        if len(near) <= _FEW_ROWS:
            uncertainty = [1 - _margin(probabilities[row].tolist(), tops[row]) for row in near]
        else:
            uncertainty = (1 - margins(probabilities[near])).tolist()
        return {
            row: score
            for row, score in zip(near, uncertainty, strict=True)
            if score >= self._uncertain[tops[row]].floor
        }

    def _enter(
        self,
        observed: Observation,
        row: int,
        *,
        columns: Sequence[int],
        uncertainty: float | None,
        drawn: bool,
    ) -> None:
        """Offer one item to the slots whose floor it reached."""
        if (columns or uncertainty is not None) and not self._is_new(observed, row):
            columns, uncertainty = (), None
            if not drawn:
                return
        entry = self._entry(observed, row)
        one = entry.candidate
        for column in columns:
            slot = self._top[column]
            self._place(entry, f"top:{self._classes[column]}", slot, float(one.probabilities[column]))
            self._top_floors[column] = slot.floor
        if uncertainty is not None:
            top = int(observed.decisions.top[row])
            self._place(entry, f"uncertain:{self._classes[top]}", self._uncertain[top], uncertainty)
        if drawn:
            rank = (-one.priority, -one.at, one.key, 0.0)
            self._place_at(entry, f"random:{one.source}", self._random[one.source], _random_unit(one), rank)
        if entry.kinds:
            self._fresh[entry] = None

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

    def _is_new(self, observed: Observation, row: int) -> bool:
        """Tell whether an earlier occurrence of the same item has already taken its certainty slots.

        A resend has the probabilities of the original and a later arrival, so it can displace nothing;
        without this memory a load test on a hundred texts would never leave the slow path.
        """
        mark = hash((observed.ids[row], observed.sources[row], observed.texts[row]))
        order = (observed.arrived_at, float(observed.priorities[row]))
        known = self._remembered.get(mark)
        if known is not None and known <= order:
            return False
        if len(self._remembered) >= _REMEMBERED_ITEMS:
            self._remembered.clear()
        self._remembered[mark] = order
        return True

    def _entry(self, observed: Observation, row: int) -> "_Entry":
        decisions, item_id, source = observed.decisions, observed.ids[row], observed.sources[row]
        text = observed.texts[row]
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
        )
        return _Entry(candidate)


class _Entry:
    """A candidate and the slots that hold it now; equal only to itself."""

    __slots__ = ("candidate", "kinds")

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self.kinds: set[str] = set()


def _margin(row: list[float], top: int) -> float:
    """Return what `margins` returns for one row whose best is at `top`; the list is used up."""
    return row.pop(top) - max(row)


def _columns_by_row(reached: npt.NDArray[np.bool_]) -> Mapping[int, Sequence[int]]:
    columns: dict[int, list[int]] = {}
    for row, column in np.argwhere(reached).tolist():
        columns.setdefault(row, []).append(column)
    return columns


def _members(pool: Sequence[Candidate]) -> Mapping[str, list[int]]:
    members: dict[str, list[int]] = {}
    for i, candidate in enumerate(pool):
        for kind in candidate.kinds:
            members.setdefault(kind, []).append(i)
    return members


def _random_unit(candidate: Candidate) -> object:
    """Return what makes an occurrence itself: its draw, and the key beside it against equal draws."""
    return (candidate.priority, candidate.key)
