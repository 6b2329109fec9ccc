"""Signatures: is this text nearly the same as that one?

MinHash over character 5-grams, 64 permutations; near-duplicates are found by 16 bands of 4 and verified by
the share of equal minima, which estimates the Jaccard similarity (Broder 1997). Equal text gives an equal
signature in every process and release: hash and permutations are fixed, because bundles keep signatures.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from datasketch import MinHash
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from model_store.data.cells import MISSING, number, truth
from model_store.data.shingles import Hashes, Sizes, hashes

Signatures: TypeAlias = npt.NDArray[np.uint32]  # (n_texts, PERMUTATIONS)
Indices: TypeAlias = npt.NDArray[np.intp]

PERMUTATIONS: Final = 64
BANDS: Final = 16
# Two rows of 64 minima that share more than 32 share both of at least one of 32 pairs, so nothing over a
# similarity of .5 is missed. It verifies more pairs: .2 s instead of .06 for 12,000 against 12,000 tweets.
THOROUGH_BANDS: Final = 32
# Between the two: rows of 3, which miss one in 160 pairs at .6 where rows of 4 miss one in 9.
CLOSE_BANDS: Final = 21
SIMILARITY: Final = 0.6
# In a band's bucket every pair is verified up to this size. Beyond it (one text sent around by thousands)
# each member is verified against these many only, so a bucket costs linear time. Narrow bands have larger
# buckets of rows that merely share a phrase.
_ANCHORS: Final = 32
_THOROUGH_ANCHORS: Final = 256
_BLOCK: Final = 1 << 11  # pairs at a time: their rows stay in the processor's cache
_CHARACTERS: Final = 1 << 16  # at a time, likewise
# A permutation is h -> a * h + b modulo 2**32 with an odd a.
_FACTORS, _TERMS = MinHash(num_perm=PERMUTATIONS, seed=1, scheme="affine32").permutations


def minhash(texts: Sequence[str], *, exact: bool = False) -> Signatures:
    """Return one signature per text, uint32 of shape (n_texts, 64).

    White space is normalised and case ignored. A text shorter than 5 characters is one shingle, so short
    texts match when equal; two empty texts match.

    Parameters
    ----------
    exact : bool
        For rows of tables, as `contents.content_of` writes them: signatures are equal if the rows are, and
        have nothing in common otherwise. The type of a value does not count: 3, 3.0 and "3" are equal, and
        so are true, 1 and "True". Rows of numbers that are merely near are different rows.

    Examples
    --------
    >>> a, b = minhash(["The card was  DECLINED today", "the card was declined today"])
    >>> bool((a == b).all())
    True
    >>> a, b, c = minhash(['{"age": 3}', '{"age": "3.0"}', '{"age": 4}'], exact=True)
    >>> bool((a == b).all()), bool((a == c).any())
    (True, False)
    """
    if exact:
        return _exact(texts)
    parts = [_minima(*hashes(block)) for block in _blocks([_clean(text) for text in texts])]
    return np.concatenate([np.empty((0, PERMUTATIONS), np.uint32), *parts])


def groups(
    signatures: Signatures, *, threshold: float = SIMILARITY, bands: int = BANDS
) -> npt.NDArray[np.int32]:
    """Return a group id per row: rows linked by a chain of near-duplicates share one.

    Ids count from 0 in order of first appearance.

    Parameters
    ----------
    threshold : float
        Least share of equal minima, an estimate of the Jaccard similarity. Pairs below about .4 are seldom
        proposed by the bands, whatever the threshold.
    bands : int
        16, `CLOSE_BANDS`, or `THOROUGH_BANDS` to miss no pair over .5 where it is worth a second of time.
    """
    n = len(signatures)
    if n == 0:
        return np.empty(0, dtype=np.int32)
    lefts, rights = [np.empty(0, dtype=np.intp)], [np.empty(0, dtype=np.intp)]
    for band in _bands(signatures, bands):
        left, right = _bucket_pairs(band, _anchors(bands))
        near = _verified(signatures, left, signatures, right, threshold)
        lefts.append(left[near])
        rights.append(right[near])
    left, right = np.concatenate(lefts), np.concatenate(rights)
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(n, n))
    return link(n, graph)


def merged(first: npt.NDArray[np.integer], second: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
    """Return the groups that hold together whatever either grouping holds together."""
    n = len(first)
    a, b = np.unique(first, return_inverse=True)[1], np.unique(second, return_inverse=True)[1]
    rows = np.arange(n)
    nodes = n + len(a) + len(b)
    ends = np.concatenate([n + a, n + len(a) + b])
    graph = coo_array((np.ones(2 * n, dtype=np.int8), (np.tile(rows, 2), ends)), shape=(nodes, nodes))
    return link(nodes, graph)[:n]


def link(n: int, graph: coo_array) -> npt.NDArray[np.int32]:
    """Return the connected component of each of `n` rows, numbered by first appearance."""
    _, component = connected_components(graph, directed=False)
    _, first, inverse = np.unique(component, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int32)
    rank[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    return rank[inverse.reshape(n)]


def matches(
    signatures: Signatures, against: Signatures, *, threshold: float = SIMILARITY, bands: int = BANDS
) -> npt.NDArray[np.bool_]:
    """Return which rows of `signatures` are near-duplicates of any row of `against`."""
    return partners(signatures, against, threshold=threshold, bands=bands) >= 0


def partners(
    signatures: Signatures, against: Signatures, *, threshold: float = SIMILARITY, bands: int = BANDS
) -> Indices:
    """Return for each row of `signatures` a near-duplicate among the rows of `against`, -1 if it has none.

    The first one found, not the nearest. `threshold` and `bands` are those of `groups`.
    """
    found = np.full(len(signatures), -1, dtype=np.intp)
    if len(against) == 0:
        return found
    for band, other in zip(_bands(signatures, bands), _bands(against, bands), strict=True):
        order = np.argsort(other, kind="stable")
        ranked = other[order]
        start = np.searchsorted(ranked, band, side="left")
        size = np.searchsorted(ranked, band, side="right") - start
        for offset in range(min(int(size.max(initial=0)), _anchors(bands))):
            open_rows = np.flatnonzero((size > offset) & (found < 0))
            if len(open_rows) == 0:
                break
            proposed = order[start[open_rows] + offset]
            near = _verified(signatures, open_rows, against, proposed, threshold)
            found[open_rows[near]] = proposed[near]
    return found


def similarities(signatures: Signatures, against: Signatures) -> npt.NDArray[np.float64]:
    """Return the share of equal minima of each pair of rows at the same place, of shape (n,)."""
    shares: npt.NDArray[np.float64] = np.mean(signatures == against, axis=1)
    return shares


def _exact(contents: Sequence[str]) -> Signatures:
    """Return 64 words of a SHAKE-128 stream each: unequal rows agree in one by a chance of 2**-32."""
    size = PERMUTATIONS * np.dtype(np.uint32).itemsize
    stream = b"".join(hashlib.shake_128(_untyped(content)).digest(size) for content in contents)
    words = np.frombuffer(stream, dtype="<u4").astype(np.uint32)
    return words.reshape(len(contents), PERMUTATIONS)


def _untyped(content: str) -> bytes:
    try:
        row = json.loads(content)
    except ValueError:
        row = content
    if not isinstance(row, dict):
        return _clean(content).encode("utf-8", "surrogatepass")
    plain = {name: _plain(_clean(str(value))) for name, value in row.items()}
    filled = sorted((name, value) for name, value in plain.items() if value not in MISSING)
    return json.dumps(filled).encode()


def _plain(value: str) -> float | str:
    """Return one form for what a cell and a typed value both say."""
    said = truth(value)
    if said is not None:
        return float(said)
    parsed = number(value)
    return value if math.isnan(parsed) else parsed + 0.0  # -0.0 is 0


def _clean(text: str) -> str:
    return " ".join(text.lower().split())


def _blocks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the texts some at a time, in their order."""
    ends = np.cumsum([len(text) for text in texts], dtype=np.intp)
    cuts = np.flatnonzero(np.diff(ends // _CHARACTERS)) + 1
    for start, end in pairwise([0, *cuts.tolist(), len(texts)]):
        if start < end:
            yield texts[start:end]


def _minima(hashes: Hashes, sizes: Sizes) -> Signatures:
    """Return the least hash of each text in each permutation, as `MinHash` has them, of all texts at once."""
    mixed, starts = _mixed(hashes), np.cumsum(sizes) - sizes
    found = np.empty((PERMUTATIONS, len(sizes)), np.uint32)
    for mine, factor, term in zip(found, _FACTORS, _TERMS, strict=True):
        np.minimum.reduceat(mixed * factor + term, starts, out=mine)
    return np.ascontiguousarray(found.T)


def _mixed(hashes: Hashes) -> Hashes:
    """Return the hashes mixed by the finalizer of MurmurHash3, which "affine32" begins with."""
    mixed = (hashes ^ (hashes >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    mixed = (mixed ^ (mixed >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return mixed ^ (mixed >> np.uint32(16))


def _anchors(bands: int) -> int:
    return _ANCHORS if bands <= BANDS else _THOROUGH_ANCHORS


def _bands(signatures: Signatures, bands: int) -> Iterator[npt.NDArray[np.uint64]]:
    """Yield one 64-bit key per row for each band; a clash of keys costs a verification, nothing else."""
    rows = PERMUTATIONS // bands
    odd = np.array(
        [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5], np.uint64
    )
    for band in range(bands):
        part = signatures[:, band * rows : (band + 1) * rows].astype(np.uint64)
        yield np.bitwise_xor.reduce(part * odd[:rows], axis=1)


def _bucket_pairs(keys: npt.NDArray[np.uint64], anchors: int) -> tuple[Indices, Indices]:
    """Return the pairs to verify among rows with equal keys."""
    order = np.argsort(keys, kind="stable")
    ranked, place = keys[order], np.arange(len(keys))
    is_first = np.append(np.True_, ranked[1:] != ranked[:-1])
    first = np.maximum.accumulate(np.where(is_first, place, 0))
    n_pairs = np.minimum(place - first, anchors)  # of each row with the first of those before it
    anchor = np.repeat(first - np.cumsum(n_pairs) + n_pairs, n_pairs)
    anchor += np.arange(len(anchor))
    return order[anchor], np.repeat(order, n_pairs)


def _verified(
    signatures: Signatures, left: Indices, against: Signatures, right: Indices, threshold: float
) -> npt.NDArray[np.bool_]:
    near = np.empty(len(left), dtype=np.bool_)
    least = threshold * PERMUTATIONS
    for at in range(0, len(left), _BLOCK):
        part = slice(at, at + _BLOCK)
        equal = np.packbits(signatures[left[part]] == against[right[part]])
        near[part] = np.bitwise_count(equal.view(np.uint64)) >= least  # a word of 64 bits a pair
    return near
