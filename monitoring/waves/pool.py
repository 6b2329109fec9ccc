"""Which candidates can be picked, and in which order does each slice want them?"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from model_store.data.ngrams import Vectors, vectors
from model_store.data.wordmarks import Marks, marks
from model_store.policy import NO_CLASS, NO_CLASS_PASSES
from monitoring.recording.candidate import Scores, margins, nearness
from monitoring.waves.columns import Columns, Rows
from monitoring.waves.novelty import novelty

LEAST_LABELLED: Final = 20  # labelled items that say what is not novel
_MOST_JUDGED: Final = 6_000  # candidates whose novelty is worked out
_LEAST_JUDGED: Final = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """The candidates to pick from, one a key, and what ranks them.

    Attributes
    ----------
    rows : int array of shape (n_rows,)
        Of `columns`: one a key, that a labeler can recognise.
    scored : int array
        Those of them with a high probability or uncertainty; the others are held as random draws only.
    top : int array of shape (n_candidates,)
        The most probable class of each.
    uncertainty : float64 array of shape (n_candidates,)
    exact : bool
        See `neardup.sign`.
    """

    columns: Columns
    rows: Rows
    scored: Rows
    top: Rows
    uncertainty: Scores
    without_text_or_id: int
    exact: bool = False
    _vectors: dict[int, Vectors] = field(default_factory=dict)

    def of_class(self, watched: str, classes: Sequence[str], *, most: int) -> Rows:
        """Return the rows most probable of a class, or the most uncertain ones that no class passes."""
        if watched != NO_CLASS:
            scores = self.columns.probabilities[self.scored, classes.index(watched)].astype(np.float64)
            return self.columns.best(scores, self.scored, most=most)
        none = self.scored[self.columns.decisions[self.scored] == NO_CLASS_PASSES]
        return self.columns.best(self.uncertainty[none], none, most=most)

    def uncertain(self, *, most: int, most_of_class: int | None = None) -> Rows:
        """Return the most uncertain rows, at most so many of one most probable class."""
        rows = self.scored
        if most_of_class is not None:
            top = self.top[rows]
            parts = [rows[top == each] for each in np.unique(top).tolist()]
            best = [self.columns.best(self.uncertainty[part], part, most=most_of_class) for part in parts]
            rows = np.concatenate([np.empty(0, np.intp), *best])
        return self.columns.best(self.uncertainty[rows], rows, most=most)

    def novel(self, labelled: Marks | None, *, most: int, since: float = -np.inf) -> Rows | None:
        """Return the most novel rows from `since` on, with a text; None where nothing says what is known.

        Judged are candidates drawn at random, which are what traffic is, and as many uncertain ones.
        """
        if labelled is None or len(labelled) < LEAST_LABELLED or self.exact:
            return None
        columns = self.columns
        drawn, scored = (
            rows[columns.at[rows] >= since] for rows in (self.rows[columns.drawn[self.rows]], self.scored)
        )
        half = min(max(_LEAST_JUDGED, 2 * most), _MOST_JUDGED) // 2
        first = columns.best(-columns.priorities[drawn], drawn, most=half)
        second = columns.best(self.uncertainty[scored], scored, most=half)
        rows = np.array(
            [r for r in dict.fromkeys([*first.tolist(), *second.tolist()]) if columns.texts[r] is not None],
            np.intp,
        )
        if not len(rows):
            return None
        # By priority: who is judged by whom must owe nothing to what they say.
        rows = rows[np.argsort(columns.priorities[rows], kind="stable")]
        sure = columns.probabilities[rows].max(axis=1).astype(np.float64)
        scores = novelty(marks([columns.texts[r] or "" for r in rows.tolist()]), labelled, confidence=sure)
        return columns.best(scores, rows, most=most)

    def vectors(self, rows: Sequence[int]) -> Vectors | None:
        """Return a vector per row; None where a text is not kept, or rows are those of a table."""
        if self.exact or any(self.columns.texts[row] is None for row in rows):
            return None
        fresh = [row for row in rows if row not in self._vectors]
        found = vectors([self.columns.texts[row] or "" for row in fresh])
        self._vectors.update(zip(fresh, found, strict=True))
        return np.array([self._vectors[row] for row in rows], np.float32)


def pool_of(columns: Columns, *, thresholds: Scores, multilabel: bool = False, exact: bool = False) -> Pool:
    """Return the newest candidate of each key that a labeler can recognise."""
    newest = columns.newest()
    rows = newest
    if None in columns.texts and None in columns.item_ids:  # looked through at the speed of C
        named = [
            columns.texts[row] is not None or columns.item_ids[row] is not None for row in newest.tolist()
        ]
        rows = newest[np.array(named, np.bool_)]
    probabilities = columns.probabilities
    near = multilabel or probabilities.shape[1] == 2
    return Pool(
        columns=columns,
        rows=rows,
        scored=rows[columns.scored[rows]],
        top=probabilities.argmax(axis=1),
        uncertainty=nearness(probabilities, thresholds) if near else 1 - margins(probabilities),
        without_text_or_id=len(newest) - len(rows),
        exact=exact,
    )
