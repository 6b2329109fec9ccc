"""What is an item that a labeler may see, how many are kept, and which are the best of several reports?

Three families: the highest probabilities of every class and the most unusual of all, the most uncertain of
all and per most probable class (`monitoring.recording.ranking` says what that means), and a simple random
sample per source. Each holds the top of a total order over occurrences, so the top of a union is the top of
the parts' tops.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from sys import getsizeof
from typing import Final, Literal, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from monitoring.recording.ranking import (
    MOST_UNCERTAIN,
    MOST_UNUSUAL,
    Probabilities,
    Ranking,
    Scores,
    entropies,
)
from monitoring.recording.slot import Slot

ProbabilityVector: TypeAlias = npt.NDArray[np.float32]  # (n_classes,)
Family: TypeAlias = Literal["top", "uncertain", "random"]

EXPLORE_SHARE: Final = 0.15  # of a batch, drawn from the random slots
# Reservoirs' worth of candidates that all workers tell of an epoch beyond one filling of their slots, and
# that the state keeps of it while it matters most: docs/decisions/0026.
TOLD_TIMES: Final = 10
_HELD_BYTES: Final = 1_300  # a candidate in two slots, measured without its key, text and probabilities
# Of their families, for the most unusual and the most uncertain of all: docs/decisions/0024.
_MOST_UNUSUAL: Final = 0.8
_MOST_UNCERTAIN: Final = 0.9
_IMPORTANT: Final = 0.5  # of the slots for high probabilities: for classes declared important alone
_SLOT_SHARES: Final[Mapping[Family, float]] = {"top": 0.45, "uncertain": 0.35, "random": 0.20}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One occurrence of an item that may go into a labeling batch.

    `key` is the caller's id, else `item_key(source, text)`. `label` is the index of the class answered, -1
    for none; `decision` an index into `model_store.policy.DECISIONS`; `at` the arrival, UTC epoch seconds;
    `priority` uniform in [0, 1), drawn for this occurrence. `kinds` names the slots it entered:
    `top`, `top:<class>`, `uncertain`, `uncertain:<class>`, `random:<source>`. `text` is what
    `model_store.data.contents.content_of` makes of the item, None when texts are not kept. `uncertainty` is
    what ranks the uncertain ones where the entropy does not, larger is less certain; None: the entropy.
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
    uncertainty: float | None = None

    @property
    def scored(self) -> bool:
        """Return whether a score put it into a slot, whatever was drawn."""
        return any(map(is_scored, self.kinds))

    @property
    def held_bytes(self) -> int:
        """Return about how much memory it takes while slots hold it."""
        text = 0 if self.text is None else getsizeof(self.text)
        return _HELD_BYTES + getsizeof(self.key) + text + self.probabilities.nbytes


@dataclass(frozen=True, slots=True)
class Slots:
    """How many candidates one epoch keeps per class, per most probable class, per source, and of all.

    Of the `important` classes it keeps `important_top` in place of `top`.
    """

    top: int
    uncertain: int
    random: int
    most_unusual: int
    most_uncertain: int
    important_top: int = 0
    important: frozenset[str] = frozenset()

    def times(self, n: int) -> Self:
        """Return slots for `n` times as many candidates of each kind."""
        sizes = ("top", "uncertain", "random", "most_unusual", "most_uncertain", "important_top")
        return replace(self, **{name: n * getattr(self, name) for name in sizes})

    def of(self, kind: str) -> int:
        """Return how many a kind holds."""
        if kind == MOST_UNUSUAL:
            return self.most_unusual
        if kind == MOST_UNCERTAIN:
            return self.most_uncertain
        family, _, name = kind.partition(":")
        return self.important_top if family == "top" and name in self.important else getattr(self, family)


def slots(
    batch_size: int, *, n_classes: int, n_sources: int, important: frozenset[str] = frozenset()
) -> Slots:
    """Return the slots of one epoch, `total_slots` of them or some more where there are many sources.

    Parameters
    ----------
    important : frozenset of str
        Of the model's classes, those that were declared so: half of what high probabilities have is theirs
        alone. With a hundred classes a class has few slots, and one that matters must not wait its turn.
    """
    total = total_slots(batch_size)
    set_apart = _IMPORTANT if 0 < len(important) < n_classes else 0.0
    tops, uncertain = (_SLOT_SHARES[family] * total for family in ("top", "uncertain"))
    top = ceil((1 - _MOST_UNUSUAL) * tops / n_classes)
    return Slots(
        top=top,
        uncertain=ceil((1 - _MOST_UNCERTAIN) * uncertain / n_classes),
        random=max(ceil(_SLOT_SHARES["random"] * total / n_sources), draw_limit(batch_size)),
        most_unusual=ceil((_MOST_UNUSUAL - set_apart) * tops),
        most_uncertain=ceil(_MOST_UNCERTAIN * uncertain),
        important_top=top + ceil(set_apart * tops / max(len(important), 1)),
        important=important,
    )


def total_slots(batch_size: int) -> int:
    """Return about how many candidates one epoch keeps: 5 batches in all, 3 above 300 items."""
    return batch_size * (5 if batch_size <= 300 else 3)


def draw_limit(batch_size: int) -> int:
    """Return how many of the smallest priorities of a source every reservoir is sure to hold."""
    return ceil(EXPLORE_SHARE * batch_size)


def item_key(source: str, text: str) -> str:
    """Return the stable key of an item without caller's id, blind to differences in white space."""
    content = f"{source}\0{' '.join(text.split())}"
    return hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()[:20]


def merge(
    candidates: Iterable[Candidate], ranking: Ranking, *, kept: Slots | None = None
) -> Mapping[str, tuple[Candidate, ...]]:
    """Return the candidates of each kind, best first; the same for any split of the same stream.

    The certainty kinds hold one occurrence a key, the random ones every occurrence once, by ascending
    priority. `kept` cuts each kind to that many.
    """
    pool = tuple(candidates)
    if not pool:
        return {}
    probabilities = np.stack([candidate.probabilities for candidate in pool])
    uncertainty = uncertainties(pool, probabilities)
    merged: dict[str, tuple[Candidate, ...]] = {}
    for kind, members in sorted(_members(pool).items()):
        slot: Slot[Candidate] = Slot(len(pool) if kept is None else kept.of(kind))
        if kind.startswith("random:"):
            for i in members:
                one = pool[i]
                slot.offer(occurrence_of(one), (-one.priority, -one.at, one.key, 0.0), one)
        else:
            scores = ranking.scores(kind, probabilities[members], uncertainty[members]).tolist()
            for i, score in zip(members, scores, strict=True):
                one = pool[i]
                slot.offer(one.key, (score, -one.at, one.key, -one.priority), one)
        merged[kind] = slot.best_first()
    return merged


def surviving(candidates: Sequence[Candidate], ranking: Ranking, *, kept: Slots) -> tuple[Candidate, ...]:
    """Return the candidates that are in one of so many slots or more, in their order."""
    held = {id(one) for found in merge(candidates, ranking, kept=kept).values() for one in found}
    return tuple(one for one in candidates if id(one) in held)


def is_scored(kind: str) -> bool:
    """Tell whether a slot of this kind is filled by a score, and not at random; the empty kind is none."""
    return bool(kind) and not kind.startswith("random:")


def occurrence_of(candidate: Candidate) -> object:
    """Return what makes an occurrence itself: its draw, and the key beside it against equal draws."""
    return (candidate.priority, candidate.key)


def uncertainties(pool: Sequence[Candidate], probabilities: Probabilities) -> Scores:
    """Return what ranks the uncertain ones among candidates, whose probabilities are given, shape (n,)."""
    found = np.array([np.nan if one.uncertainty is None else one.uncertainty for one in pool], np.float64)
    unknown = np.isnan(found)
    if unknown.any():
        found[unknown] = entropies(probabilities[unknown])
    return found


def _members(pool: Sequence[Candidate]) -> Mapping[str, list[int]]:
    members: dict[str, list[int]] = {}
    for i, candidate in enumerate(pool):
        for kind in candidate.kinds:
            members.setdefault(kind, []).append(i)
    return members
