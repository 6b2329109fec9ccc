"""Which candidates worth a closer look are the same work for a labeler, and which are still to be had?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from model_store.data.signatures import PERMUTATIONS, Signatures
from monitoring.waves.neardup import CLOSELY, Excluded, clusters, sign
from monitoring.waves.pool import Pool


class Signed(NamedTuple):
    """The signature of a row, of shape (64,), and whether it is labelled or in a batch already."""

    signature: Signatures
    is_known: bool


@dataclass(slots=True)
class Shortlist:
    """Signed candidates by row, in groups of near-duplicates, of which each gives one item at most."""

    signed: Mapping[int, Signed]
    n_excluded: int
    _group: Mapping[int, int]
    _size: Counter[int]
    _used: set[int]

    @classmethod
    def of(cls, pool: Pool, rows: Sequence[int], *, signed: dict[int, Signed], excluded: Excluded) -> Self:
        """Sign the rows that are new to `signed`, group all, and strike the groups that are excluded."""
        fresh = [row for row in rows if row not in signed]
        found = sign([pool.columns.candidate(row) for row in fresh], exact=pool.exact)
        known = excluded.holds([pool.columns.keys[row] for row in fresh], found, alike=CLOSELY)
        signed.update(zip(fresh, map(Signed, found, known.tolist()), strict=True))
        signatures = np.array([signed[row].signature for row in rows], np.uint32)
        keys = [pool.columns.keys[row] for row in rows]
        group = clusters(keys, signatures.reshape(len(rows), PERMUTATIONS), alike=CLOSELY).tolist()
        struck = [each for each, row in zip(group, rows, strict=True) if signed[row].is_known]
        return cls(
            signed=signed,
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
