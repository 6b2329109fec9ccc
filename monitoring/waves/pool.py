"""Which candidates can be picked, and in which order does each slice want them?"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from model_store.data.ngrams import Vectors
from model_store.data.signatures import PERMUTATIONS, Signatures
from model_store.data.wordmarks import Marks
from model_store.policy import NO_CLASS, NO_CLASS_PASSES
from monitoring.recording.candidate import ProbabilityVector
from monitoring.recording.ranking import Probabilities, Scores, nearness
from monitoring.waves.columns import Columns, Rows
from monitoring.waves.neardup import sign
from monitoring.waves.novelty import among_alike, novelty
from monitoring.waves.placed import Placed
from monitoring.waves.views import TEXTS, View

LEAST_LABELLED: Final = 20  # labelled items that say what is not novel
_MOST_JUDGED: Final = 6_000  # candidates whose novelty is worked out
_LEAST_JUDGED: Final = 2_000
_BLOCK: Final = 4_096  # rows at a time: they fit the processor's cache
_SOME: Final = 16  # every so many rows say from where on a row may be among the best

_FEW: Final = 0.1  # of the columns: to read each by itself is faster than all of every row


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
    view : View, optional
        How contents are told apart; without it nothing is novel.
    placed : Placed
        Where the candidates stand that are spread.
    signed : dict of int to uint32 array of shape (64,)
        The signatures that were asked for so far, by row.
    """

    columns: Columns
    rows: Rows
    scored: Rows
    top: Rows
    uncertainty: Scores
    without_text_or_id: int
    exact: bool = False
    view: View | None = TEXTS
    placed: Placed = field(default_factory=lambda: Placed(TEXTS))
    signed: dict[int, Signatures] = field(default_factory=dict)

    def of_classes(self, most: Mapping[str, int], classes: Sequence[str]) -> Mapping[str, Rows]:
        """Return so many rows of each watched class, the most probable of it first.

        Of "no_class_passes" they are the most uncertain rows that no class passes.
        """
        columns, named = self.columns, [name for name in most if name != NO_CLASS]
        at = [classes.index(name) for name in named]
        found = {}
        for name, column, rows in zip(named, at, self._promising(at, [most[n] for n in named]), strict=True):
            scores = columns.probabilities[rows, column].astype(np.float64)
            found[name] = columns.best(scores, rows, most=most[name])
        if NO_CLASS in most:
            none = self.scored[columns.decisions[self.scored] == NO_CLASS_PASSES]
            found[NO_CLASS] = columns.best(self.uncertainty[none], none, most=most[NO_CLASS])
        return {name: found[name] for name in most}

    def uncertain(self, *, most: int) -> Rows:
        """Return the most uncertain rows."""
        return self.columns.best(self.uncertainty[self.scored], self.scored, most=most)

    def around(self, *, most: int, taken: Collection[str]) -> Rows:
        """Return so many rows drawn at random, but for taken keys, the most uncertain of them first."""
        columns, drawn = self.columns, self.rows[self.columns.drawn[self.rows]]
        some = columns.best(-columns.priorities[drawn], drawn, most=most + len(taken))
        free = np.array([row for row in some.tolist() if columns.keys[row] not in taken][:most], np.intp)
        return columns.best(self.uncertainty[free], free, most=most)

    def by_top(self) -> Sequence[Rows]:
        """Return the scored rows of each most probable class that there is."""
        top = self.top[self.scored].astype(np.int16)  # numpy sorts no other integers in linear time
        order = np.argsort(top, kind="stable")
        return np.split(self.scored[order], np.flatnonzero(np.diff(top[order])) + 1)

    def capped(self, parts: Sequence[Rows], *, most: int, most_of_class: int) -> Rows:
        """Return the most uncertain rows, at most so many of each part."""
        best = [self.columns.best(self.uncertainty[part], part, most=most_of_class) for part in parts]
        rows = np.concatenate(best)
        return self.columns.best(self.uncertainty[rows], rows, most=most)

    def novel(self, labelled: Marks | None, *, most: int, since: float = -np.inf) -> Rows | None:
        """Return the most novel rows from `since` on, with a text; None where nothing says what is known.

        Judged are candidates drawn at random, which are what traffic is, and as many uncertain ones.
        """
        if labelled is None or len(labelled) < LEAST_LABELLED or self.view is None:
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
        marks = self.view.marks([columns.texts[r] or "" for r in rows.tolist()])
        scores = novelty(marks, labelled, confidence=sure)
        if not self.exact:  # marks of tables are bins, which are never uncommon
            scores = among_alike(scores, marks)
        return columns.best(scores, rows, most=most)

    def signatures(self, rows: Sequence[int]) -> Signatures:
        """Return a near-duplicate signature per row, uint32 of shape (n_rows, 64); each is made once."""
        fresh = [row for row in dict.fromkeys(rows) if row not in self.signed]
        made = sign([self.columns.candidate(row) for row in fresh], exact=self.exact)
        self.signed.update(zip(fresh, made, strict=True))
        return np.array([self.signed[row] for row in rows], np.uint32).reshape(len(rows), PERMUTATIONS)

    def vectors(self, rows: Sequence[int]) -> Vectors | None:
        """Return a vector per row; None where a content is not kept, or nothing makes vectors of them."""
        texts = {row: text for row in rows if (text := self.columns.texts[row]) is not None}
        return self.placed.of(texts) if len(texts) == len(rows) else None

    def _promising(self, at: Sequence[int], most: Sequence[int]) -> Sequence[Rows]:
        """Return a few rows per column of the probabilities, the `most` largest of it among them.

        As many of some rows reach a bar, so at least as many of all rows do; one pass finds those for all
        columns, where a sort of each would take seconds for a hundred classes.
        """
        probabilities, some = self.columns.probabilities, self.scored[::_SOME]
        bars = np.full(len(at), -np.inf, np.float32)
        for place, (column, n) in enumerate(zip(at, most, strict=True)):
            if 0 < n <= len(some):
                bars[place] = np.partition(probabilities[some, column], len(some) - n)[len(some) - n]
        found: list[list[Rows]] = [[self.scored[:0]] for _ in at]
        for start in range(0, len(self.scored), _BLOCK):
            rows = self.scored[start : start + _BLOCK]
            for place, values in enumerate(_columns(probabilities, rows, at)):
                found[place].append(rows[values >= bars[place]])
        return [np.concatenate(parts) for parts in found]


def pool_of(
    columns: Columns,
    *,
    thresholds: Scores,
    multilabel: bool = False,
    exact: bool = False,
    view: View | None = TEXTS,
) -> Pool:
    """Return one candidate of each key that a labeler can recognise."""
    rows = each = columns.representatives()
    if None in columns.texts and None in columns.item_ids:  # looked through at the speed of C
        named = [columns.texts[row] is not None or columns.item_ids[row] is not None for row in each.tolist()]
        rows = each[np.array(named, np.bool_)]
    near = multilabel or columns.probabilities.shape[1] == 2
    top, uncertainty = _ranked(columns.probabilities, thresholds if near else None)
    return Pool(
        columns=columns,
        rows=rows,
        scored=rows[columns.scored[rows]],
        top=top,
        uncertainty=uncertainty,
        without_text_or_id=len(each) - len(rows),
        exact=exact,
        view=view,
        placed=Placed(view),
    )


def _columns(probabilities: Probabilities, rows: Rows, at: Sequence[int]) -> Iterable[ProbabilityVector]:
    """Return the probabilities of some rows column by column; of many columns whole rows are read at once."""
    if len(at) <= _FEW * probabilities.shape[1]:
        return (probabilities[rows, column] for column in at)
    return probabilities[rows][:, at].T


def _ranked(probabilities: Probabilities, thresholds: Scores | None) -> tuple[Rows, Scores]:
    """Return the most probable class of each row and how uncertain it is, block by block.

    That is how near a threshold is, if there are any, else 1 minus the margin of the best two.
    """
    n = len(probabilities)
    top, uncertainty = np.empty(n, np.intp), np.empty(n)
    for start in range(0, n, _BLOCK):
        block = slice(start, start + _BLOCK)
        part = probabilities[block].copy()
        rows, best = np.arange(len(part)), part.argmax(axis=1)
        top[block] = best
        if thresholds is not None:
            uncertainty[block] = nearness(part, thresholds)
            continue
        largest = part[rows, best].astype(np.float64)
        part[rows, best] = -np.inf
        uncertainty[block] = 1 - (largest - part.max(axis=1))
    return top, uncertainty
