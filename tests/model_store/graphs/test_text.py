"""Tests of `model_store.graphs.text`: scikit-learn is what the weights are compared with."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.errors import BundleInvalid
from model_store.graphs.text import TextFrontEnd

Range: TypeAlias = tuple[int, int]

CORPUS = [
    "Where is my card? The card has not arrived, WHERE is it",
    "naïve Straße ΣΊΣΥΦΟΣ İstanbul ĳ ǅ",
    "a b c ab_c d-e f's 12 3 \uff14\uff15 ²³",
    "東京 に 行く 日本語 テキスト",
    "👍🏽 ok 👩\u200d👩\u200d👧 ok",
    "x",
]
# Everything that tokenisers disagree about: spaces that only Unicode knows, separators, marks that
# combine, letters that change length or depend on their neighbours in lower case.
ODD = (
    " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2003\u2028\u2029\u3000\u200b\u200d"
    "_-'\u2019.,İıΣσςßẞǅŉ\u0301\u0345½٣\uff14👍\x00"
)
texts = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=st.sampled_from("abAB" + ODD), max_size=60),
    st.lists(st.sampled_from(" ".join(CORPUS).split()), max_size=12).map(" ".join),
)
ranges = st.sampled_from(
    [((1, 2), (3, 4)), ((1, 1), (2, 5)), ((2, 3), (1, 2)), ((1, 3), (4, 4)), ((2, 2), None)]
)


def _fitted(
    corpus: list[str], word_range: Range, char_range: Range | None, sublinear: bool
) -> tuple[TextFrontEnd, Callable[[list[str]], np.ndarray]]:
    """Return a front end with scikit-learn's vocabulary, and a function that weighs with scikit-learn."""
    text = pytest.importorskip("sklearn.feature_extraction.text", reason="the train extra is not installed")
    word = text.TfidfVectorizer(ngram_range=word_range, sublinear_tf=sublinear).fit(corpus)
    blocks = [word]
    if char_range is not None:
        char = text.TfidfVectorizer(analyzer="char_wb", ngram_range=char_range, sublinear_tf=sublinear)
        blocks.append(char.fit(corpus))
    tables = [({k: int(v) for k, v in b.vocabulary_.items()}, b.idf_.astype(np.float32)) for b in blocks]
    front_end = TextFrontEnd(
        *tables[0],
        *(tables[1] if char_range else (None, None)),
        word_range=word_range,
        char_range=char_range or (3, 4),
        sublinear=sublinear,
    )
    return front_end, lambda rows: np.hstack([b.transform(rows).toarray() for b in blocks])


def _dense(front_end: TextFrontEnd, rows: list[str]) -> np.ndarray:
    dense = np.zeros((len(rows), front_end.n_columns))
    for row, (ids, weights) in zip(dense, front_end.vectorize(rows), strict=True):
        row[ids] = weights
    return dense


@given(
    corpus=st.lists(texts, max_size=4),
    unseen=st.lists(texts, min_size=1, max_size=4),
    ngrams=ranges,
    sub=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_weights_are_those_of_scikit_learn(
    corpus: list[str], unseen: list[str], ngrams: tuple[Range, Range | None], sub: bool
):
    """Whatever the text, columns and weights are scikit-learn's, fitted on it or not."""
    corpus = [*CORPUS, *corpus]
    front_end, weigh = _fitted(corpus, *ngrams, sub)
    rows = [*corpus, *unseen]
    np.testing.assert_allclose(_dense(front_end, rows), weigh(rows), atol=2e-7)


@given(rows=st.lists(texts, max_size=6))
@settings(max_examples=40, deadline=None)
def test_the_memo_changes_nothing(rows: list[str]):
    """A text weighs the same the first time, the second time, and between other texts."""
    front_end, _ = _fitted(CORPUS, (1, 2), (3, 4), True)
    fresh, _ = _fitted(CORPUS, (1, 2), (3, 4), True)
    together = front_end.vectorize([*rows, *rows])
    for text, again in zip([*rows, *rows], together, strict=True):
        alone = fresh.vectorize([text])[0]
        np.testing.assert_array_equal(alone[0], again[0])
        np.testing.assert_array_equal(alone[1], again[1])


def test_the_memo_is_bounded():
    """Traffic of ever new words cannot fill the memory, nor can one word of 33 KiB."""
    front_end = TextFrontEnd({"known": 0}, np.ones(1, np.float32))
    front_end.vectorize([" ".join(f"w{i}" for i in range(40_000)), "x" * 33_000])
    assert 0 < len(front_end._memo) <= 16_384
    assert max(map(len, front_end._memo)) <= 48
    ids, weights = front_end.vectorize(["known"])[0]
    assert (ids.tolist(), weights.tolist()) == ([0], [1.0])


def test_columns_ascend_and_have_the_types_of_the_graph():
    """Columns are distinct int32, ascending, the word block first; weights are float32."""
    front_end, _ = _fitted(CORPUS, (1, 2), (3, 4), True)
    ids, weights = front_end.vectorize([CORPUS[0]])[0]
    assert ids.dtype == np.int32
    assert weights.dtype == np.float32
    assert (np.diff(ids) > 0).all()
    words = ids < len(front_end.word)
    np.testing.assert_allclose(
        [weights[words] @ weights[words], weights[~words] @ weights[~words]], 1, rtol=1e-6
    )


@pytest.mark.parametrize("text", ["", " ", "\n\u3000", "unknown words"], ids=repr)
def test_a_text_without_a_known_ngram_touches_nothing(text: str):
    """Nothing known gives no columns, and pads to one column that weighs nothing."""
    front_end = TextFrontEnd({"known": 0}, np.ones(1, np.float32))
    ids, weights = front_end.vectorize([text])[0]
    assert len(ids) == len(weights) == 0
    padded_ids, padded_weights = front_end.pad([(ids, weights)])
    assert padded_ids.tolist() == [[0]]
    assert padded_weights.tolist() == [[0.0]]


def test_padding_weighs_nothing():
    """Rows keep their columns in front; what fills them up is column 0 with weight 0."""
    front_end = TextFrontEnd({"ab": 0, "cd": 1, "ef": 2}, np.ones(3, np.float32), sublinear=False)
    ids, weights = front_end.pad(front_end.vectorize(["cd ef", "ef"]))
    assert ids.dtype == np.int64
    assert ids.tolist() == [[1, 2], [2, 0]]
    np.testing.assert_allclose(weights, [[0.5**0.5, 0.5**0.5], [1, 0]], rtol=1e-6)


@given(
    word=st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=8, unique=True),
    char=st.none() | st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=8, unique=True),
    sublinear=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_what_is_saved_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, word: list[str], char: list[str] | None, sublinear: bool
):
    """Vocabularies of any characters, weights and ranges come back equal, and as the same bytes."""
    path = tmp_path_factory.mktemp("front_end") / "front_end.npz"
    front_end = TextFrontEnd(
        {gram: i for i, gram in enumerate(word)},
        np.arange(len(word), dtype=np.float32),
        None if char is None else {gram: i for i, gram in enumerate(char)},
        None if char is None else np.arange(len(char), dtype=np.float32) / 3,
        word_range=(1, 3),
        char_range=(2, 5),
        sublinear=sublinear,
    )
    front_end.save(path)
    first = path.read_bytes()
    loaded = TextFrontEnd.load(path)
    loaded.save(path)
    assert path.read_bytes() == first
    assert (loaded.word, loaded.char) == (front_end.word, front_end.char)
    assert (loaded.word_range, loaded.char_range, loaded.sublinear) == ((1, 3), (2, 5), sublinear)
    np.testing.assert_array_equal(loaded._idf, front_end._idf)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"word_ends": np.array([2, 3])}, "ends"),
        ({"word_ends": np.array([4, 4])}, "ends"),
        ({"word_ends": np.array([-1, 4])}, "ends"),
        ({"word": np.frombuffer(b"abab", np.uint8)}, "twice"),
        ({"word": np.frombuffer(b"\xff\xffcd", np.uint8)}, "utf-8"),
        ({"word_idf": np.ones(3, np.float32)}, "word_idf"),
        ({"word_idf": np.array([1, np.nan], np.float32)}, "word_idf"),
        ({"word_idf": np.ones(2)}, "word_idf"),
        ({"word_range": np.array([2, 1])}, "word_range"),
        ({"word_range": np.array([0, 1])}, "word_range"),
        ({"char_range": np.array([1])}, "range"),
        ({"char_ends": np.array([1])}, "ends"),
    ],
    ids=lambda value: (
        "-".join(f"{k}={v.tolist()}" for k, v in value.items()) if isinstance(value, dict) else value
    ),
)
def test_tables_that_do_not_fit_are_refused(tmp_path: Path, change: dict[str, np.ndarray], named: str):
    """A file whose arrays do not belong together is refused by name instead of answering wrongly."""
    path = tmp_path / "front_end.npz"
    TextFrontEnd({"ab": 0, "cd": 1}, np.ones(2, np.float32)).save(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **{**arrays, **change})
    with pytest.raises(BundleInvalid, match=f"front_end.npz: .*{named}"):
        TextFrontEnd.load(path)


@pytest.mark.parametrize(
    "arguments",
    [
        {"word": {"a": 1}, "word_idf": np.ones(1, np.float32)},
        {"word": {"a": 0, "b": 0}, "word_idf": np.ones(2, np.float32)},
        {"word": {"a": 0}, "word_idf": np.ones(1, np.float32), "char": {"a": 0}},
    ],
    ids=["gap", "twice", "half a block"],
)
def test_a_vocabulary_must_number_its_columns(arguments: dict[str, Any]):
    """Positions with a gap or used twice would read weights of other n-grams."""
    with pytest.raises(ValueError, match=r"positions|together"):
        TextFrontEnd(**arguments)


def test_a_single_word_counts_only_where_its_range_says_so():
    """A front end of pairs does not count a word that somebody put into its vocabulary."""
    front_end = TextFrontEnd({"ab": 0, "ab cd": 1}, np.ones(2, np.float32), word_range=(2, 2))
    assert front_end.vectorize(["ab cd"])[0][0].tolist() == [1]


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(texts, min_size=1, max_size=6), seed=st.integers(0, 99))
def test_the_share_of_unknown_words_is_that_of_a_tokeniser(rows: list[str], seed: int):
    """Whether a text was analysed just before or never; known are the words that are n-grams themselves."""
    words = sorted({token for text in CORPUS for token in re.findall(r"(?u)\b\w\w+\b", text.lower())})
    known = {word for at, word in enumerate(words) if (at + seed) % 3}
    front_end = TextFrontEnd({w: i for i, w in enumerate(sorted(known))}, np.ones(len(known), np.float32))
    expected = []
    for text in rows:
        tokens = re.findall(r"(?u)\b\w\w+\b", text.lower())
        expected.append(sum(token not in known for token in tokens) / max(len(tokens), 1))
    assert front_end.unknown_shares(rows) == expected
    front_end.vectorize(rows)
    assert front_end.unknown_shares(rows) == expected


def test_what_is_noted_of_texts_is_bounded():
    """Whoever never asks for shares, as training does, does not keep the texts."""
    front_end = TextFrontEnd({"known": 0}, np.ones(1, np.float32))
    front_end.vectorize([f"known {i}" for i in range(3_000)] + ["known " * 2_000])
    assert len(front_end._shares) <= 1_024
    assert max(map(len, front_end._shares)) <= 4_096
