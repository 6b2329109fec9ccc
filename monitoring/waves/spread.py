"""Which of the best candidates differ most from each other? Greedy k-center, weighted by their scores.

The next pick is the one farthest from all picks so far (Gonzalez 1985), its distance weighted by its rank:
of two that are as far the better one, and a much better one even if it is nearer.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from model_store.data.ngrams import Vectors

_LAST_WEIGHT: Final = 0.5  # of the worst of the candidates; the best has 1


def spread(vectors: Vectors, *, wanted: int, permits: Callable[[int], bool]) -> list[int]:
    """Return up to `wanted` rows, best and farthest from each other first.

    Parameters
    ----------
    vectors : float32 array of shape (n, n_dimensions)
        Of length 1, best candidate first.
    permits : callable
        Asked of a row when its turn comes; one that is refused is passed over for good.
    """
    n = len(vectors)
    weight = np.linspace(1.0, _LAST_WEIGHT, n)
    apart = np.full(n, 2.0)  # the largest cosine distance
    open_ = np.ones(n, dtype=np.bool_)
    picked: list[int] = []
    while len(picked) < wanted and open_.any():
        row = int(np.argmax(np.where(open_, weight * apart, -1.0)))
        open_[row] = False
        if not permits(row):
            continue
        picked.append(row)
        apart = np.minimum(apart, np.maximum(1.0 - vectors @ vectors[row], 0.0))
    return picked
