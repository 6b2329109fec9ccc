"""Tests of `model_store.signatures`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.signatures import PERMUTATIONS, SHINGLE, groups, matches, merged, minhash

_WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("nt", "r", "ls", "ck")]


def _texts(n: int, *, seed: int, words: int = 15) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(_WORDS, words)) for _ in range(n)]


def _jaccard(a: str, b: str) -> float:
    x, y = ({t[i : i + SHINGLE] for i in range(len(t) - SHINGLE + 1)} for t in (a, b))
    return len(x & y) / len(x | y)


def test_a_signature_never_changes():
    """Bundles keep signatures: another hash, seed or scheme would stop recognising what was labelled."""
    signature = minhash(["the card was declined today"])
    assert signature.shape == (1, PERMUTATIONS)
    assert signature.dtype == np.uint32
    assert signature[0, :4].tolist() == GOLDEN


GOLDEN = [215713019, 148506040, 154641997, 237151603]


def test_white_space_and_case_do_not_count():
    """They are the commonest difference between two copies."""
    a, b, c = minhash(["Reset  my\tPASSWORD now", "reset my password now", "reset my password soon"])
    assert (a == b).all()
    assert not (a == c).all()


@given(text=st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_text_has_a_signature(text: str):
    """Empty, short, emoji, combining marks: a text always matches itself."""
    twice = minhash([text, text])
    assert (twice[0] == twice[1]).all()
    assert matches(twice[:1], twice[1:]).all()


def test_equal_minima_estimate_the_jaccard_similarity():
    """Over pairs of all degrees of likeness the error is that of 64 coin tosses."""
    rng = np.random.default_rng(1)
    errors = []
    for text in _texts(150, seed=2, words=30):
        words = text.split()
        for at in rng.choice(30, size=int(rng.integers(0, 20)), replace=False):
            words[at] = str(rng.choice(_WORDS))
        other = " ".join(words)
        a, b = minhash([text, other])
        errors.append((a == b).mean() - _jaccard(text, other))
    assert abs(np.mean(errors)) < 0.015
    assert np.std(errors) < 0.065  # sqrt(.25 / 64)


def test_near_duplicates_are_grouped_and_others_are_not():
    """Forty copies with one word exchanged find their originals; unrelated texts stay alone."""
    texts = _texts(200, seed=3, words=30)
    copies = [text.replace(text.split()[4], "changed", 1) for text in texts[:40]]
    found = groups(minhash(texts + copies))
    assert (found[200:] == found[:40]).mean() >= 0.95
    assert len(np.unique(found[:200])) == 200


def test_groups_are_numbered_by_first_appearance():
    """The ids do not depend on how the pairs were found."""
    assert groups(minhash(["one text here", "another thing", "one text here", "third matter"])).tolist() == [
        0,
        1,
        0,
        2,
    ]
    assert groups(minhash([])).tolist() == []


def test_a_text_sent_around_by_thousands_is_one_group():
    """A bucket far over the anchors is still found whole, in linear time."""
    rng = np.random.default_rng(4)
    chain = (
        "congratulations you have won a voucher worth one hundred click on the link below to claim it today"
    )
    texts = [f"{chain} {rng.choice(_WORDS)}" for _ in range(5_000)]
    found = groups(minhash([*texts, *_texts(50, seed=5)]))
    assert (found[:5_000] == found[0]).all()
    assert len(np.unique(found)) == 51


def test_matches_finds_the_seen_and_only_them():
    """Row by row the same answer as comparing everything with everything, for what the bands propose."""
    seen, fresh = _texts(300, seed=6), _texts(300, seed=7)
    signatures, against = minhash([*seen[:100], *fresh]), minhash(seen)
    brute = np.array([((row == against).mean(axis=1) >= 0.6).any() for row in signatures])
    found = matches(signatures, against)
    assert found[:100].all()
    assert (found <= brute).all()
    assert not found[100:].any()
    assert not matches(signatures, against[:0]).any()


def test_merged_groups_hold_together_what_either_does():
    """0-1 from the first and 1-2 from the second make 0-1-2."""
    assert merged(np.array([5, 5, 7, 9]), np.array([1, 2, 2, 3])).tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("n", [1, 2, 40])
def test_merging_with_singletons_changes_nothing(n: int):
    """Groups of one add no link."""
    first = np.arange(n) // 3
    assert merged(first, np.arange(n)).tolist() == first.tolist()
