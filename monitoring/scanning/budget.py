"""How is the false-alarm budget spread: over streams, over their columns, over rises and falls?"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from monitoring.scanning.spans import Floats, Kind

Weights: TypeAlias = Floats  # (2, n_columns): share of the budget for rises, for falls

RISE_SHARE: Final = 0.75  # a rare class that rises is what users ask for
WHOLE_MIX_SHARE: Final = 0.3
STREAM_SHARES: Final[Mapping[str, float]] = {"classes": 0.60, "scores": 0.25, "inputs": 0.15}


def stream_shares(names: Sequence[str], declared: Mapping[str, float] | None = None) -> tuple[float, ...]:
    """Return each stream's share of the budget, in the order of `names`; they add up to 1.

    What stands before a colon is the stream's kind: `inputs:length` and `inputs:unknown` divide what is
    declared for `inputs` evenly. The shares of kinds that are absent go to the others in proportion.

    Parameters
    ----------
    declared : mapping of kind to relative share, optional
        60 for classes, 25 for scores and 15 for inputs by default.

    Examples
    --------
    >>> stream_shares(["classes", "inputs:length", "inputs:unknown"])
    (0.8, 0.1, 0.1)
    """
    relative = STREAM_SHARES if declared is None else declared
    kinds = [name.partition(":")[0] for name in names]
    unknown = sorted(set(kinds) - set(relative))
    if unknown:
        raise ValueError(f"no budget share for streams {unknown}: declare one, {sorted(relative)} have one")
    wanted = {kind: float(relative[kind]) for kind in kinds}
    total = sum(wanted.values())
    if min(wanted.values(), default=0.0) < 0.0 or not total > 0.0:
        raise ValueError(f"budget shares {wanted}: expected numbers >= 0, not all 0")
    return tuple(round(wanted[kind] / total / kinds.count(kind), 12) for kind in kinds)


def watch_weights(categories: Sequence[str], watch: Mapping[str, float] | None = None) -> Floats:
    """Return relative weights per category: those of the declared watch list, 0 for what is not on it.

    Without a list every category weighs the same.

    Raises
    ------
    ValueError
        The list names an unknown category, a weight is negative, or all are 0.

    Examples
    --------
    >>> watch_weights(("fraud", "refund", "other"), {"fraud": 3, "refund": 1}).tolist()
    [3.0, 1.0, 0.0]
    """
    if watch is None:
        return np.ones(len(categories))
    unknown = sorted(set(watch) - set(categories))
    if unknown:
        raise ValueError(f"watch list names {unknown}: known categories are {list(categories)}")
    weights = np.array([float(watch.get(category, 0.0)) for category in categories])
    if (weights < 0.0).any() or not np.isfinite(weights).all() or not weights.any():
        raise ValueError(f"watch list {dict(watch)}: expected weights >= 0, not all 0")
    return weights


def column_weights(
    kind: Kind, reference: npt.ArrayLike, *, watch: npt.ArrayLike | None = None, whole_mix: float = 0.0
) -> Weights:
    """Return each column's share of its stream's budget: row 0 for rises, row 1 for falls.

    Three quarters are for rises, except for cuts, where a rise is no more important than a fall. With two
    exclusive categories one count tells everything, so only the rarer one in `reference` is tested.

    Parameters
    ----------
    reference : array of shape (n_columns,)
        The reference's counts; they matter for a mix of two categories only.
    watch : array of shape (n_columns,), optional
        Relative importance, 0 for a column not watched; uniform by default.
    whole_mix : float
        Budget kept for the mix as a whole, in [0, 1); `whole_mix_budget` says whether there is such a test.

    Returns
    -------
    float64 array of shape (2, n_columns)
        Adds up to 1 - whole_mix.
    """
    counts = np.asarray(reference)
    weights = np.ones(counts.shape) if watch is None else np.asarray(watch, dtype=np.float64)
    if weights.shape != counts.shape or (weights < 0).any() or not weights.any():
        raise ValueError(f"budget shares {weights.tolist()}: expected {len(counts)} numbers >= 0, not all 0")
    if kind == "mix" and len(counts) == 2:
        weights = np.zeros(2)
        weights[int(np.argmin(counts))] = 1.0
    rises = 0.5 if kind == "cuts" else RISE_SHARE
    split = np.array([[rises], [1.0 - rises]])
    budget: Weights = split * (1.0 - whole_mix) * weights / weights.sum()
    return budget


def whole_mix_budget(kind: Kind, n_columns: int, share: float = WHOLE_MIX_SHARE) -> float:
    """Return the share of a stream's budget that the test of the mix as a whole takes; 0 where there is none.

    Flags and cuts are no mix, and a mix of two categories has one count that tells everything.
    """
    return share if kind == "mix" and n_columns > 2 else 0.0
