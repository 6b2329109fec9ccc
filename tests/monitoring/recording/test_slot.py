"""A slot keeps the best units of any stream, in bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from monitoring.recording.slot import Slot

OFFERS = st.lists(st.tuples(st.sampled_from("abcdefg"), st.integers(0, 5), st.integers(0, 3)), max_size=40)


@given(offers=OFFERS, size=st.integers(1, 5))
def test_it_holds_what_sorting_everything_would_give(offers: list[tuple[str, int, int]], size: int):
    """Best rank of each unit, then the best units; the floor is the score of the last one once it is full."""
    slot: Slot[tuple[str, int]] = Slot(size)
    best: dict[str, tuple[float, float, str, float]] = {}
    for unit, score, at in offers:
        rank = (float(score), -float(at), unit, 0.0)
        slot.offer(unit, rank, (unit, score))
        best[unit] = max(best.get(unit, rank), rank)
    expected = sorted(best, key=lambda unit: best[unit], reverse=True)[:size]
    assert [unit for unit, _ in slot.best_first()] == expected
    assert slot.floor == (best[expected[-1]][0] if len(best) >= size else float("-inf"))


def test_it_says_what_was_displaced():
    """Nothing while there is room, then the worst or the older entry of the unit, or the offer itself."""
    slot: Slot[str] = Slot(1)
    assert slot.offer("a", (0.5, 0.0, "a", 0.0), "first") is None
    assert slot.offer("a", (0.6, 0.0, "a", 0.0), "better") == "first"
    assert slot.offer("b", (0.7, 0.0, "b", 0.0), "other") == "better"
    assert slot.offer("c", (0.1, 0.0, "c", 0.0), "worse") == "worse"
