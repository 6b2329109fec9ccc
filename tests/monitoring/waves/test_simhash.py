"""64 bits propose near-duplicates; the texts themselves decide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.data import shingles, signatures
from monitoring.waves.simhash import COMPARED_SHINGLE, NEAR_BITS, SIMILARITY, alike, near, simhash

ORDER = "your order number 48213 from the garden shop has been sent today and arrives on monday before noon"

PINNED = ["532737c3ca2e5a14", "73483f59028046e2", "31f0295d37d0045f"]


@given(st.lists(st.text(max_size=60), max_size=20))
def test_a_text_has_the_same_bits_alone_and_among_others(texts: list[str]) -> None:
    """Blocks are an implementation's affair, and any character may come."""
    together = simhash(texts)
    assert together.shape == (len(texts),)
    assert together.tolist() == [int(simhash([text])[0]) for text in texts]


def test_bits_are_the_same_in_every_release() -> None:
    """They are stored, and compared with those of a later process."""
    assert [f"{bits:016x}" for bits in simhash(["", "where is my parcel?", "\ud800 straße"])] == PINNED


def test_longer_texts_than_a_block_are_hashed_too() -> None:
    """32 KiB a text, several to a block and one larger than it."""
    long = ["ab cd " * 6_000, "xy zw " * 6_000, "lorem ipsum " * 9_000]
    assert simhash(long).tolist() == [int(simhash([each])[0]) for each in long]


@pytest.mark.parametrize("other", [ORDER.upper(), ORDER.replace("48213", "48217"), ORDER.replace(" ", "  ")])
def test_copies_are_near(other: str) -> None:
    """Another case, another number, other white space."""
    one, two = simhash([ORDER, other])
    assert near(one, np.array([two])).tolist() == [0]
    assert alike(ORDER, other)


def test_other_texts_are_not_near() -> None:
    """Of 300 random texts no two are within the bits."""
    rng = np.random.default_rng(1)
    words = [f"w{n}x{n * 7}" for n in range(400)]
    bits = simhash([" ".join(rng.choice(words, 20)) for _ in range(300)])
    assert all(near(bits[at], bits[at + 1 :]).size == 0 for at in range(300))
    assert NEAR_BITS == 8


def test_what_is_alike_is_what_a_wave_calls_near_duplicates() -> None:
    """The same shingles and the same limit, or something would be dropped that a wave tells apart."""
    assert (COMPARED_SHINGLE, SIMILARITY) == (shingles.SHINGLE, signatures.SIMILARITY)
    assert alike("", "  ")
    assert alike("yes", "YES")
    assert not alike("yes", "no")
    shared = "abcdefghij"  # six shingles; with one more letter six of seven are shared
    assert alike(shared, shared + "k")
    assert not alike(shared, "abcdefxyzw")
