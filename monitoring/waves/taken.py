"""Which items need no second label, being labelled or in an open batch, and what is known of them?"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from monitoring.waves.batches import Place


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """Items that need no second label: neither they nor their near-duplicates are chosen.

    Attributes
    ----------
    keys : collection of str
        Of all of them, but for those of which only the signatures are known.
    signatures : uint32 array of shape (n, 64)
        Of their texts; the last ones are those of `signed_keys`.
    signed_keys : sequence of str
        Keys of the last rows of `signatures`.
    places : mapping of str to (str, int)
        The newest batch and rank of these keys.
    drawn : collection of (str, float)
        Key and time of those that were drawn at random whatever the model said of them.
    carried : collection of float
        The priorities of draws that one of them stands for.
    contents : mapping of str to str
        Their texts by key, where known.
    texts : sequence of str
        Those of the newest ones.
    """

    keys: Collection[str] = frozenset()
    signatures: npt.NDArray[np.uint32] = field(default_factory=lambda: np.empty((0, 64), np.uint32))
    signed_keys: Sequence[str] = ()
    places: Mapping[str, Place] = field(default_factory=dict)
    drawn: Collection[tuple[str, float]] = frozenset()
    carried: Collection[float] = frozenset()
    contents: Mapping[str, str] = field(default_factory=dict)
    texts: Sequence[str] = ()

    def beside(self, seen: npt.NDArray[np.uint32]) -> "Taken":
        """Return the same with items of which only the signatures are known, of shape (m, 64)."""
        return replace(self, signatures=np.concatenate([seen, self.signatures]))
