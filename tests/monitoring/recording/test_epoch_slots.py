"""What reaches the slots of an epoch, what it pushes out, and what the slots weigh."""

from typing import Any

import numpy as np

from monitoring.recording.candidate import Candidate, Slots
from monitoring.recording.epoch_slots import Entry, EpochSlots
from monitoring.recording.ranking import Ranking

CLASSES = ("billing", "delivery", "fraud")
RANKING = Ranking.of(CLASSES, [0.6, 0.37, 0.03])
SIZES = Slots(top=1, uncertain=1, random=1, most_unusual=2, most_uncertain=1)


def opened() -> tuple[EpochSlots, dict[Entry, None]]:
    """Return empty slots, and what entered them and was not reported."""
    fresh: dict[Entry, None] = {}
    return EpochSlots(RANKING, ("email",), SIZES, fresh), fresh


def entry(key: str, *probabilities: float, at: float = 0.0, priority: float = 0.5) -> Entry:
    """Return an entry of an item with these probabilities."""
    return Entry(
        Candidate(
            key=key,
            item_id=key,
            source="email",
            text=None,
            probabilities=np.array(probabilities, np.float32),
            label=0,
            decision=0,
            at=at,
            priority=priority,
            kinds=frozenset(),
        )
    )


def place(slots: EpochSlots, one: Entry, *, newest: bool = True) -> None:
    """Offer an entry to every slot for high probabilities that it reaches."""
    high: Any = slots.high_rows(one.candidate.probabilities[None], newest=newest).get(0, ((), None))
    slots.place_high(one, *high)
    slots.keep(one)


def test_an_unusual_item_is_held_though_its_class_has_a_better_one() -> None:
    """The two largest ratios to what is usual are of one rare class, which has one slot of its own."""
    slots, fresh = opened()
    kinds = {}
    for key, fraud in (("a", 0.5), ("b", 0.9), ("c", 0.4), ("d", 0.6)):
        place(slots, entry(key, 0.99 - fraud, 0.01, fraud))
        kinds = {each.candidate.key: sorted(each.kinds) for each in fresh}
    assert kinds == {
        "a": ["top:delivery"],
        "b": ["top", "top:fraud"],
        "c": ["top:billing"],
        "d": ["top"],
    }


def test_of_equals_the_earlier_stays_and_the_newest_is_not_even_looked_at() -> None:
    """A saturated model ties all day; an earlier arrival that comes late still takes its place."""
    slots, fresh = opened()
    rows = np.array([[0.0, 0.0, 1.0]], np.float32)
    for at, key in enumerate("ab", start=4):
        place(slots, entry(key, 0, 0, 1, at=at), newest=False)
    assert slots.high_rows(rows, newest=True) == {}
    assert slots.high_rows(rows, newest=False) == {0: ([0, 1, 2], 1 / 0.03)}
    place(slots, entry("early", 0, 0, 1, at=1.0), newest=False)
    held = {each.candidate.key: each.kinds for each in fresh}
    assert held == {"a": {"top"}, "early": {"top", *(f"top:{name}" for name in CLASSES)}}


def test_what_leaves_its_last_slot_weighs_nothing() -> None:
    """The bytes are those of what is held, and it is not reported any more."""
    slots, fresh = opened()
    for n in range(6):
        one = entry(f"item {n}", 0.3, 0.3, 0.4, priority=1 - n / 10)
        slots.place_uncertain(one, 2, float(n))
        slots.place_drawn(one)
        slots.keep(one)
    assert [each.candidate.key for each in fresh] == ["item 5"]
    assert slots.held_bytes == one.held_bytes
    assert not slots.draws("email", 0.6)
    assert slots.draws("email", 0.5)
    assert slots.uncertain_floors(np.array([0, 2], np.int32)).tolist() == [-np.inf, 5.0]
