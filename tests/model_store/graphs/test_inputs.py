"""Tests of `model_store.graphs.inputs`."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.graphs.inputs import ROWS_AT_ONCE, TextInput


def test_texts_become_one_string_tensor():
    """The graph gets every text as it is, along one axis or as a column."""
    flat, column = TextInput("text", rank=1), TextInput("text", rank=2)
    assert flat.feeds(["a", "b"])["text"].shape == (2,)
    assert column.feeds(["a", "b"])["text"].shape == (2, 1)
    assert column.feeds(["a", "b"])["text"].ravel().tolist() == ["a", "b"]
    assert flat.signature() == {"text": ("tensor(string)", (None,))}
    assert column.signature() == {"text": ("tensor(string)", (None, 1))}


@given(texts=st.lists(st.text(st.characters(categories=["L", "Cs", "Zs"])), min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_every_text_can_be_encoded(texts: list[str]):
    """Half of a surrogate pair becomes a question mark; nothing else of any text changes."""
    fed = TextInput("text").feeds(texts)["text"].ravel().tolist()
    for given_, got in zip(texts, fed, strict=True):
        assert got.encode().decode() == got
        assert len(got) == len(given_)
        assert all(a == b for a, b in zip(given_, got, strict=True) if not "\ud800" <= a <= "\udfff")


def test_many_texts_run_in_groups():
    """What a graph of somebody else makes of a text is unknown, so that few texts run at once."""
    texts = [str(i) for i in range(2 * ROWS_AT_ONCE + 1)]
    groups = list(TextInput("text").batches(texts, cells=10**9))
    assert [len(feeds["text"]) for _, feeds in groups] == [ROWS_AT_ONCE, ROWS_AT_ONCE, 1]
    found = np.empty(len(texts), dtype=object)
    for rows, feeds in groups:
        found[rows] = feeds["text"][:, 0]
    assert found.tolist() == texts


def test_the_typical_text_is_probed_first():
    """What warms the graph up, and is measured, is a text of about 100 characters."""
    front_end = TextInput("text")
    assert 80 <= len(front_end.typical()) <= 120
    assert front_end.probes()[0].item == front_end.typical()
    assert len({str(probe.item) for probe in front_end.probes()}) == 4
