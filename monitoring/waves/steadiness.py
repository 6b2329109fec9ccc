"""Which classes are more common in one batch's traffic than in another's, beyond what chance makes?"""

from collections.abc import Mapping
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

ALPHA: Final = 0.01
_SHUFFLES: Final = 2_000
_SEED: Final = 15

Floats: TypeAlias = npt.NDArray[np.float64]


def unsteady(
    positive: Mapping[str, npt.NDArray[np.bool_]],
    batch: npt.NDArray[np.intp],
    draws: Floats,
    *,
    alpha: float = ALPHA,
) -> tuple[str, ...]:
    """Return the classes whose share differs between batches; for all together, by chance once in 1 / alpha.

    Which batch a draw is of would be chance were the shares equal. So the positives are dealt to the batches
    anew, many times, and Pearson's statistic compared (Monte-Carlo test: Hope 1968; Bonferroni).

    Parameters
    ----------
    positive : mapping of str to bool array of shape (n_items,)
    batch : int array of shape (n_items,)
    draws : float64 array of shape (n_items,)
        How many draws each item stands for.

    Examples
    --------
    >>> batch, draws = np.repeat([0, 1], 50), np.ones(100)
    >>> unsteady({"fraud": np.arange(100) < 12, "login": np.arange(100) % 5 == 0}, batch, draws)
    ('fraud',)
    """
    sizes = np.bincount(batch, draws).astype(np.int64)
    if np.count_nonzero(sizes) < 2:
        return ()
    rng = np.random.default_rng(_SEED)
    level = alpha / len(positive)
    shuffles = max(_SHUFFLES, int(5 / level))
    found = {name: np.bincount(batch, draws * those, len(sizes)) for name, those in positive.items()}
    return tuple(
        name
        for name, counts in found.items()
        if _p_value(counts.astype(np.float64), sizes, shuffles, rng) <= level
    )


def _p_value(found: Floats, sizes: npt.NDArray[np.int64], shuffles: int, rng: np.random.Generator) -> float:
    total = int(found.sum())
    dealt = rng.multivariate_hypergeometric(sizes, total, size=shuffles, method="marginals")
    expected = np.maximum(sizes * (total / sizes.sum()), np.finfo(np.float64).tiny)
    statistic, chance = (((counts - expected) ** 2 / expected).sum(axis=-1) for counts in (found, dealt))
    as_far = int((chance >= statistic * (1 - 1e-9)).sum())
    return (as_far + 1) / (shuffles + 1)
