"""Vectors of texts tell what looks alike, the same ones everywhere."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.data import ngrams
from model_store.data.ngrams import DIMENSIONS, vectors

TEXTS = st.lists(st.text(max_size=60), max_size=12)


@settings(max_examples=100, deadline=None)
@given(texts=TEXTS)
def test_vectors_have_length_one_or_zero(texts: list[str]):
    """Any text, surrogates and lone letters too; a text without four bytes is 0."""
    found = vectors(texts)
    assert found.shape == (len(texts), DIMENSIONS)
    assert found.dtype == np.float32
    for text, length in zip(texts, np.linalg.norm(found, axis=1).tolist(), strict=True):
        long_enough = len(f" {' '.join(text.lower().split())} ".encode(errors="surrogatepass")) >= 4
        assert length == pytest.approx(1.0, abs=1e-5) or length == 0.0
        assert long_enough or length == 0.0


@settings(max_examples=100, deadline=None)
@given(texts=TEXTS, data=st.data())
def test_a_vector_owes_nothing_to_the_texts_beside_it(texts: list[str], data: st.DataObject):
    """In any order, and alone, a text has the same vector to the last bit."""
    order = data.draw(st.permutations(range(len(texts))))
    together = vectors([texts[at] for at in order])
    for place, at in enumerate(order):
        np.testing.assert_array_equal(together[place], vectors([texts[at]])[0])


def test_blocks_change_no_vector(monkeypatch: pytest.MonkeyPatch):
    """However few bytes are worked on at a time."""
    texts = [f"text number {i} says {'this ' * (i % 5)}" for i in range(50)]
    whole = vectors(texts)
    monkeypatch.setattr(ngrams, "_BLOCK_BYTES", 64)
    np.testing.assert_array_equal(vectors(texts), whole)


def test_case_and_white_space_do_not_count():
    """Nor does a space at either end."""
    a, b = vectors(["The card was DECLINED", "  the  card\twas declined\n"])
    np.testing.assert_array_equal(a, b)


def test_what_looks_alike_is_near():
    """One word changed is nearer than another subject; the first 2,000 bytes are looked at."""
    first, near, far = vectors(
        [
            "my card was stolen at the station yesterday evening",
            "my card was stolen at the station yesterday morning",
            "please send the invoice of march to our new address",
        ]
    )
    assert first @ near > 0.7 > first @ far + 0.3
    long, longer = vectors(["abc def " * 500, "abc def " * 500 + "another subject altogether"])
    np.testing.assert_array_equal(long, longer)


@pytest.mark.parametrize("seed", ["0", "1", "random"])
def test_every_process_has_the_same_vectors(seed: str):
    """Whatever the seed of its hashes of strings."""
    said = "from model_store.data.ngrams import vectors as v; import hashlib; "
    said += "print(hashlib.sha256(v(['my card was stolen', 'ÄÖÜ €']).tobytes()).hexdigest())"
    done = subprocess.run(
        [sys.executable, "-c", said],
        env=os.environ | {"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = hashlib.sha256(vectors(["my card was stolen", "ÄÖÜ €"]).tobytes()).hexdigest()
    assert done.stdout.strip() == expected
