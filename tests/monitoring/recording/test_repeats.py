"""Tests of `monitoring.recording.repeats`."""

from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.meters import BEYOND_MEMORY, FIRST, REPEAT, WITHOUT_ID
from monitoring.recording.repeats import HALF, Repeats, marks_of


@settings(max_examples=100, deadline=None)
@given(
    groups=st.lists(st.lists(st.one_of(st.none(), st.integers(0, 30)), max_size=12), max_size=8),
)
def test_with_room_every_id_is_new_once(groups: list[list[int | None]]) -> None:
    """However the items are grouped; one without an id is always counted."""
    repeats, seen = Repeats(), set[int]()
    for marks in groups:
        expected = []
        for mark in marks:
            expected.append(WITHOUT_ID if mark is None else REPEAT if mark in seen else FIRST)
            seen |= {mark} - {None}
        assert repeats.origins(marks) == expected


@settings(max_examples=100, deadline=None)
@given(marks=st.lists(st.integers(0, 60), max_size=200), half=st.integers(1, 10), size=st.integers(1, 20))
def test_the_newest_are_remembered_and_memory_is_bounded(marks: list[int], half: int, size: int) -> None:
    """At least the last half is recognised, never one that did not come; no more than two are held."""
    repeats = Repeats(half)
    new_in_order: list[int] = []
    for start in range(0, len(marks), size):
        group = marks[start : start + size]
        for mark, origin in zip(group, repeats.origins(group), strict=True):
            if origin == REPEAT:
                assert mark in new_in_order
            else:
                assert mark not in new_in_order[-half:]
                assert origin == FIRST or len(new_in_order) >= 2 * half
                new_in_order.append(mark)
        assert len(repeats._newer) + len(repeats._older) <= 2 * half


def test_what_may_repeat_something_forgotten_says_so() -> None:
    """Once a half was dropped, nobody knows that an item is new."""
    repeats = Repeats(2)
    assert repeats.origins([1, 2, 3, 4, 5]) == [FIRST] * 4 + [BEYOND_MEMORY]
    assert repeats.origins([1]) == [BEYOND_MEMORY]
    assert repeats.origins([5]) == [REPEAT]
    repeats.reset()
    assert repeats.origins([5]) == [FIRST]


def test_an_epoch_of_a_hundred_items_a_second_is_remembered_whole() -> None:
    """Two halves less one item."""
    repeats = Repeats()
    marks = list(range(60_000))
    assert set(repeats.origins(marks)) == {FIRST}
    assert set(repeats.origins(marks)) == {REPEAT}
    assert 2 * HALF >= 600 * 200


def test_marks_are_ids_and_by_content_what_an_item_says() -> None:
    """Order of the features does not matter; an id goes before the content."""
    ids = ["a", None, None, "a"]
    items = [{"x": 1, "y": None}, {"y": None, "x": 1}, {"x": 1, "y": None}, {"x": 2, "y": 3}]
    by_id = marks_of(ids, items, by="id")
    assert by_id == [by_id[0], None, None, by_id[0]]
    by_content = marks_of(ids, items, by="content")
    assert by_content[0] == by_content[3] != by_content[1] == by_content[2]
    one, other = marks_of([None, None], ["text", "text "], by="content")
    assert one != other
