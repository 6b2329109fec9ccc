"""What may be labelled, column by column: a million candidates are looked at without an object for each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt

from monitoring.recording.candidate import Candidate, Probabilities, Scores
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
    at, priorities, uncertainty : float64 arrays of shape (n_candidates,)
        `uncertainty` is NaN where the margin ranks.
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
    uncertainty: Scores
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
            uncertainty=np.array(
                [np.nan if one.uncertainty is None else one.uncertainty for one in each], np.float64
            ),
            scored=np.array(
                [not all(kind.startswith("random:") for kind in one.kinds) for one in each], np.bool_
            ),
            drawn=np.array([f"random:{one.source}" in one.kinds for one in each], np.bool_),
            epochs=np.array(
                [one.at // EPOCH_SECONDS for one in each] if epochs is None else epochs, np.int64
            ),
        )

    def candidate(self, row: int) -> Candidate:
        """Return one candidate as an object."""
        source, uncertainty = self.sources[row], float(self.uncertainty[row])
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
            uncertainty=None if np.isnan(uncertainty) else uncertainty,
        )

    def newest(self) -> Rows:
        """Return one row a key, the newest occurrence, in ascending order."""
        n = len(self)
        if len(set(self.keys)) == n:
            return np.arange(n)
        last = dict(zip(self.keys, range(n), strict=True))
        of = np.fromiter(map(last.__getitem__, self.keys), np.intp, n)
        repeated = np.zeros(n, np.bool_)
        repeated[of[of != np.arange(n)]] = True
        among = np.flatnonzero(repeated[of])
        order = among[np.lexsort((self.priorities[among], self.at[among], of[among]))]
        ends = np.flatnonzero(np.diff(of[order], append=-1))
        return np.sort(np.concatenate([np.flatnonzero(~repeated[of]), order[ends]]))

    def best(self, scores: Scores, rows: Rows, *, most: int) -> Rows:
        """Return the `most` rows of the largest scores, best first; none of score -inf.

        Among equals the earlier arrival is first, then the smaller priority, then the key: the same rows
        whatever order they came in.

        Parameters
        ----------
        scores : float64 array of shape (n_rows,)
            Of `rows`.
        """
        if most <= 0:
            return rows[:0]
        kept = np.flatnonzero(scores > -np.inf)
        if len(kept) > most:
            bar = np.partition(scores[kept], len(kept) - most)[len(kept) - most]
            kept = kept[scores[kept] >= bar]
        found, worth = rows[kept], scores[kept]
        order = np.lexsort((self.priorities[found], self.at[found], -worth))
        found, worth = found[order], worth[order]
        alike = (worth[1:] == worth[:-1]) & (self.at[found[1:]] == self.at[found[:-1]])
        if (alike & (self.priorities[found[1:]] == self.priorities[found[:-1]])).any():
            ranked = sorted(
                zip((-worth).tolist(), found.tolist(), strict=True),
                key=lambda one: (one[0], self.at[one[1]], self.priorities[one[1]], self.keys[one[1]]),
            )
            found = np.array([row for _, row in ranked], np.intp)
        return found[:most]
