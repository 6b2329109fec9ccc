"""Candidates that are the same work for a labeler are found, with and without their texts."""

import numpy as np
import pytest

from model_store.data.signatures import minhash
from monitoring.recording.reservoir import Candidate
from monitoring.waves.neardup import CLOSELY, NEARLY, Excluded, clusters, sign

TEXT = "The parcel has not arrived although the tracking page says it was delivered on Monday morning"


def candidate(key: str, text: str | None) -> Candidate:
    """Return a candidate of which only key and text matter."""
    return Candidate(
        key=key,
        item_id=key,
        source="chat",
        text=text,
        probabilities=np.array([0.5, 0.5], np.float32),
        label=0,
        decision=0,
        at=0.0,
        priority=0.5,
        kinds=frozenset({"top:a"}),
    )


def test_resemblance_and_equal_keys_link():
    """A resend with one word more and another text under the same key are one cluster each."""
    pool = [
        candidate("a", TEXT),
        candidate("b", f"{TEXT} please"),
        candidate("c", "My card was charged twice for the same order and nobody answers the phone"),
        candidate("c", "How do I change the address of my account before the next invoice is written"),
        candidate("d", "The app closes itself whenever I open the settings page on my old tablet"),
    ]
    found = clusters([one.key for one in pool], sign(pool)).tolist()
    assert found[0] == found[1]
    assert found[2] == found[3]
    assert len(set(found)) == 3


def test_a_chain_of_key_and_resemblance_is_one_cluster():
    """What resembles one of two items with equal keys goes with both."""
    signatures = minhash(["one thing entirely", "something else altogether", "Something  else altogether"])
    assert clusters(["k", "k", "other"], signatures).tolist() == [0, 0, 0]


def test_without_text_similar_keys_are_different_items():
    """Order numbers that differ in a digit resemble one another; the items need not."""
    pool = [candidate(f"order-2026-0000{i}", None) for i in range(8)]
    assert len(set(clusters([one.key for one in pool], sign(pool)).tolist())) == 8


def test_close_finds_what_near_misses_of_texts_that_are_just_alike():
    """Of 300 pairs that share 6 of 10 character 5-grams, or some more, near misses many and close few."""
    rng = np.random.default_rng(5)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    whole = ["".join(rng.choice(letters, 100)) for _ in range(300)]
    changed = ["".join([text[:76], *rng.choice(letters, 24)]) for text in whole]  # 72 of 96 + 24 shared: .60
    labelled, asked = Excluded(signatures=minhash(whole)), minhash(changed)
    near, close = (
        labelled.holds([""] * 300, asked, alike=alike).mean().item() for alike in (NEARLY, CLOSELY)
    )
    assert near < 0.55
    assert close > near + 0.15
    both = minhash([*whole, *changed])
    pairs = clusters([str(k) for k in range(600)], both, alike=CLOSELY)
    assert float((pairs[:300] == pairs[300:]).mean()) == pytest.approx(close)


def test_excluded_knows_keys_and_texts():
    """A taken key, a nearly taken text, and neither."""
    excluded = Excluded(frozenset({"k1"}), minhash([TEXT]))
    texts = [
        "quite another question about the yearly fee",
        TEXT.upper(),
        "where do I find the invoice of last March",
    ]
    assert excluded.holds(["k1", "k2", "k3"], minhash(texts)).tolist() == [True, True, False]


def test_nothing_is_excluded_at_first():
    """The first batch ever avoids nothing, and an empty list of candidates is no special case."""
    assert Excluded().holds(["a"], minhash(["some text"])).tolist() == [False]
    assert Excluded().holds([], minhash([])).tolist() == []
    assert clusters([], sign([])).tolist() == []


def test_rows_of_a_table_resemble_only_their_equals():
    """One number more or less is another row; the same numbers written otherwise are the same one."""
    rows = ['{"age": 41, "amount": 3.5}', '{"age": 42, "amount": 3.5}', '{"age": 41.0, "amount": 3.5}']
    pool = [candidate(str(i), text) for i, text in enumerate(rows)]
    assert clusters([one.key for one in pool], sign(pool, exact=True)).tolist() == [0, 1, 0]
    excluded = Excluded(frozenset(), sign(pool[:1], exact=True))
    assert excluded.holds(["x", "y", "z"], sign(pool, exact=True)).tolist() == [True, False, True]


def test_without_text_only_equal_keys_match_in_tables_too():
    """The digest that stands in is no row of a table, and signs all the same."""
    pool = [candidate(key, None) for key in ("a", "b", "a")]
    assert clusters([one.key for one in pool], sign(pool, exact=True)).tolist() == [0, 1, 0]
