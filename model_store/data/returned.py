"""Returned: what may the labels that came back from batches be used for?

Items chosen by score train, and say nothing about the traffic. Explored items are a sample of it: they stay
out of training and are the evidence, both of what a new version does and of what it may claim. A claim needs
more than an estimate: a draw that is whole, of the traffic since it last moved, and equal chances.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from model_store.data.drawn import CERTAINTY, EXPLORATION
from model_store.data.labelled import NONE_OF_THESE
from model_store.data.rows import Rows

Indices = npt.NDArray[np.intp]
Float64s = npt.NDArray[np.float64]

_DIGEST_RANGE: Final = float(2**64)


@dataclass(frozen=True, eq=False)
class Returned:
    """Rows of labels that came back, one a labelled item.

    Parameters
    ----------
    rows : Rows
        With `strata` and `ids`; `weights` say how many items of the traffic a row stands for, 0 of those
        chosen by score. A label may be `none_of_these`, or an empty set.
    batches : tuple of str
        The batch of each row.
    whole : bool array of shape (n_rows,)
        Whether every explored item of the row's batch came back with a label.
    present : bool array of shape (n_rows,)
        Whether the row is of the traffic since it last moved; what was drawn before trains only.
    """

    rows: Rows
    batches: tuple[str, ...]
    whole: npt.NDArray[np.bool_]
    present: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.batches)

    @cached_property
    def training(self) -> Indices:
        """Rows that train: of a class, and chosen by score or drawn before the traffic moved.

        What was drawn more than once trains once, with its last label.
        """
        chosen = np.flatnonzero(((self._strata == CERTAINTY) | ~self.present) & ~self.unnamed)
        last = {self._content(row): row for row in chosen.tolist()}
        return np.array(sorted(last.values()), np.intp)

    @cached_property
    def explored(self) -> Indices:
        """Rows that estimate the present traffic; none of them trains."""
        return np.flatnonzero((self._strata != CERTAINTY) & self.present)

    @cached_property
    def proving(self) -> Indices:
        """Explored rows that may carry a claim: of whole draws, every item of a batch with an equal chance.

        Sources are drawn in proportion to their traffic up to rounding, and at least once. Rows are kept with
        their weight divided by the largest of their batch as probability, decided by a digest of their key:
        what stays had equal chances, and a batch whose weights are equal stays as it is.
        """
        able = self.explored[(self._strata[self.explored] == EXPLORATION) & self.whole[self.explored]]
        weights, chance = self._weights[able], np.ones(len(able))
        names = np.array([self.batches[i] for i in able], dtype=object)
        for batch in dict.fromkeys(names):
            mine = names == batch
            chance[mine] = weights[mine] / weights[mine].max()
        luck = np.array([_luck(self.batches[i], self._name(i)) for i in able])
        kept: Indices = able[luck < chance + 1e-6]
        return kept

    @cached_property
    def unnamed(self) -> npt.NDArray[np.bool_]:
        """Rows that labelers found to be of no class of the model."""
        if self.rows.label_sets is not None:
            return np.zeros(len(self), np.bool_)  # none of several labels is an answer like any other
        return np.array([label == NONE_OF_THESE for label in self.rows.labels or ()], dtype=np.bool_)

    def weights_of(self, which: Indices) -> Float64s | None:
        """Return how many items rows stand for, of mean 1 in each batch; None where all are equal.

        Each batch's draws are a sample of the same traffic: what counts between batches is how many.
        """
        weights = self._weights[which].copy()
        names = np.array([self.batches[i] for i in which], dtype=object)
        for batch in dict.fromkeys(names):
            weights[names == batch] /= weights[names == batch].mean()
        return None if not len(which) or np.ptp(weights) <= 1e-6 else weights

    @property
    def _strata(self) -> npt.NDArray[Any]:
        return np.array(self.rows.strata or (CERTAINTY,) * len(self), dtype=object)

    @property
    def _weights(self) -> Float64s:
        return np.array(self.rows.weights or (0.0,) * len(self), dtype=np.float64)

    def _content(self, row: int) -> object:
        features = self.rows.features
        if features is None:
            return self.rows.texts[row]
        return tuple(column[row] for column in features.values())

    def _name(self, row: int) -> str:
        return str(row) if self.rows.ids is None else self.rows.ids[row]


def _luck(batch: str, key: str) -> float:
    digest = hashlib.sha256(f"even\0{batch}\0{key}".encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:8]) / _DIGEST_RANGE
