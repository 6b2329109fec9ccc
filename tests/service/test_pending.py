"""Items put together count as they would have one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.model import Model
from monitoring.recording.observed import Observed
from service.pending import ENOUGH_BYTES, ENOUGH_ITEMS, Pending
from service.schema import Item
from tests.support import bundles
from tests.support.desk import current_of

REQUESTS = st.lists(
    st.lists(
        st.sampled_from([*bundles.NAMED, bundles.UNKNOWN_TEXT, "billing login"]), min_size=1, max_size=9
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(requests=REQUESTS)
def test_together_or_one_by_one_the_counts_are_the_same(tiny_model: Model, requests: list[list[str]]) -> None:
    """Counts, bins, sources and candidates do not depend on how the items were put together."""
    together, apart = current_of(tiny_model), current_of(tiny_model)
    priorities = np.random.default_rng(0).random(sum(map(len, requests)))
    pending, at = together.pending, 0
    for texts in requests:
        decisions = tiny_model.decide(texts)
        items = [Item(text=text, source="email") for text in texts]
        enough = pending.add(items, texts, decisions, at=700.0, n_bytes=100, seen=10**6)
        assert enough == (pending.n_items >= ENOUGH_ITEMS)
        drawn = priorities[at : at + len(texts)]
        ids, sources = [None] * len(texts), ["email"] * len(texts)
        apart.recorder.observe(Observed(texts, ids, sources, decisions, 700.0, drawn))
        at += len(texts)
    assert pending.n_items == at
    together.recorder.observe(pending.take(priorities))
    assert pending.n_items == 0
    one, other = (each.recorder.seal(701.0) for each in (together, apart))
    assert (one.counts == other.counts).all()
    assert (one.score_bins == other.score_bins).all()
    assert one.source_counts == other.source_counts
    assert {each.key for each in one.candidates} == {each.key for each in other.candidates}


def test_what_was_taken_is_forgotten_and_dated_by_its_first_item(tiny_model: Model) -> None:
    """A second taking starts anew, with the arrival of its own first item."""
    pending = Pending({"email": "email"})
    for at in (5.0, 6.0):
        pending.add(
            [Item(text="billing")], ["billing"], tiny_model.decide(["billing"]), at=at, n_bytes=9, seen=0
        )
    first = pending.take(np.array([0.1, 0.2]))
    assert (len(first.inputs), first.arrived_at) == (2, 5.0)
    items = [Item(text="login", id="a", source="email"), Item(text="login", source="who knows")]
    pending.add(items, ["login", "login"], tiny_model.decide(["login", "login"]), at=7.0, n_bytes=9, seen=0)
    second = pending.take(np.array([0.3, 0.4]))
    assert (list(second.inputs), list(second.ids)) == (["login", "login"], ["a", None])
    assert (list(second.sources), second.arrived_at) == (["email", "other"], 7.0)


def test_long_items_are_not_kept_by_the_hundred(tiny_model: Model) -> None:
    """A megabyte of requests is enough to pass on, however few items it holds."""
    pending = Pending({})
    one = [Item(text="billing")], ["billing"], tiny_model.decide(["billing"])
    assert not pending.add(*one, at=5.0, n_bytes=ENOUGH_BYTES - 1, seen=0)
    assert pending.add(*one, at=6.0, n_bytes=1, seen=0)
    pending.take(np.array([0.1, 0.2]))
    assert not pending.add(*one, at=7.0, n_bytes=ENOUGH_BYTES - 1, seen=0)


@pytest.mark.parametrize(("seen", "enough"), [(0, 16), (256, 16), (512, 32), (8_192, 512), (10**9, 512)])
def test_a_young_epoch_is_told_of_few_items_at_once(tiny_model: Model, seen: int, enough: int) -> None:
    """While nearly all enter a slot, hundreds at once would hold up the requests behind them."""
    pending, decisions = Pending({}), tiny_model.decide(["billing"])
    items = [Item(text="billing")]
    for n in range(1, enough + 1):
        ready = pending.add(items, ["billing"], decisions, at=5.0, n_bytes=9, seen=seen)
        assert ready == (n == enough)
