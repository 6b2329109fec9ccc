"""Marks of words: as many as fit, the same for the same words, and no more than a row of a matrix."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.data.wordmarks import COLUMNS, MOST_KEPT, NO_MARK, PER_TEXT, kept, marks, matrix

TEXTS = st.lists(st.text(max_size=80), max_size=10)


@settings(max_examples=100, deadline=None)
@given(texts=TEXTS)
def test_a_row_of_the_matrix_has_the_marks_of_its_text(texts: list[str]):
    """All alike and of length 1 together; a text without a word is 0."""
    found = marks(texts)
    rows = matrix(found)
    assert rows.shape == (len(texts), COLUMNS)
    for row, mine in enumerate(found):
        there = mine[mine != NO_MARK]
        assert len(set(there.tolist())) == len(there)
        assert sorted(rows[[row]].indices.tolist()) == sorted(there.tolist())
        values = rows[[row]].data
        np.testing.assert_allclose(values, 1 / np.sqrt(len(there)) if len(there) else values)


def test_the_order_of_words_and_what_is_between_them():
    """Case and punctuation do not count; two words the other way round are another pair."""
    a, b, c = marks(["Card stolen!", "card, STOLEN", "stolen card"])
    np.testing.assert_array_equal(a, b)
    assert set(a.tolist()) & set(c.tolist()) > {NO_MARK}
    assert set(a.tolist()) != set(c.tolist())


def test_a_long_text_has_its_first_marks():
    """Sixty-four, whatever comes behind."""
    words = [f"word{i}" for i in range(500)]
    first, longer = marks([" ".join(words[:300]), " ".join(words)])
    assert (first != NO_MARK).sum() == PER_TEXT
    np.testing.assert_array_equal(first, longer)


@pytest.mark.parametrize("n", [0, 10, MOST_KEPT, MOST_KEPT + 1, 3 * MOST_KEPT])
def test_of_many_texts_some_are_kept_from_first_to_last(n: int):
    """At most 4,000."""
    texts = [f"word{i}" for i in range(n)]
    found = kept(texts)
    assert len(found) == min(n, MOST_KEPT)
    if n:
        np.testing.assert_array_equal(found[[0, -1]], marks([texts[0], texts[-1]]))
