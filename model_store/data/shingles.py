"""Which hashes do the shingles of a text have? CRC-32 of every five characters in a row, many texts at once.

Signatures (`model_store.data.signatures`) are minima over them, so one that repeats does not count.
"""

import zlib
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Hashes: TypeAlias = npt.NDArray[np.uint32]  # (n_shingles,)
Sizes: TypeAlias = npt.NDArray[np.intp]  # (n_texts,)

SHINGLE: Final = 5


def hashes(texts: Sequence[str]) -> tuple[Hashes, Sizes]:
    """Return the hashes of all shingles, text after text, and how many each text has, shape (n_texts,).

    Every text has one at least: one shorter than 5 characters is a shingle as it is.

    Examples
    --------
    >>> found, sizes = hashes(["parcel", "ab"])
    >>> found.tolist() == [zlib.crc32(each) for each in (b"parce", b"arcel", b"ab")], sizes.tolist()
    (True, [2, 1])
    """
    sizes = np.array([max(len(text) - SHINGLE + 1, 1) for text in texts], np.intp)
    plain = np.array([text.isascii() and len(text) >= SHINGLE for text in texts], np.bool_)
    of_plain = np.repeat(plain, sizes)
    found = np.empty(len(of_plain), np.uint32)
    found[of_plain] = _of_bytes([text.encode() for text, each in zip(texts, plain, strict=True) if each])
    found[~of_plain] = _of_characters([text for text, each in zip(texts, plain, strict=True) if not each])
    return found, sizes


def _of_characters(texts: Sequence[str]) -> Hashes:
    """Return the hashes of texts whose characters may be several bytes each."""
    windows = (text[at : at + SHINGLE] for text in texts for at in range(max(len(text) - SHINGLE + 1, 1)))
    return np.array([zlib.crc32(each.encode("utf-8", "surrogatepass")) for each in windows], np.uint32)


def _of_bytes(texts: Sequence[bytes]) -> Hashes:
    """Return the hashes of texts of five bytes or more, each character a byte."""
    raw = np.frombuffer(b"".join(texts), np.uint8)
    ends = np.cumsum([len(text) for text in texts], dtype=np.intp)
    found = np.zeros(max(len(raw) - SHINGLE + 1, 0), np.uint32)
    whole = np.ones(len(raw), np.bool_)
    for place, table in enumerate(_TABLES):
        found ^= table[raw[place : place + len(found)]]
        if place:
            whole[ends - place] = False  # a shingle may not reach into the next text
    return found[whole[: len(found)]]


def _tables() -> npt.NDArray[np.uint32]:
    """Return what each byte does to the CRC-32 of five bytes by its place, shape (5, 256).

    A CRC is linear: that of five bytes is that of five zeros, xor one word for each byte at its place.
    """
    zeros = zlib.crc32(bytes(SHINGLE))
    tables = np.array(
        [
            [
                zlib.crc32(bytes([*bytes(place), byte, *bytes(SHINGLE - 1 - place)])) ^ zeros
                for byte in range(256)
            ]
            for place in range(SHINGLE)
        ],
        np.uint32,
    )
    tables[0] ^= np.uint32(zeros)
    return tables


_TABLES: Final = _tables()
