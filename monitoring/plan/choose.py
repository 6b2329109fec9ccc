"""Which items make the next wave, and with what probability was each of them drawn?

Exploration is drawn first: of each source a simple random sample of all that is fresh, so that its labels
say how common a class is. Then come the best by score for each rare class, then what is farthest from
each other of the rest. Sources have quotas in proportion to their size, over all slices together.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from model_store.data.ngrams import vectors
from monitoring.plan.pool import Fresh, Pool
from monitoring.plan.shares import Slice, allocate, sizes, source_quotas
from monitoring.plan.signs import Scores
from monitoring.waves.batches import Label
from monitoring.waves.needs import quotas
from monitoring.waves.spread import spread

_MOST_SPREAD: Final = 20_000  # drawn from larger pools: k-center is linear in pool times batch


@dataclass(frozen=True, slots=True)
class Item:
    """A chosen row of the pool; `rare` is the class whose score chose it, with a model the likeliest of them.

    `probabilities` are those of a model, in the order of its classes, and `predicted` what it answered.
    """

    row: int
    slice: Slice
    source: str
    copies: int
    inclusion_probability: float
    rare: str | None = None
    score: float = 0.0
    probabilities: tuple[float, ...] = ()
    predicted: Label | None = None

    @property
    def weight(self) -> float:
        """How many rows of the pool its label stands for; 0 where a score or a distance chose it."""
        return self.copies / self.inclusion_probability if self.slice == "explore" else 0.0


@dataclass(frozen=True, slots=True)
class Wave:
    """The items in the order labelers see them, and how many were asked for, by slice, source and class.

    Of the `sources` all items are a quota where rules choose, only the capped ones where a model does.

    Parameters
    ----------
    over_cap : mapping of str to int
        Items of a source beyond its cap, since so many were drawn or nothing else was left.
    """

    items: tuple[Item, ...]
    slices: Mapping[Slice, int]
    sources: Mapping[str, int]
    classes: Mapping[str, int]
    over_cap: Mapping[str, int] = field(default_factory=dict)

    def got(self, slice_: Slice) -> int:
        """Return how many items a slice has."""
        return sum(item.slice == slice_ for item in self.items)


def choose(
    pool: Pool,
    fresh: Fresh,
    scores: Scores,
    *,
    size: int,
    lacking: Mapping[str, int],
    caps: Mapping[str, float],
    seed: Sequence[int],
) -> Wave:
    """Return a wave of `size` items, or of fewer where the pool or the caps give no more.

    Parameters
    ----------
    lacking : mapping of str to int
        Per rare class, in the order of the columns of `scores`, the positives it lacks for a claim.
    """
    rng = np.random.default_rng(seed)
    sources = [pool.sources[row] for row in fresh.rows]
    of = Counter(sources)
    quota = source_quotas(size, of, caps)
    asked = sizes(sum(quota.values()), len(quota))
    classes = dict(quotas(asked["rare"], moved=list(lacking), lacking=lacking, target=1))
    drawn = allocate(asked["explore"], of, quota)
    left, shuffled = _Left(quota, sources), rng.permutation(len(fresh)).tolist()

    why = _explored(shuffled, _Left(drawn, sources), left)
    rare = _rare(shuffled, scores, [classes.get(name, 0) for name in lacking], left, taken=set(why))
    why |= {at: ("rare", column) for at, column in rare.items()}
    rest = [at for at in shuffled if at not in why]
    why |= dict.fromkeys(_far_apart(pool, fresh, rest, left), ("spread", -1))

    names = tuple(lacking)
    items = [
        Item(
            row=int(fresh.rows[at]),
            slice=slice_,
            source=sources[at],
            copies=int(fresh.copies[at]),
            inclusion_probability=drawn[sources[at]] / of[sources[at]] if slice_ == "explore" else 1.0,
            rare=names[column] if slice_ == "rare" else None,
            score=float(scores[at, column]) if slice_ == "rare" else 0.0,
        )
        for at, (slice_, column) in why.items()
    ]
    return Wave(tuple(items[at] for at in rng.permutation(len(items))), asked, quota, classes)


class _Left:
    """How many more items each source may give."""

    def __init__(self, quota: Mapping[str, int], sources: Sequence[str]) -> None:
        self._left, self._sources = dict(quota), sources

    def take(self, at: int) -> bool:
        """Count an item in if its source may still give one."""
        source = self._sources[at]
        self._left[source] -= (may := self._left[source] > 0)
        return may

    @property
    def total(self) -> int:
        """How many items all sources may still give."""
        return sum(self._left.values())


def _explored(shuffled: Sequence[int], drawn: _Left, left: _Left) -> dict[int, tuple[Slice, int]]:
    found: dict[int, tuple[Slice, int]] = {at: ("explore", -1) for at in shuffled if drawn.take(at)}
    for at in found:
        left.take(at)
    return found


def _rare(
    shuffled: Sequence[int], scores: Scores, wanted: Sequence[int], left: _Left, *, taken: set[int]
) -> dict[int, int]:
    """Return the class that chose each item: first to each its own, then what one class cannot use to all."""
    found: dict[int, int] = {}
    total = sum(wanted)
    ranked = [sorted(shuffled, key=by.__getitem__, reverse=True) for by in scores.T]  # ties stay shuffled
    for limits in (wanted, [total] * len(wanted)):
        for column, limit in enumerate(limits):
            own = sum(each == column for each in found.values())
            for at in ranked[column]:
                if own >= limit or len(found) >= total or scores[at, column] <= 0:
                    break
                if at not in taken and at not in found and left.take(at):
                    found[at] = column
                    own += 1
    return found


def _far_apart(pool: Pool, fresh: Fresh, rest: Sequence[int], left: _Left) -> list[int]:
    """Return items of the rest, as many as the sources still give, the farthest from each other first."""
    short = rest[:_MOST_SPREAD]
    found = vectors([pool.texts[fresh.rows[at]] for at in short])
    picked = spread(found, wanted=left.total, permits=lambda row: left.take(short[row]))
    # A small source may have nothing on the short list.
    return [*(short[row] for row in picked), *(at for at in rest[_MOST_SPREAD:] if left.take(at))]
