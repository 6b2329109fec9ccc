"""Gathering: which rows of a file, and which labels that came back, train, and which are evidence?"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from model_store.data.drawn import Drawn
from model_store.data.joining import at, joined
from model_store.data.labelled import Labelled, labelled_of
from model_store.data.returned import Float64s, Indices, Returned
from model_store.data.rows import Rows
from model_store.reports.proposal import Evidence


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Rows of a file and, behind them, labels that came back; numbers count both.

    Parameters
    ----------
    able : Drawn
        Which rows of the file are a sample of its traffic; every other row that may train is `chosen`.
    returned : Returned, optional
    explored, proving : int array
        Explored rows that training has not nearly seen, and those of them that may carry a claim. Both
        are of no row without labels that came back.
    """

    rows: Rows
    labelled: Labelled
    able: Drawn
    returned: Returned | None
    explored: Indices
    proving: Indices

    @classmethod
    def of(cls, rows: Rows, able: Drawn, returned: Returned | None) -> Self:
        """Gather both; the classes are those of the file, and a returned label may be none of them.

        Raises
        ------
        LabelsUnknown
            For returned labels of other classes, by row numbers behind the file's.
        """
        own, none = labelled_of(rows), np.zeros(0, np.intp)
        if returned is None:
            return cls(rows, own, able, None, none, none)
        every, n = joined(rows, returned.rows), len(rows)
        return cls(
            rows=every,
            labelled=labelled_of(every, own.classes, task=own.task),
            able=replace(able, chosen=np.concatenate([able.chosen, n + returned.training])),
            returned=returned,
            explored=n + returned.explored,
            proving=n + returned.proving,
        )

    def __len__(self) -> int:
        return len(self.rows)

    def unknown_to(self, fitted: Indices, groups: npt.NDArray[np.int32]) -> Self:
        """Return the same without explored rows that nearly repeat one of the rows that something fits."""
        known = np.unique(groups[fitted])
        explored, proving = (each[~np.isin(groups[each], known)] for each in (self.explored, self.proving))
        return replace(self, explored=explored, proving=proving)

    def evidence(self, test: Indices) -> tuple[Evidence, ...]:
        """Return what a comparison rests on: explored rows, and rows of the file that only measure."""
        if self.returned is None:
            return ()
        offset = len(self.rows) - len(self.returned)
        weights = self.able.weights_of(len(self.rows))
        labels = self.labelled.labels
        mine = Labelled(self.labelled.classes, self.labelled.task, labels[self.proving]).positives()
        return (
            Evidence(
                "exploration",
                at(self.rows, self.explored),
                labels[self.explored],
                self.returned.weights_of(self.explored - offset),
                len(self.proving),
                tuple(mine.tolist()),
            ),
            Evidence(
                "validation",
                at(self.rows, test),
                labels[test],
                None if weights is None else weights[test],
            ),
        )

    def facts(self, *, pool: bool) -> dict[str, Any]:
        """Return what a manifest says about labels that came back; nothing without any."""
        back = self.returned
        if back is None:
            return {}
        return {
            "returned": {
                "batches": sorted(set(back.batches)),
                "labels": len(back),
                "training": len(back.training),
                "explored": len(self.explored),
                "known": len(back.explored) - len(self.explored),
                "proving": len(self.proving),
                "of_no_class": int(back.unnamed.sum()),
                "pooled": pool,
            }
        }

    def notes(self, *, pool: bool) -> list[str]:
        """Return what a reader of the card must know of labels that came back."""
        if self.returned is None:
            return []
        facts = self.facts(pool=pool)["returned"]
        rest = (
            "the threshold rows of the file and the explored rows that can, counted together"
            if pool
            else "explored rows alone; other classes keep what the threshold rows of the file show, which "
            "are of earlier traffic"
        )
        return [
            f"{facts['labels']:,} labels came back from batches: {facts['training']:,} train, "
            f"{facts['explored']:,} explored ones do not, and {facts['proving']:,} of these can carry a "
            f"claim; {facts['of_no_class']:,} items are of no class.",
            f"What is certified rests on {rest}.",
        ]


def explored_weights(weights: Float64s | None, n: int) -> Float64s | None:
    """Return weights for `n` explored rows beside rows of these weights: the mean one, None beside none."""
    return None if weights is None else np.full(n, float(weights.mean()))
