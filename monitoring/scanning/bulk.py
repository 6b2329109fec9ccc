"""What would most of a baseline's rows say, if a few of them were not believed?"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import rel_entr

from monitoring.scanning.budget import RISE_SHARE
from monitoring.scanning.evidence import class_evidence, tail_bound
from monitoring.scanning.spans import Floats, Span

_TRIMMED: Final = 0.01  # share of the blocks that is left out of the estimate, those that vary most
_LEAST_EXPECTED: Final = 1.0  # items of the rarer side that a column needs to say something of variance


def blocks(values: npt.ArrayLike, length: int) -> Floats:
    """Return sums over `length` successive rows, each block half over the one before it."""
    sums = np.cumsum(np.asarray(values, dtype=np.float64), axis=0)
    sums = np.concatenate([np.zeros((1, *sums.shape[1:])), sums])
    starts = np.arange(0, len(sums) - length, max(length // 2, 1))
    found: Floats = sums[starts + length] - sums[starts]
    return found


def bulk_inflation(counts: Floats, items: Floats, shares: Floats) -> float | None:
    """Return the variance inflation of most blocks of a span, at least 1; None if its columns are too rare.

    Parameters
    ----------
    counts, items : float64 arrays of shape (n_blocks, n_columns)
    shares : float64 array of shape (n_columns,)
        In (0, 1).
    """
    told = items.mean(axis=0) * np.minimum(shares, 1.0 - shares) >= _LEAST_EXPECTED
    if not told.any():
        return None
    a, n, p = counts[:, told], items[:, told], shares[told]
    squares = ((a - n * p) ** 2 / np.maximum(n * p * (1.0 - p), np.finfo(np.float64).tiny)).mean(axis=1)
    trimmed = max(math.ceil(_TRIMMED * len(squares)), 2)
    return max(float(np.sort(squares)[:-trimmed].mean()), 1.0) if len(squares) > trimmed else 1.0


def bulk_chain(
    counts: npt.ArrayLike, items: npt.ArrayLike, shares: Floats, lengths: Sequence[int]
) -> list[float]:
    """Return `bulk_inflation` of blocks of rising `lengths`; it never falls, and the first measured stands
    for shorter ones too.
    """  # noqa: D205
    found = [bulk_inflation(blocks(counts, n), blocks(items, n), shares) for n in lengths]
    known = [phi for phi in found if phi is not None]
    chain, least = [], known[0] if known else 1.0
    for phi in found:
        least = max(least, phi or 1.0)
        chain.append(least)
    return chain


def shares_of(counts: npt.ArrayLike, items: npt.ArrayLike) -> Floats:
    """Return shares strictly between 0 and 1, half an item away from both."""
    a, n = np.asarray(counts, dtype=np.float64).sum(axis=0), np.asarray(items, dtype=np.float64).sum(axis=0)
    found: Floats = (a + 0.5) / (n + 1.0)
    return found


def surprise(
    counts: Floats, items: Floats, shares: Floats, *, inflation: npt.ArrayLike, n_columns: int
) -> Floats:
    """Return -ln p of every cell under the bulk's variance, less the price of `n_columns`.

    Parameters
    ----------
    counts, items : float64 arrays, usually of shape (n_blocks, n_columns)
    shares, inflation : arrays that broadcast with them
    """
    known = 1e9  # items of a reference that is taken as exact
    evidence, _ = class_evidence(
        counts,
        np.maximum(items, 1.0),
        shares * known,
        np.full(len(shares), known),
        lengths=1.0,
        log_weights=np.full((2, len(shares)), _log_weight(n_columns)),
        phi=np.broadcast_to(np.asarray(inflation, dtype=np.float64), counts.shape),
    )
    return evidence


def surprise_bound(counts: Floats, items: Floats, shares: Floats, *, n_columns: int) -> Floats:
    """Return what `surprise` gives at most, whatever the variance, in a few operations."""
    deviance = 2.0 * (rel_entr(counts, items * shares) + rel_entr(items - counts, items * (1.0 - shares)))
    return tail_bound(np.maximum(deviance, 0.0)) + _log_weight(n_columns)


def _log_weight(n_columns: int) -> float:
    return math.log(max(RISE_SHARE, 1.0 - RISE_SHARE) / n_columns)


def by_span(spans: Sequence[Span], values: Sequence[float]) -> Floats:
    """Return each column's value from one value a span."""
    return np.concatenate([np.full(len(span), value) for span, value in zip(spans, values, strict=True)])
