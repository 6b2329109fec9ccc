"""Which labelled draws, of which batches, make one sample of the traffic, and what does each stand for?

Every occurrence has one random number for good. A batch draws the smallest of its time, passing over what was
drawn before. So where the times of two batches overlap, an occurrence had a chance in both, and is not to be
counted for each. The time is cut into the pieces that the same batches are about: given how many draws fell
into a piece, they are a simple random sample of it, and each stands for its share of what arrived then. A
batch that overlaps no other keeps the chances it was drawn with. Traffic of different pieces adds up.

Draws without a label, being open or skipped, are represented by the labelled ones of their batch.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.bundles.bundle import ModelKey
from monitoring.waves.batches import Batch, BatchItem
from monitoring.waves.usable import BatchLine, Labels, Rules, counted, epoch_of, explored_of

Floats: TypeAlias = npt.NDArray[np.float64]

# A piece of time with fewer draws is seen together with its neighbour.
_LEAST_DRAWS: Final = 3


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
    answered_by : tuple of str
        The version that answered each item.
    """

    items: tuple[BatchItem, ...]
    answered_by: tuple[ModelKey, ...]
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


def pool(batches: Iterable[Batch], rules: Rules, *, others: Iterable[Batch] = ()) -> Pool:
    """Return the labelled draws of all batches that make one sample, the oldest first.

    Of two audits of the same time the newer is used: each draws on its own. Items of `others` stand for draws
    of the batches that resemble them, and say nothing else.
    """
    batches = list(batches)
    labels = rules.labels([*others, *batches])
    used: list[Batch] = []
    unused: list[BatchLine] = []
    for batch in sorted(batches, key=lambda each: (each.created_at, each.id), reverse=True):
        reason = rules.objection(batch, used, labels)
        if reason is None:
            used.append(batch)
        else:
            unused.append(replace(BatchLine.of(batch, labels), unused=reason))
    used.reverse()
    drawn = _Drawn.of(used, labels)
    if rules.mode == "mixed":
        drawn.join(used)
    weights = drawn.responded(len(used))
    kept = np.flatnonzero(weights > 0)
    return Pool(
        items=tuple(drawn.items[at] for at in kept.tolist()),
        answered_by=tuple(drawn.answered_by[at] for at in kept.tolist()),
        weights=weights[kept],
        draws=drawn.draws[kept],
        batch=drawn.batch[kept],
        used=tuple(BatchLine.of(batch, labels) for batch in used),
        unused=tuple(reversed(unused)),
    )


@dataclass(slots=True)
class _Drawn:
    """All explored items of the batches in use, and the chance that an occurrence like each had."""

    items: tuple[BatchItem, ...]
    answered_by: tuple[ModelKey, ...]
    batch: npt.NDArray[np.intp]
    draws: Floats
    chance: Floats
    labelled: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, used: Sequence[Batch], labels: Labels) -> Self:
        """Collect them; an occurrence that was skipped and drawn again is there once, labelled if it is."""
        found: dict[tuple[str, float], tuple[int, BatchItem, ModelKey]] = {}
        for index, batch in enumerate(used):
            for item, model in explored_of(batch, labels):
                occurrence = (item.key, item.at)
                if occurrence not in found or found[occurrence][1].state != "labelled":
                    found[occurrence] = (index, item, model)
        items = tuple(item for _, item, _ in found.values())
        return cls(
            items,
            tuple(model for _, _, model in found.values()),
            np.array([index for index, _, _ in found.values()], np.intp),
            np.array([item.dup_count for item in items], np.float64),
            np.array([item.inclusion_probability for item in items], np.float64),
            np.array([item.state == "labelled" for item in items], np.bool_),
        )

    def join(self, used: Sequence[Batch]) -> None:
        """Give each item whose batch overlaps another the share of its piece of time that was drawn."""
        about = [counted(batch) for batch in used]
        for source in sorted({source for each in about for source in each}):
            pieces = _pieces([each.get(source, {}) for each in about])
            overlapping = {
                batch for piece in pieces.values() if len(piece.batches) > 1 for batch in piece.batches
            }
            mine = [
                (at, _of_epoch(pieces, epoch_of(used[batch], item.at)))
                for at, (item, batch) in enumerate(zip(self.items, self.batch.tolist(), strict=True))
                if item.source == source and batch in overlapping
            ]
            for at, piece in mine:
                piece.draws += float(self.draws[at])
            _merge([piece for piece in dict.fromkeys(pieces.values()) if piece.batches & overlapping])
            for at, piece in mine:
                self.chance[at] = piece.chance

    def responded(self, n_batches: int) -> Floats:
        """Return what each labelled item stands for, its share of those without a label included."""
        weights = self.draws / self.chance
        everything = np.bincount(self.batch, weights, n_batches)
        answered = np.bincount(self.batch, weights * self.labelled, n_batches)
        factor = np.divide(everything, answered, out=np.zeros(n_batches), where=answered > 0)
        return weights * factor[self.batch] * self.labelled


@dataclass(slots=True, eq=False)
class _Piece:
    """Time that the same batches are about, and its draws; `into` another where these are too few."""

    batches: frozenset[int]
    occurrences: int = 0
    draws: float = 0.0
    into: "_Piece | None" = None

    @property
    def chance(self) -> float:
        """Which share of the piece was drawn."""
        if self.into is not None:
            return self.into.chance
        return min(self.draws / self.occurrences, 1.0)


def _pieces(about: Sequence[Mapping[int, int]]) -> Mapping[int, _Piece]:
    """Return the piece of each epoch of one source, given what each batch counted in its epochs."""
    by_batches: dict[frozenset[int], _Piece] = {}
    found = {}
    for epoch in sorted({epoch for each in about for epoch in each}):
        batches = frozenset(index for index, each in enumerate(about) if epoch in each)
        piece = found[epoch] = by_batches.setdefault(batches, _Piece(batches))
        # An epoch may have gone on after the first of its batches was made.
        piece.occurrences += max(each.get(epoch, 0) for each in about)
    return found


def _of_epoch(pieces: Mapping[int, _Piece], epoch: int) -> _Piece:
    """Return the piece of an epoch; what arrived in the first moments of one may be counted in the last."""
    return pieces[min(pieces, key=lambda known: (abs(known - epoch), known))]


def _merge(pieces: Sequence[_Piece]) -> None:
    """Join each piece with too few draws to the one that most of the same batches are about."""
    left = sorted(pieces, key=lambda piece: (piece.draws, sorted(piece.batches)))
    while len(left) > 1 and left[0].draws < _LEAST_DRAWS:
        small = left.pop(0)
        small.into = max(
            left,
            key=lambda piece: (
                len(piece.batches & small.batches) / len(piece.batches | small.batches),
                piece.draws,
            ),
        )
        small.into.occurrences += small.occurrences
        small.into.draws += small.draws
        left.sort(key=lambda piece: (piece.draws, sorted(piece.batches)))
