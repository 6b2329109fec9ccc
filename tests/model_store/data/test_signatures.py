"""Tests of `model_store.data.signatures`."""

import json
import zlib

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.data.shingles import SHINGLE
from model_store.data.signatures import (
    PERMUTATIONS,
    THOROUGH_BANDS,
    groups,
    matches,
    merged,
    minhash,
    partners,
    similarities,
)

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


@given(texts=st.lists(st.text(max_size=40) | st.text("abc d", max_size=40), max_size=6), long=st.booleans())
@settings(max_examples=100, deadline=None)
def test_signatures_are_those_of_datasketch(texts: list[str], long: bool):
    """All at once they have the same minima as one by one, also where they fill several blocks."""
    texts = [*texts, "many words " * 9_000, *texts] if long else texts
    found = minhash(texts)
    assert found.shape == (len(texts), PERMUTATIONS)
    for text, mine in zip(texts, found, strict=True):
        clean = " ".join(text.lower().split())
        windows = {clean[at : at + SHINGLE] for at in range(max(len(clean) - SHINGLE + 1, 1))}
        sketch = MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=zlib.crc32, scheme="affine32")
        sketch.update_batch([each.encode("utf-8", "surrogatepass") for each in windows])
        assert mine.tolist() == sketch.hashvalues.tolist()


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


GOLDEN_ROW = [3600835883, 30242217, 947054091, 125883959]


def test_the_signature_of_a_table_row_never_changes():
    """Bundles keep these too."""
    signature = minhash(['{"age": 31, "channel": "web"}'], exact=True)
    assert (signature.shape, signature.dtype) == ((1, PERMUTATIONS), np.uint32)
    assert signature[0, :4].tolist() == GOLDEN_ROW


@pytest.mark.parametrize(
    "other",
    [
        '{"channel": "web", "age": 31, "flag": true, "none": null}',
        '{"age": 31.0, "channel": " WEB", "flag": 1}',
        '{"age": "31.00", "channel": "Web", "flag": "True", "none": ""}',
        '{"none": "NaN",   "flag": "1", "age": "3.1e1", "channel": "web"}',
    ],
    ids=["order", "types", "cells", "spelling"],
)
def test_the_same_row_in_another_form_is_an_exact_repeat(other: str):
    """As a file has it, as a client sends it: every word of the signature is equal."""
    a, b = minhash(['{"age": 31, "channel": "web", "flag": true}', other], exact=True)
    assert (a == b).all()


_ROWS = st.lists(
    st.dictionaries(
        st.sampled_from("abc"), st.integers(-3, 3) | st.sampled_from(["x", "y z"]), min_size=1, max_size=3
    ),
    min_size=1,
    max_size=12,
)


@given(rows=_ROWS)
@settings(max_examples=80, deadline=None)
def test_rows_of_tables_match_if_and_only_if_they_are_equal(rows: list[dict[str, int | str]]):
    """One other value is another row altogether: no pair of unequal rows has a word in common."""
    signatures = minhash([json.dumps(row) for row in rows], exact=True)
    equal = np.array([[a == b for b in rows] for a in rows])
    shared = (signatures[:, None, :] == signatures[None, :, :]).mean(axis=2)
    assert (shared[equal] == 1.0).all()
    assert (shared[~equal] == 0.0).all()
    found = groups(signatures)
    assert ((found[:, None] == found[None, :]) == equal).all()
    assert matches(signatures[:1], signatures[1:]).tolist() == [bool(equal[0, 1:].any())]


@given(content=st.text(max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_content_has_an_exact_signature(content: str):
    """Also what is not JSON, or JSON that is no object."""
    a, b = minhash([content, content], exact=True)
    assert (a == b).all()
    assert minhash([], exact=True).shape == (0, PERMUTATIONS)


def test_narrow_bands_miss_no_pair_over_one_half():
    """The usual ones miss some at .6, which between training and test is too many."""
    rng = np.random.default_rng(8)
    against = rng.integers(0, 2**32, (2_000, PERMUTATIONS), dtype=np.uint32)
    signatures = rng.integers(0, 2**32, (2_000, PERMUTATIONS), dtype=np.uint32)
    for row, other in zip(signatures, against, strict=True):
        same = rng.permutation(PERMUTATIONS)[:39]  # just over .6
        row[same] = other[same]
    usual = partners(signatures, against)
    thorough = partners(signatures, against, bands=THOROUGH_BANDS)
    assert thorough.tolist() == list(range(2_000))
    assert 0.7 < (usual >= 0).mean() < 0.97
    assert (similarities(signatures, against[thorough]) == 39 / 64).all()
    both = np.concatenate([signatures, against])
    assert (groups(both, bands=THOROUGH_BANDS) == np.tile(np.arange(2_000), 2)).all()


def test_rows_that_merely_share_a_phrase_do_not_hide_a_near_duplicate():
    """In each bucket where the duplicate is, another row comes first."""
    rng = np.random.default_rng(10)
    (row,) = rng.integers(0, 2**32, (1, PERMUTATIONS), dtype=np.uint32)
    against = rng.integers(0, 2**32, (THOROUGH_BANDS + 1, PERMUTATIONS), dtype=np.uint32)
    for band in range(THOROUGH_BANDS):
        against[band, 2 * band : 2 * band + 2] = row[2 * band : 2 * band + 2]
    against[THOROUGH_BANDS, :40] = row[:40]
    assert partners(row[None], against, bands=THOROUGH_BANDS).tolist() == [THOROUGH_BANDS]


def test_partners_are_near_duplicates_or_none():
    """The row it is a duplicate of, by number."""
    seen = _texts(20, seed=9)
    found = partners(minhash([seen[7], "nothing of the kind", seen[3]]), minhash(seen))
    assert found.tolist() == [7, -1, 3]
