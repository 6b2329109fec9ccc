"""How far is one text from another, when no model gives a vector? Hashed character n-grams of few dimensions.

Distances need no training and are the same in every process and release (the hashing trick with signs,
Weinberger et al. 2009). They tell new subjects from old ones, not meanings from each other.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Vectors: TypeAlias = npt.NDArray[np.float32]  # (n_texts, DIMENSIONS), of length 1 or 0

DIMENSIONS: Final = 64
NGRAM: Final = 4  # bytes of lower-cased UTF-8
_BLOCK_BYTES: Final = 1 << 20
_LONGEST: Final = 2_000  # bytes of a text that are looked at
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)


def vectors(texts: Sequence[str]) -> Vectors:
    """Return one vector per text, float32 of shape (n_texts, 64) and length 1; 0 for an empty text.

    Case and the amount of white space do not count, nor how often an n-gram repeats beyond a logarithm.

    Examples
    --------
    >>> a, b, c = vectors(["my card was stolen", "My card  was stolen", "the parcel is late"])
    >>> round(float(a @ b), 3), bool(a @ c < 0.7)
    (1.0, True)
    """
    found = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    block: list[bytes] = []
    start = size = 0
    for row, text in enumerate(texts):
        encoded = f" {' '.join(text.lower().split())} ".encode(errors="surrogatepass")[:_LONGEST]
        block.append(encoded)
        size += len(encoded)
        if size >= _BLOCK_BYTES or row == len(texts) - 1:
            found[start : row + 1] = _of_block(block)
            block, start, size = [], row + 1, 0
    return found


def _of_block(texts: Sequence[bytes]) -> Vectors:
    lengths = np.array([len(text) for text in texts])
    ends = np.cumsum(lengths)
    raw = np.frombuffer(b"".join(texts) + bytes(NGRAM), dtype=np.uint8).astype(np.uint64)
    grams = np.zeros(int(ends[-1]), dtype=np.uint64)
    for place in range(NGRAM):
        grams |= raw[place : place + len(grams)] << np.uint64(8 * place)
    rows = np.repeat(np.arange(len(texts)), lengths)
    whole = np.arange(len(grams)) + NGRAM <= ends[rows]  # an n-gram may not reach into the next text
    with np.errstate(over="ignore"):
        hashed = (grams[whole] * _MULTIPLIER) >> np.uint64(57)  # six bits say where, one which way
    where = rows[whole] * DIMENSIONS + (hashed >> np.uint64(1)).astype(np.intp)
    signs = np.where(hashed & np.uint64(1), 1.0, -1.0)
    sums = np.bincount(where, weights=signs, minlength=len(texts) * DIMENSIONS)
    sums = (np.sign(sums) * np.log1p(np.abs(sums))).reshape(len(texts), DIMENSIONS)
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    found: Vectors = (sums / np.where(norms > 0.0, norms, 1.0)).astype(np.float32)
    return found
