"""Candidates that are the same work for a labeler are found, with and without their texts."""

import numpy as np

from model_store.signatures import minhash
from monitoring.neardup import Excluded, clusters, sign
from monitoring.reservoir import Candidate

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
