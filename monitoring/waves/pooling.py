"""Which labelled draws, of which batches, make one sample of the traffic, and what does each stand for?

Every occurrence has one random number for good. A batch draws the smallest of its time, passing over what was
drawn before. So where the times of two batches overlap, together they drew all up to some number: an
occurrence stands for one over the larger of its chances (permanent random numbers: Ohlsson 1995), and is not
counted once for each batch. Where they do not overlap, their traffic adds up.

Draws without a label, being open or skipped, are represented by the labelled ones of their batch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt

from monitoring.waves.batches import Batch, BatchItem
from monitoring.waves.usable import BatchLine, Rules, explored_of, times_of, told

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Labelled items that are a sample of the traffic together.

    Parameters
    ----------
    weights : float64 array of shape (n_items,)
        Occurrences that each stands for.
    draws : float64 array of shape (n_items,)
    batch : int array of shape (n_items,)
        Index into `used`.
    """

    items: tuple[BatchItem, ...]
    weights: npt.NDArray[np.float64]
    draws: npt.NDArray[np.float64]
    batch: npt.NDArray[np.intp]
    used: tuple[BatchLine, ...]
    unused: tuple[BatchLine, ...]

    @property
    def effective(self) -> float:
        """How many draws of equal weight tell as much (Kish 1965)."""
        squares = float((self.weights**2 / self.draws).sum())
        return float(self.weights.sum()) ** 2 / squares if squares else 0.0


def pool(batches: Iterable[Batch], rules: Rules) -> Pool:
    """Return the labelled draws of all batches that make one sample, the oldest first.

    Of two audits of the same time the newer is used: each draws on its own.
    """
    used: list[Batch] = []
    unused: list[BatchLine] = []
    for batch in sorted(batches, key=lambda each: (each.created_at, each.id), reverse=True):
        reason = rules.objection(batch, used)
        if reason is None:
            used.append(batch)
        else:
            unused.append(replace(BatchLine.of(batch), unused=reason))
    used.reverse()
    drawn = _Drawn.of(used)
    if rules.mode == "mixed":
        for index, batch in enumerate(used):
            drawn.join(index, batch)
    weights = drawn.responded(len(used))
    kept = np.flatnonzero(weights > 0)
    return Pool(
        items=tuple(drawn.items[at] for at in kept.tolist()),
        weights=weights[kept],
        draws=drawn.draws[kept],
        batch=drawn.batch[kept],
        used=tuple(map(BatchLine.of, used)),
        unused=tuple(reversed(unused)),
    )


def joint_chance(draws: float, occurrences: float, before: Floats) -> float:
    """Return the chance of an occurrence of a batch's time to be drawn by this batch or those before.

    The batch drew the smallest numbers that were not drawn before. Up to the chance t that makes, everything
    in its time is drawn: its own draws and those before with a smaller chance. What had a larger chance
    before is no news: the others of its kind were not in reach of this batch.

    Parameters
    ----------
    draws, occurrences : float
        Of the batch.
    before : float64 array
        Of each earlier draw in its time, its chance.

    Examples
    --------
    Ten of a thousand and ten more of the same thousand; then ten of another thousand beside these:

    >>> joint_chance(10, 1000, np.full(10, 0.01)), joint_chance(10, 2000, np.full(10, 0.01))
    (0.02, 0.01)
    """
    falling = -np.sort(-before)
    for kept in range(len(falling) + 1):
        rest = max(occurrences - float((1 / falling[:kept]).sum()), draws)
        chance = (draws + len(falling) - kept) / rest
        if kept == len(falling) or falling[kept] <= chance:
            return min(chance, 1.0)
    raise AssertionError("the last turn returns")


@dataclass(slots=True)
class _Drawn:
    """All explored items of the batches in use, and the chance that an occurrence like each had."""

    items: tuple[BatchItem, ...]
    batch: npt.NDArray[np.intp]
    draws: Floats
    chance: Floats
    labelled: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, used: Sequence[Batch]) -> Self:
        """Collect them; an occurrence that was skipped and drawn again is there once, labelled if it is."""
        found: dict[tuple[str, float], tuple[int, BatchItem]] = {}
        for index, batch in enumerate(used):
            for item in explored_of(batch):
                occurrence = (item.key, item.at)
                if occurrence not in found or found[occurrence][1].state != "labelled":
                    found[occurrence] = (index, item)
        items = tuple(item for _, item in found.values())
        return cls(
            items,
            np.array([index for index, _ in found.values()], np.intp),
            np.array([item.dup_count for item in items], np.float64),
            np.array([item.inclusion_probability for item in items], np.float64),
            np.array([item.state == "labelled" for item in items], np.bool_),
        )

    def join(self, index: int, batch: Batch) -> None:
        """Give what was drawn in a batch's time before, and by it, the chance that both make together."""
        within = times_of(batch)
        inside = np.array([within(item.at) for item in self.items], np.bool_)
        for source, facts in told(batch, "sources").items():
            here = inside & np.array([item.source == source for item in self.items], np.bool_)
            earlier = here & (self.batch < index)
            if not earlier.any():
                continue
            before = np.repeat(self.chance[earlier], self.draws[earlier].astype(np.intp))
            # Batches of schema 2 and before did not pass over what was drawn, but drew it again.
            passed = facts.get("drawn_before")
            own = facts["draws"] - (len(before) if passed is None else 0)
            elsewhere = max((passed or 0) - len(before), 0)
            chance = joint_chance(max(own, 0), facts["occurrences"] - elsewhere, before)
            self.chance[earlier] = np.maximum(self.chance[earlier], chance)
            self.chance[here & (self.batch == index)] = chance

    def responded(self, n_batches: int) -> Floats:
        """Return what each labelled item stands for, its share of those without a label included."""
        weights = self.draws / self.chance
        everything = np.bincount(self.batch, weights, n_batches)
        answered = np.bincount(self.batch, weights * self.labelled, n_batches)
        factor = np.divide(everything, answered, out=np.zeros(n_batches), where=answered > 0)
        return weights * factor[self.batch] * self.labelled
