"""Which candidates are the same work for a labeler: resends, templates, and what was labelled already."""

import hashlib
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array

from model_store.data.signatures import (
    BANDS,
    CLOSE_BANDS,
    PERMUTATIONS,
    SIMILARITY,
    THOROUGH_BANDS,
    Signatures,
    groups,
    link,
    matches,
    minhash,
    partners,
)
from monitoring.recording.candidate import Candidate


@dataclass(frozen=True, slots=True)
class Alike:
    """How alike two texts must look: the least share of equal minima, and the bands that find such pairs."""

    similarity: float
    bands: int


# What was drawn is dropped only where it is alike: draws cannot be replaced. What is chosen can be, and an
# estimate by 64 minima errs by .06: 37 of them find three in four pairs that are just alike, 39 not half.
NEARLY: Final = Alike(SIMILARITY, BANDS)
CLOSELY: Final = Alike(37 / PERMUTATIONS, CLOSE_BANDS)
# Where any other item would do as well: 33 find fourteen in fifteen.
HARDLY: Final = Alike(33 / PERMUTATIONS, THOROUGH_BANDS)


def sign(candidates: Sequence[Candidate], *, exact: bool = False) -> Signatures:
    """Return a near-duplicate signature of each candidate, uint32 of shape (n, 64).

    Where texts are not kept the digest of the key stands in: it resembles no other, so only equal keys match.
    `exact` is for rows of tables: two of them that differ in one number are two pieces of work.
    """
    contents = [_digest(each.key) if each.text is None else each.text for each in candidates]
    return minhash(contents, exact=exact)


def clusters(keys: Sequence[str], signatures: Signatures, *, alike: Alike = NEARLY) -> npt.NDArray[np.int32]:
    """Return a cluster per row, shape (n,): rows with near-duplicate texts or with equal keys share one."""
    n = len(keys)
    texts = groups(signatures, threshold=alike.similarity, bands=alike.bands)
    first = np.concatenate([_first_of_equals(texts.tolist()), _first_of_equals(keys)])
    rows = np.tile(np.arange(n), 2)
    return link(n, coo_array((np.ones(2 * n, np.int8), (rows, first)), shape=(n, n)))


@dataclass(frozen=True, slots=True)
class Excluded:
    """What needs no second label: the keys and signatures of items labelled or in an open batch.

    `owners` are the keys of the last rows of `signatures`; those before are of items without a key, which the
    model was made from. `texts` has what is known of them by key.
    """

    keys: Collection[str] = frozenset()
    signatures: Signatures = field(default_factory=lambda: np.empty((0, PERMUTATIONS), np.uint32))
    owners: Sequence[str] = ()
    texts: Mapping[str, str] = field(default_factory=dict)

    def also(self, keys: Sequence[str], signatures: Signatures) -> "Excluded":
        """Return the same with more items, of these keys and signatures of shape (n, 64)."""
        return replace(
            self,
            keys={*self.keys, *keys},
            signatures=np.concatenate([self.signatures, signatures]),
            owners=(*self.owners, *keys),
        )

    def holds(
        self, keys: Sequence[str], signatures: Signatures, *, alike: Alike = NEARLY
    ) -> npt.NDArray[np.bool_]:
        """Return which rows have a taken key or nearly a taken text, shape (n,)."""
        known = np.fromiter((key in self.keys for key in keys), np.bool_, len(keys))
        return known | matches(signatures, self.signatures, threshold=alike.similarity, bands=alike.bands)

    def owners_of(self, keys: Sequence[str], signatures: Signatures) -> list[str | None]:
        """Return the key of the taken item that each row is, or resembles; None where it has no key."""
        owned = self.signatures[len(self.signatures) - len(self.owners) :]
        alike = partners(signatures, owned).tolist()
        return [
            key if key in self.keys else self.owners[row] if row >= 0 else None
            for key, row in zip(keys, alike, strict=True)
        ]

    def is_content_of(self, owner: str, candidate: Candidate) -> bool:
        """Tell whether a taken item is this one word for word; without its text, by the key."""
        if candidate.text is None or owner not in self.texts:
            return candidate.key == owner
        return candidate.text == self.texts[owner]


def _first_of_equals(values: Sequence[Hashable]) -> npt.NDArray[np.intp]:
    first: dict[Hashable, int] = {}
    return np.array([first.setdefault(value, row) for row, value in enumerate(values)], np.intp)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
