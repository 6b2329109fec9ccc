"""Which words does a text have, kept so that nobody can read it? Hashes of words and of pairs of words.

They tell traffic from what was labelled before (`monitoring.waves.novelty`) without a text at hand. A mark is
one of 4,096: thousands of words share each, so no text can be put together again from its marks.
"""

import re
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Marks: TypeAlias = npt.NDArray[np.uint16]  # (n_texts, PER_TEXT), `NO_MARK` where a text has fewer

COLUMNS: Final = 1 << 12
PER_TEXT: Final = 64
NO_MARK: Final = 0xFFFF
_LOOKED_AT: Final = 4 * PER_TEXT  # words of a text, then pairs of them
MOST_KEPT: Final = 4_000  # texts of a labelled file
_WORD: Final = re.compile(r"\w+")
_T = TypeVar("_T")


def marks(texts: Sequence[str]) -> Marks:
    """Return the first 64 distinct marks of each text, uint16 of shape (n_texts, 64).

    Examples
    --------
    >>> a, b = marks(["My card was stolen", "my CARD was  stolen!"])
    >>> bool((a == b).all()), int((a != NO_MARK).sum())
    (True, 7)
    """
    found = np.full((len(texts), PER_TEXT), NO_MARK, dtype=np.uint16)
    for row, text in enumerate(texts):
        first_words = _WORD.findall(text.lower())[:_LOOKED_AT]
        words = [word.encode(errors="surrogatepass") for word in first_words]
        one = [zlib.crc32(word) for word in words]
        # the hash of two words and the space between them goes on from that of the first
        two = [zlib.crc32(b" " + word, first) for first, word in zip(one, words[1:], strict=False)]
        hashed = dict.fromkeys([gram % COLUMNS for gram in (one + two)[:_LOOKED_AT]])
        mine = list(hashed)[:PER_TEXT]
        found[row, : len(mine)] = mine
    return found


def kept(texts: Sequence[str]) -> Marks:
    """Return marks of at most `MOST_KEPT` of the texts, evenly from first to last."""
    return marks(some(texts))


def some(items: Sequence[_T]) -> Sequence[_T]:
    """Return at most `MOST_KEPT` of the items, evenly from first to last."""
    if len(items) <= MOST_KEPT:
        return items
    return [items[at] for at in evenly(len(items), MOST_KEPT).tolist()]


def evenly(n: int, most: int) -> npt.NDArray[np.intp]:
    """Return at most `most` places of `n`, evenly from first to last."""
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).astype(np.intp)


def matrix(found: Marks) -> "csr_array":
    """Return marks as rows of length 1 (0 for a text without a word), sparse of shape (n_texts, 4096)."""
    from scipy.sparse import csr_array  # noqa: PLC0415 - workers, which only read marks, spare it

    there = found != NO_MARK
    n_marks = there.sum(axis=1)
    values = np.repeat(1.0 / np.sqrt(np.maximum(n_marks, 1)), n_marks)
    ends = np.concatenate([[0], np.cumsum(n_marks)])
    return csr_array((values, found[there].astype(np.int32), ends), shape=(len(found), COLUMNS))
