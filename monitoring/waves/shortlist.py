"""Which candidates worth a closer look are the same work for a labeler, and which are still to be had?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from monitoring.waves.neardup import CLOSELY, Excluded, clusters
from monitoring.waves.pool import Pool


@dataclass(slots=True)
class Shortlist:
    """Candidates by row, in groups of near-duplicates, of which each gives one item at most."""

    n_excluded: int
    _group: Mapping[int, int]
    _size: Counter[int]
    _used: set[int]

    @classmethod
    def of(cls, pool: Pool, rows: Sequence[int], *, known: dict[int, bool], excluded: Excluded) -> Self:
        """Group the rows, and strike the groups that are excluded.

        Parameters
        ----------
        known : dict of int to bool
            Whether a row of an earlier look is labelled or in a batch already; what is new is added.
        """
        keys = [pool.columns.keys[row] for row in rows]
        fresh = [row for row in rows if row not in known]
        held = excluded.holds(
            [pool.columns.keys[row] for row in fresh], pool.signatures(fresh), alike=CLOSELY
        )
        known.update(zip(fresh, held.tolist(), strict=True))
        group = clusters(keys, pool.signatures(rows), alike=CLOSELY).tolist()
        struck = [each for each, row in zip(group, rows, strict=True) if known[row]]
        return cls(
            n_excluded=len(struck),
            _group=dict(zip(rows, group, strict=True)),
            _size=Counter(group),
            _used=set(struck),
        )

    def is_free(self, row: int) -> bool:
        """Tell whether nothing of the row's group was used."""
        return self._group[row] not in self._used

    def use(self, row: int) -> None:
        """Take the row's group."""
        self._used.add(self._group[row])

    def copies(self, row: int) -> int:
        """Return how many rows are in the row's group."""
        return self._size[self._group[row]]

    def representatives(self, rows: Sequence[int]) -> list[int]:
        """Return the first row of each group that is free."""
        first: dict[int, int] = {}
        for row in rows:
            if self.is_free(row):
                first.setdefault(self._group[row], row)
        return list(first.values())
