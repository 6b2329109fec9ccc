"""Columns say what the candidates say, and rank as plain Python would."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.recording.candidate import Candidate
from monitoring.waves.columns import Columns
from tests.support.candidates import CLASSES, candidate

FEW = st.sampled_from([0.0, 0.25, 0.5])  # so that most of them are equal


@st.composite
def occurrences(draw: st.DrawFn) -> list[Candidate]:
    """Return candidates of few keys, times and priorities, drawn, scored or both."""
    kinds = st.sampled_from([{"random:chat"}, {"top:a"}, {"random:chat", "uncertain:b"}])
    each = st.tuples(st.sampled_from("vwxyz"), FEW, FEW, kinds)
    return [
        candidate(key, at=at, priority=priority, kinds=frozenset(kind))
        for key, at, priority, kind in draw(st.lists(each, max_size=30))
    ]


def columns_of(each: list[Candidate], **options: Any) -> Columns:
    """Return their columns."""
    return Columns.of(each, n_classes=len(CLASSES), **options)


def test_a_candidate_comes_back_as_it_was() -> None:
    """All but the names of the slots, of which the random one stays."""
    given_ = candidate(
        "k", (0.1, 0.7, 0.2), item_id="i", source="mail", at=1_234.5, decision=2, priority=0.125
    )
    drawn = replace(given_, kinds=frozenset({"random:mail", "top:b"}))
    columns = columns_of([given_, drawn])
    assert columns.candidate(0) == replace(given_, kinds=frozenset())
    assert columns.candidate(1) == replace(given_, kinds=frozenset({"random:mail"}))
    assert columns.candidate(1).probabilities.tolist() == given_.probabilities.tolist()


def test_slots_say_what_is_scored_and_what_is_drawn() -> None:
    """A random slot alone is no score, and that of another source is no draw of this one."""
    kinds = ({"random:chat"}, {"top:a"}, {"top:a", "random:chat"}, {"random:other"})
    columns = columns_of([candidate(f"k{n}", kinds=frozenset(each)) for n, each in enumerate(kinds)])
    assert columns.scored.tolist() == [False, True, True, False]
    assert columns.drawn.tolist() == [True, False, True, False]


def test_epochs_are_ten_minutes_unless_they_are_given() -> None:
    """An occurrence at 599.9 s is in epoch 0, one at 600 s in epoch 1; the store knows better."""
    each = [candidate("a", at=599.9), candidate("b", at=600.0)]
    assert columns_of(each).epochs.tolist() == [0, 1]
    assert columns_of(each, epochs=[7, 8]).epochs.tolist() == [7, 8]


def test_no_candidates_have_columns_too() -> None:
    """Their probabilities have as many columns as there are classes."""
    columns = columns_of([])
    assert len(columns) == 0
    assert columns.probabilities.shape == (0, len(CLASSES))
    assert columns.representatives().tolist() == []


@settings(max_examples=300, deadline=None)
@given(each=occurrences())
def test_one_row_a_key_stands_for_all_of_it(each: list[Candidate]) -> None:
    """It is the newest scored occurrence, else the newest, and of equals that of larger priority."""

    def rank(row: int) -> tuple[bool, float, float, bool]:
        one = each[row]
        return one.kinds != {"random:chat"}, one.at, one.priority, "random:chat" in one.kinds

    rows = columns_of(each).representatives().tolist()
    assert rows == sorted(rows)
    assert sorted(each[row].key for row in rows) == sorted({one.key for one in each})
    for row in rows:
        alike = [other for other in range(len(each)) if each[other].key == each[row].key]
        assert rank(row) == max(map(rank, alike))


def test_keys_of_one_hash_are_told_apart() -> None:
    """A repeated hash is looked at key by key: two keys that share it stay two rows."""

    class Same(str):
        __slots__ = ()

        def __hash__(self) -> int:
            return 1

    each = [candidate(Same(key), at=at) for key, at in (("a", 1.0), ("b", 2.0), ("a", 3.0), ("c", 0.0))]
    assert columns_of(each).representatives().tolist() == [1, 2, 3]


@settings(max_examples=300, deadline=None)
@given(each=occurrences(), most=st.integers(-1, 35), data=st.data())
def test_the_best_are_those_of_plain_python(each: list[Candidate], most: int, data: st.DataObject) -> None:
    """The largest scores first, then the earlier, then the smaller priority, then the key; of some rows."""
    rows = data.draw(st.lists(st.integers(0, max(len(each) - 1, 0)), unique=True, max_size=len(each)))
    scores = [data.draw(st.sampled_from([-np.inf, -1.0, 0.0, 0.5])) for _ in rows]
    found = columns_of(each).best(np.array(scores), np.array(rows, np.intp), most=most).tolist()

    def order(place: int) -> tuple[float, float, float, str]:
        one = each[rows[place]]
        return -scores[place], one.at, one.priority, one.key

    expected = sorted(range(len(rows)), key=order)[: max(most, 0)]
    # Of two occurrences that are equal in all of this either may come first.
    of_row = dict(zip(rows, range(len(rows)), strict=True))
    assert [order(of_row[row]) for row in found] == [order(place) for place in expected]
    assert len(set(found)) == len(found)
