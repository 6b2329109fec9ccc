"""Tests of `model_store.data.shingles`."""

import zlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.data.shingles import SHINGLE, hashes

TEXTS = st.lists(
    st.text(max_size=30) | st.text("ab \u00e9\U0001f642", max_size=12) | st.text("abc ", max_size=40),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(texts=TEXTS)
def test_every_five_characters_are_hashed_text_by_text(texts: list[str]):
    """Of one byte each or of several, none reaching into the next text; a shorter text is one shingle."""
    expected = [
        [
            zlib.crc32(text[at : at + SHINGLE].encode("utf-8", "surrogatepass"))
            for at in range(max(len(text) - SHINGLE + 1, 1))
        ]
        for text in texts
    ]
    found, sizes = hashes(texts)
    assert found.dtype == np.uint32
    assert found.tolist() == [one for each in expected for one in each]
    assert sizes.tolist() == [len(each) for each in expected]
