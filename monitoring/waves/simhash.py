"""Are two texts nearly the same, told from 64 bits each? Cheap enough for every closing bucket.

SimHash over character 4-grams (Charikar 2002; Manku, Jain and Das Sarma 2007): the share of unequal bits
estimates the angle between the texts' 4-gram counts. The bits only propose: half of the pairs of tweets
within 8 bits are different work, so `alike` compares the texts themselves, as `neardup` estimates them to be
when a wave is chosen.
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Hashes: TypeAlias = npt.NDArray[np.uint64]  # (n_texts,)
Codes: TypeAlias = npt.NDArray[np.uint64]  # (n_characters,)

SHINGLE: Final = 4
BITS: Final = 64
NEAR_BITS: Final = 8
# As `model_store.data.shingles` and `.signatures` have them; workers do not load those.
COMPARED_SHINGLE: Final = 5
SIMILARITY: Final = 0.6
_BLOCK: Final = 1 << 16  # characters at a time: 64 bytes each
# Odd numbers of splitmix64 and of golden sections; fixed, because hashes are stored.
_ODD: Final = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5], np.uint64
)
_MIX: Final = np.array([0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64)


def simhash(texts: Sequence[str]) -> Hashes:
    """Return 64 bits per text, uint64 of shape (n_texts,), the same in every process and release.

    White space is normalised and case ignored. A text shorter than 4 characters is one shingle.

    Examples
    --------
    >>> a, b, c = simhash(["Where is my  PARCEL 1234?", "where is my parcel 1234?", "Cancel the order."])
    >>> int(np.bitwise_count(a ^ b)), int(np.bitwise_count(a ^ c)) > NEAR_BITS
    (0, True)
    """
    codes = [_codes(text) for text in texts]
    parts = [_of_block(block) for block in _blocks(codes)]
    return np.concatenate([np.empty(0, np.uint64), *parts])


def near(one: np.uint64, others: Hashes) -> npt.NDArray[np.intp]:
    """Return the places of the others that differ from `one` in at most `NEAR_BITS` bits, ascending."""
    return np.flatnonzero(np.bitwise_count(others ^ one) <= NEAR_BITS)


def alike(one: str, other: str) -> bool:
    """Return whether two texts are near-duplicates: Jaccard similarity of their character 5-grams over .6."""
    a, b = _shingles(one), _shingles(other)
    return len(a & b) >= SIMILARITY * len(a | b)


def _shingles(text: str) -> set[str]:
    clean, size = _clean(text), COMPARED_SHINGLE
    return {clean[at : at + size] for at in range(max(len(clean) - size + 1, 1))}


def _clean(text: str) -> str:
    return " ".join(text.lower().split())


def _codes(text: str) -> Codes:
    clean = _clean(text).ljust(SHINGLE)
    return np.frombuffer(clean.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)


def _blocks(codes: Sequence[Codes]) -> Iterator[Sequence[Codes]]:
    """Yield the texts in their order, some 65,536 characters at a time."""
    block: list[Codes] = []
    size = 0
    for each in codes:
        if block and size + len(each) > _BLOCK:
            yield block
            block, size = [], 0
        block.append(each)
        size += len(each)
    if block:
        yield block


def _of_block(codes: Sequence[Codes]) -> Hashes:
    lengths = np.array([len(each) for each in codes])
    flat = np.concatenate(codes)
    n = len(flat) - SHINGLE + 1
    shingles = sum((flat[at : at + n] * odd for at, odd in enumerate(_ODD)), np.zeros(n, np.uint64))
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    counts = lengths - SHINGLE + 1
    inside = np.ones(n, np.bool_)
    for ahead in range(1, SHINGLE):  # shingles that reach from one text into the next
        inside[starts[1:] - ahead] = False
    bits = np.unpackbits(_mixed(shingles[inside]).astype("<u8").view(np.uint8).reshape(-1, 8), axis=1)
    ones = np.add.reduceat(bits, np.concatenate([[0], np.cumsum(counts)[:-1]]), axis=0, dtype=np.int32)
    hashes: Hashes = np.packbits(2 * ones > counts[:, None], axis=1).view("<u8").reshape(-1)
    return hashes.astype(np.uint64)


def _mixed(shingles: Hashes) -> Hashes:
    """Return 64 bits of which each depends on every bit of a shingle (splitmix64's finaliser)."""
    mixed = (shingles ^ (shingles >> np.uint64(30))) * _MIX[0]
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX[1]
    final: Hashes = mixed ^ (mixed >> np.uint64(31))
    return final
