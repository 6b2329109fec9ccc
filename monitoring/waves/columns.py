"""What may be labelled, column by column: a million candidates are looked at without an object for each."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt

from monitoring.recording.candidate import Candidate, is_scored
from monitoring.recording.ranking import Probabilities, Scores
from monitoring.recording.reservoir import EPOCH_SECONDS

Rows: TypeAlias = npt.NDArray[np.intp]
Mask: TypeAlias = npt.NDArray[np.bool_]  # (n_candidates,)


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Candidates side by side; see `Candidate` for what each is.

    Attributes
    ----------
    keys, item_ids, sources, texts : sequences of n_candidates
    probabilities : float32 array of shape (n_candidates, n_classes)
    labels, decisions : int arrays of shape (n_candidates,)
    at, priorities : float64 arrays of shape (n_candidates,)
    scored : bool array of shape (n_candidates,)
        In a slot for high probability or uncertainty.
    drawn : bool array of shape (n_candidates,)
        In the random slot of its source.
    epochs : int64 array of shape (n_candidates,)
        The ten-minute epoch each was counted in.
    """

    keys: Sequence[str]
    item_ids: Sequence[str | None]
    sources: Sequence[str]
    texts: Sequence[str | None]
    probabilities: Probabilities
    labels: npt.NDArray[np.integer]
    decisions: npt.NDArray[np.integer]
    at: Scores
    priorities: Scores
    scored: Mask
    drawn: Mask
    epochs: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of(
        cls, candidates: Iterable[Candidate], *, n_classes: int, epochs: Sequence[int] | None = None
    ) -> Self:
        """Return the columns of candidates, in their order; `epochs` by default those of their times."""
        each = list(candidates)
        flat = np.concatenate([np.empty(0, np.float32), *(one.probabilities for one in each)])
        slots = [held_for(one.kinds, one.source) for one in each]
        return cls(
            keys=[one.key for one in each],
            item_ids=[one.item_id for one in each],
            sources=[one.source for one in each],
            texts=[one.text for one in each],
            probabilities=flat.astype(np.float32, copy=False).reshape(-1, n_classes),
            labels=np.array([one.label for one in each], np.int64),
            decisions=np.array([one.decision for one in each], np.int64),
            at=np.array([one.at for one in each], np.float64),
            priorities=np.array([one.priority for one in each], np.float64),
            scored=np.array([scored for scored, _ in slots], np.bool_),
            drawn=np.array([drawn for _, drawn in slots], np.bool_),
            epochs=np.array(
                [one.at // EPOCH_SECONDS for one in each] if epochs is None else epochs, np.int64
            ),
        )

    def candidate(self, row: int) -> Candidate:
        """Return one candidate as an object."""
        source = self.sources[row]
        return Candidate(
            key=self.keys[row],
            item_id=self.item_ids[row],
            source=source,
            text=self.texts[row],
            probabilities=self.probabilities[row],
            label=int(self.labels[row]),
            decision=int(self.decisions[row]),
            at=float(self.at[row]),
            priority=float(self.priorities[row]),
            kinds=frozenset({f"random:{source}"} if self.drawn[row] else ()),
        )

    def representatives(self) -> Rows:
        """Return one row a key, in ascending order: the newest occurrence that is scored, else the newest.

        A worker scores an item once; that it was sent again, and drawn then, must not hide its score.
        """
        hashes = np.fromiter(map(hash, self.keys), np.int64, len(self))
        ranked = np.sort(hashes)
        repeated = ranked[1:][ranked[1:] == ranked[:-1]]
        alone = np.ones(len(self), np.bool_)
        if len(repeated):
            among = np.flatnonzero(np.isin(hashes, repeated))
            place: dict[str, int] = {}
            of = np.array([place.setdefault(self.keys[row], len(place)) for row in among.tolist()])
            ranks = (self.drawn, self.priorities, self.at, self.scored)
            order = np.lexsort((*(rank[among] for rank in ranks), of))
            alone[among] = False
            alone[among[order[np.flatnonzero(np.diff(of[order], append=-1))]]] = True
        return np.flatnonzero(alone)

    def best(self, scores: Scores, rows: Rows, *, most: int) -> Rows:
        """Return the `most` rows of the largest scores, best first.

        Among equals the earlier arrival is first, then the smaller priority, then the key: the same rows
        whatever order they came in.

        Parameters
        ----------
        scores : float64 array of shape (n_rows,)
            Of `rows`.
        """
        if most <= 0:
            return rows[:0]
        if len(rows) > most:
            bar = np.partition(scores, len(rows) - most)[len(rows) - most]
            kept = np.flatnonzero(scores >= bar)
            rows, scores = rows[kept], scores[kept]
        order = np.lexsort((self.priorities[rows], self.at[rows], -scores))
        found, worth = rows[order], scores[order]
        alike = (worth[1:] == worth[:-1]) & (self.at[found[1:]] == self.at[found[:-1]])
        if (alike & (self.priorities[found[1:]] == self.priorities[found[:-1]])).any():
            ranked = sorted(
                zip((-worth).tolist(), found.tolist(), strict=True),
                key=lambda one: (one[0], self.at[one[1]], self.priorities[one[1]], self.keys[one[1]]),
            )
            found = np.array([row for _, row in ranked], np.intp)
        return found[:most]


def held_for(kinds: Collection[str], source: str) -> tuple[bool, bool]:
    """Tell whether a candidate is held for its score, and whether in the random slot of its source."""
    return any(map(is_scored, kinds)), f"random:{source}" in kinds
