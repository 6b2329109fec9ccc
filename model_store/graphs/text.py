"""Say which columns of the weight matrix a text touches, and how strongly."""

import math
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.bundles.arrays import Array, load_arrays, save_arrays
from model_store.errors import BundleInvalid
from model_store.graphs.inputs import Feeds, InputKind, Probe, Signature

Ids: TypeAlias = npt.NDArray[np.int32]  # (n_touched,), ascending columns of the weight matrix
Weights: TypeAlias = npt.NDArray[np.float32]  # (n_touched,), TF-IDF, each block of Euclidean norm 1

_LAYOUT: Final = {
    "word": ("uint8", 1),
    "word_ends": ("int64", 1),
    "word_idf": ("float32", 1),
    "word_range": ("int64", 1),
    "char": ("uint8", 1),
    "char_ends": ("int64", 1),
    "char_idf": ("float32", 1),
    "char_range": ("int64", 1),
    "sublinear": ("bool", 0),
}
_TOKEN: Final = re.compile(r"(?u)\b\w\w+\b")
# 16k chunks of a running text cover all but its rare words, in about 6 MB.
_MEMO_CHUNKS: Final = 16_384
_MEMO_CHARS: Final = 48
_TYPICAL_WORDS: Final = 18  # a text of about 100 characters

_SHARES: Final = 1_024  # texts whose share of unknown words is noted until somebody asks
_SHARE_CHARS: Final = 4_096

# Tokens, int32 columns that need no neighbour, and how many of the tokens are not known.
_Analysed: TypeAlias = tuple[tuple[str, ...], bytes, int]


@dataclass(frozen=True, slots=True, eq=False)
class TextFrontEnd:
    r"""TF-IDF of word n-grams and, optionally, of character n-grams inside words.

    Tokenises and weighs exactly as scikit-learn's `TfidfVectorizer` does with ``lowercase=True``,
    ``norm="l2"`` and ``analyzer="word"`` (``token_pattern=r"(?u)\b\w\w+\b"``) for one block and
    ``analyzer="char_wb"`` for the other, the blocks side by side as in a `FeatureUnion`.

    Parameters
    ----------
    word, char
        N-gram to its position within its block: every position from 0 once. `char` is None for a
        front end without character n-grams.
    word_idf, char_idf : float32 array of shape (n_ngrams,)
        Inverse document frequency by position.
    word_range, char_range
        Shortest and longest n-gram, in words and in characters.
    sublinear
        Whether a count c weighs 1 + ln(c) instead of c.

    Notes
    -----
    No n-gram but a pair of words reaches across white space, so what a chunk between two spaces
    contributes is found once and kept: a bounded memo, emptied when full. One event loop owns it;
    threads that share it can only do work twice.
    """

    word: Mapping[str, int]
    word_idf: npt.NDArray[np.float32]
    char: Mapping[str, int] | None = None
    char_idf: npt.NDArray[np.float32] | None = None
    word_range: tuple[int, int] = (1, 2)
    char_range: tuple[int, int] = (3, 4)
    sublinear: bool = True
    _idf: npt.NDArray[np.float32] = field(init=False, repr=False)
    _memo: dict[str, _Analysed] = field(init=False, repr=False, default_factory=dict)
    _shares: dict[str, float] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        if (self.char is None) != (self.char_idf is None):
            raise ValueError("char and char_idf come together")
        _check_block("word", self.word, self.word_idf, self.word_range)
        blocks = [self.word_idf]
        if self.char is not None and self.char_idf is not None:
            _check_block("char", self.char, self.char_idf, self.char_range)
            blocks.append(self.char_idf)
        object.__setattr__(self, "_idf", np.concatenate(blocks).astype(np.float32))

    @property
    def n_columns(self) -> int:
        """Number of rows the weight matrix must have."""
        return len(self._idf)

    @property
    def input_kind(self) -> InputKind:
        """What an item is."""
        return "text"

    def signature(self) -> Signature:
        """Return the inputs that the graph must have: columns and weights, padded."""
        return {"ids": ("tensor(int64)", (None, None)), "weights": ("tensor(float)", (None, None))}

    def feeds(self, inputs: Sequence[str]) -> Feeds:
        """Return columns and weights of all texts, padded to the longest."""
        vectors = self.vectorize(inputs)
        if len(vectors) == 1 and len(vectors[0][0]):
            own, values = vectors[0]
            return {"ids": own.astype(np.int64)[None], "weights": values[None]}
        ids, weights = self.pad(vectors)
        return {"ids": ids, "weights": weights}

    def batches(self, inputs: Sequence[str], cells: int) -> Iterator[tuple[list[int], Feeds]]:
        """Yield groups of texts of similar length, as many as fit into `cells` and at least one."""
        vectors = self.vectorize(inputs)
        for rows in _groups([len(ids) for ids, _ in vectors], cells):
            ids, weights = self.pad([vectors[row] for row in rows])
            yield rows, {"ids": ids, "weights": weights}

    def typical(self) -> str:
        """Return a text of about 100 characters, all of them known words."""
        return " ".join(islice(cycle(self.word or ("",)), _TYPICAL_WORDS))

    def probes(self) -> list[Probe]:
        """Return a typical text, one without a known n-gram, one of a known word and one of two."""
        known = next(iter(self.word), "")
        return [
            Probe(self.typical(), "a text of known words"),
            Probe(known, "a known word"),
            Probe("", "an empty text"),
            Probe(f"{known} {known}", "a word said twice"),
        ]

    def vectorize(self, texts: Sequence[str]) -> list[tuple[Ids, Weights]]:
        """Return columns and weights of each text; a text without a known n-gram touches none."""
        return [self._weigh(self._columns(text)) for text in texts]

    def pad(
        self, vectors: Sequence[tuple[Ids, Weights]]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return ids and weights of shape (n, longest), at least one column; padding weighs 0."""
        longest = max((len(ids) for ids, _ in vectors), default=0)
        ids = np.zeros((len(vectors), max(longest, 1)), dtype=np.int64)
        weights = np.zeros(ids.shape, dtype=np.float32)
        for row, (columns, values) in enumerate(vectors):
            ids[row, : len(columns)] = columns
            weights[row, : len(columns)] = values
        return ids, weights

    @property
    def knows_words(self) -> bool:
        """Tell whether single words are n-grams, so that a word may be known or not."""
        return self.word_range[0] == 1

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """Return, of each text, the share of its words that are no n-grams; 0 of a text without words.

        A text that was turned into numbers since the last call is not analysed again: 0.1 us in place of 2.
        """
        noted = list(map(self._shares.get, texts))
        self._shares.clear()
        return [
            self._share(text) if share is None else share for text, share in zip(texts, noted, strict=True)
        ]

    def save(self, path: Path) -> None:
        """Write everything to one npz of plain arrays."""
        save_arrays(
            path,
            {
                **_block_arrays("word", self.word, self.word_idf, self.word_range),
                **_block_arrays("char", self.char or {}, self.char_idf, self.char_range),
                "sublinear": np.array(self.sublinear),
            },
        )

    @classmethod
    def load(cls, path: Path) -> "TextFrontEnd":
        """Return the front end that `save` wrote.

        Raises
        ------
        BundleInvalid
            If the arrays are missing, of another type, or do not fit together.
        """
        arrays = load_arrays(path, _LAYOUT)
        try:
            with_char = len(arrays["char_ends"]) > 0
            return cls(
                word=_ngrams(arrays["word"], arrays["word_ends"]),
                word_idf=arrays["word_idf"],
                char=_ngrams(arrays["char"], arrays["char_ends"]) if with_char else None,
                char_idf=arrays["char_idf"] if with_char else None,
                word_range=_range(arrays["word_range"]),
                char_range=_range(arrays["char_range"]),
                sublinear=bool(arrays["sublinear"]),
            )
        except ValueError as error:
            raise BundleInvalid(path, f"{error}; export the front end again") from error

    def _columns(self, text: str) -> Ids:
        """Return the columns of all known n-grams, one entry for each occurrence, in no order."""
        memo = self._memo
        tokens: list[str] = []
        parts: list[bytes] = []
        n_unknown = 0
        for chunk in text.lower().split():
            own, columns, unknown = memo.get(chunk) or self._analyse(chunk)
            tokens += own
            parts.append(columns)
            n_unknown += unknown
        parts.append(self._phrases(tokens))
        if len(text) <= _SHARE_CHARS:
            if len(self._shares) >= _SHARES:
                self._shares.clear()
            self._shares[text] = n_unknown / len(tokens) if n_unknown else 0.0
        return np.frombuffer(b"".join(parts), dtype=np.int32)

    def _share(self, text: str) -> float:
        analysed = [self._memo.get(chunk) or self._analyse(chunk) for chunk in text.lower().split()]
        return sum(unknown for _, _, unknown in analysed) / max(sum(len(own) for own, _, _ in analysed), 1)

    def _phrases(self, tokens: list[str]) -> bytes:
        shortest, longest = self.word_range
        get = self.word.get
        found: list[int | None] = []
        for size in range(max(2, shortest), longest + 1):
            if size == 2:
                found += [get(f"{a} {b}") for a, b in pairwise(tokens)]
            else:
                found += [get(" ".join(tokens[at : at + size])) for at in range(len(tokens) - size + 1)]
        return array("i", [column for column in found if column is not None]).tobytes()

    def _analyse(self, chunk: str) -> _Analysed:
        tokens = tuple(_TOKEN.findall(chunk))
        columns = [self.word[t] for t in tokens if t in self.word] if self.knows_words else []
        n_unknown = len(tokens) - len(columns)
        if self.char is not None:
            first = len(self.word)
            grams = _char_ngrams(chunk, self.char_range)
            columns += [first + self.char[gram] for gram in grams if gram in self.char]
        analysed = tokens, array("i", columns).tobytes(), n_unknown
        if len(chunk) <= _MEMO_CHARS:
            if len(self._memo) >= _MEMO_CHUNKS:
                self._memo.clear()
            self._memo[chunk] = analysed
        return analysed

    def _weigh(self, columns: Ids) -> tuple[Ids, Weights]:
        ids, occurrences = _distinct(columns)
        weights = self._idf.take(ids)
        if occurrences is not None:
            weights *= np.log(occurrences) + 1 if self.sublinear else occurrences
        words = int(ids.searchsorted(len(self.word)))
        for block in (weights[:words], weights[words:]):
            if len(block):
                np.divide(block, math.sqrt(block.dot(block)), out=block)
        return ids, weights


def _distinct(columns: Ids) -> tuple[Ids, Weights | None]:
    """Return the distinct columns, ascending, and how often each occurs; None where each occurs once.

    What `np.unique` returns, in 3 us of a text in place of 9.
    """
    ordered = np.sort(columns)
    n = len(ordered)
    first = np.ones(n, np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    ids = ordered[first]
    if len(ids) == n:
        return ids, None
    starts = first.nonzero()[0]
    occurrences = np.empty(len(ids), np.float32)
    np.subtract(starts[1:], starts[:-1], out=occurrences[:-1], casting="unsafe")
    occurrences[-1] = n - starts[-1]
    return ids, occurrences


def _groups(lengths: Sequence[int], cells: int) -> Iterator[list[int]]:
    """Yield rows of similar length, as many as fit into `cells` with their padding and at least one."""
    group: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if group and (len(group) + 1) * lengths[row] > cells:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _char_ngrams(chunk: str, sizes: tuple[int, int]) -> list[str]:
    padded = f" {chunk} "
    grams: list[str] = []
    for size in range(sizes[0], sizes[1] + 1):
        if size >= len(padded):
            # A chunk no longer than the n-gram is one n-gram, counted once whatever sizes follow.
            grams.append(padded)
            break
        grams += [padded[at : at + size] for at in range(len(padded) - size + 1)]
    return grams


def _check_block(
    name: str, ngrams: Mapping[str, int], idf: npt.NDArray[np.float32], sizes: tuple[int, int]
) -> None:
    if sorted(ngrams.values()) != list(range(len(ngrams))):
        raise ValueError(f"{name}: the positions of {len(ngrams)} n-grams are not 0 to {len(ngrams) - 1}")
    if idf.shape != (len(ngrams),) or not np.isfinite(idf).all():
        raise ValueError(f"{name}_idf: shape {idf.shape}, expected {len(ngrams)} finite numbers")
    if not 1 <= sizes[0] <= sizes[1]:
        raise ValueError(f"{name}_range: {sizes}, expected 1 <= shortest <= longest")


def _block_arrays(
    name: str, ngrams: Mapping[str, int], idf: npt.NDArray[np.float32] | None, sizes: tuple[int, int]
) -> dict[str, Array]:
    encoded = [ngram.encode("utf-8", "surrogatepass") for ngram in sorted(ngrams, key=ngrams.__getitem__)]
    return {
        name: np.frombuffer(b"".join(encoded), dtype=np.uint8),
        f"{name}_ends": np.cumsum([len(ngram) for ngram in encoded], dtype=np.int64),
        f"{name}_idf": np.zeros(0, dtype=np.float32) if idf is None else idf.astype(np.float32),
        f"{name}_range": np.array(sizes, dtype=np.int64),
    }


def _ngrams(blob: Array, ends: Array) -> dict[str, int]:
    starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
    if len(ends) and (ends[-1] != len(blob) or (ends <= starts).any()):
        raise ValueError("the ends of the n-grams do not match their bytes")
    content = blob.tobytes()
    spans = zip(starts.tolist(), ends.tolist(), strict=True)
    found = {content[a:b].decode("utf-8", "surrogatepass"): at for at, (a, b) in enumerate(spans)}
    if len(found) != len(ends):
        raise ValueError("an n-gram occurs twice")
    return found


def _range(values: Array) -> tuple[int, int]:
    if values.shape != (2,):
        raise ValueError(f"a range has {len(values)} numbers, expected 2")
    return int(values[0]), int(values[1])
