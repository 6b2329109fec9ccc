"""Are two texts nearly the same, told from 64 bits each? Cheap enough for every closing bucket.

SimHash over character 4-grams (Charikar 2002; Manku, Jain and Das Sarma 2007): the share of unequal bits
estimates the angle between the texts' 4-gram counts. It is stricter than `neardup`, which decides at the time
of a wave: what is dropped here would be dropped there.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Hashes: TypeAlias = npt.NDArray[np.uint64]  # (n_texts,)

SHINGLE: Final = 4
NEAR_BITS: Final = 8


def simhash(texts: Sequence[str]) -> Hashes:
    """Return 64 bits per text; white space is normalised and case ignored."""
    raise NotImplementedError


def near(one: np.uint64, others: Hashes) -> npt.NDArray[np.bool_]:
    """Return which of the others differ in at most `NEAR_BITS` bits, shape of `others`."""
    raise NotImplementedError
