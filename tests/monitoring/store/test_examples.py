"""Items behind an alarm: those of its classes, from its time, each once."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa

from model_store.policy import DECISIONS, NO_CLASS
from monitoring.clock import ManualClock
from monitoring.detection.finding import Finding
from monitoring.recording.recorder import Sealed
from monitoring.recording.reservoir import Candidate
from monitoring.store import Alarm, Store, codec
from monitoring.store.tables import candidates


def finding(clock: ManualClock, *watched: str) -> Finding:
    """Return a finding of the last minute that watches these classes."""
    return Finding(clock.now() - 60, 100, 100, 6, 30.0, 20.0, (), watched)


def alarm(clock: ManualClock, *watched: str) -> Alarm:
    """Return an alarm of the epoch that is now."""
    epoch = int(clock.now() // 600)
    return Alarm("a", "mail@1", 1, clock.now(), epoch, epoch, finding(clock, *watched))


def item(clock: ManualClock, n: int, *, spam: float, at: float = -30.0, **changed: object) -> Candidate:
    """Return an item with this probability of spam that arrived `at` seconds from now."""
    made = Candidate(
        key=f"item-{n}",
        item_id=f"item-{n}",
        source="email",
        text=f"text {n}",
        probabilities=np.array([1 - spam, spam], np.float32),
        label=int(spam > 0.5),
        decision=0,
        at=clock.now() + at,
        priority=n / 1_000,
        kinds=frozenset({"random:email"}),
    )
    return replace(made, **changed)  # type: ignore[arg-type]


@pytest.fixture
def put(store: Store, seal: Callable[..., Sealed]) -> Callable[..., None]:
    """Return a function that stores candidates as if bucket 1 had taken them."""

    def put_(*items: Candidate, task: str = "multiclass") -> None:
        store.counts.flush("worker-a", 1, seal(candidates=items, task=task))
        with store._database.write(durable=False) as connection:
            connection.execute(candidates.update().values(bucket_seq=1))

    return put_


def test_items_of_the_watched_class_and_time_are_shown(
    store: Store, clock: ManualClock, put: Callable[..., None]
) -> None:
    """Not those of another class, from before the change, or a second time."""
    put(
        item(clock, 1, spam=0.9),
        item(clock, 2, spam=0.1),
        item(clock, 3, spam=0.9, at=-90),
        item(clock, 4, spam=0.6),
        item(clock, 4, spam=0.6, at=-20),
        item(clock, 5, spam=0.9, decision=DECISIONS.index(NO_CLASS)),
    )
    shown = store.examples.behind(alarm(clock, "spam"), limit=20)
    assert [each.key for each in shown] == ["item-1", "item-4"]
    first = shown[0]
    assert (first.category, first.source, first.text) == ("spam", "email", "text 1")
    assert first.probability == pytest.approx(0.9)
    assert [each.key for each in store.examples.behind(alarm(clock, NO_CLASS), limit=20)] == ["item-5"]
    assert len(store.examples.behind(alarm(clock), limit=20)) == 4


def test_items_from_before_the_alarm_was_raised_come_first(
    store: Store, clock: ManualClock, put: Callable[..., None]
) -> None:
    """What came later shows it too, until it ended; what no bucket holds yet does not count."""
    put(item(clock, 9, spam=0.9))
    raised_earlier = replace(alarm(clock, "spam"), bucket_seq=0)
    assert [each.key for each in store.examples.behind(raised_earlier, limit=20)] == ["item-9"]
    ended = replace(raised_earlier, cleared_at=clock.now() - 40)
    assert store.examples.behind(ended, limit=20) == ()


def test_there_are_no_more_than_asked_for_and_each_class_has_its_part(
    store: Store, clock: ManualClock, put: Callable[..., None]
) -> None:
    """A common class leaves room for a rare one; the random part comes first."""
    sure = frozenset({"top:spam"})
    put(
        *(item(clock, n, spam=0.9) for n in range(20, 50)),
        *(item(clock, n, spam=0.99, kinds=sure) for n in range(5)),
        *(item(clock, n, spam=0.1) for n in range(60, 62)),
    )
    shown = store.examples.behind(alarm(clock, "spam", "ham"), limit=10)
    assert [each.category for each in shown].count("spam") == 5
    assert [each.category for each in shown].count("ham") == 2
    assert {each.key for each in shown if each.category == "spam"} == {f"item-{n}" for n in range(20, 25)}


def test_the_random_part_is_shown_first_and_in_the_order_of_its_draws(
    store: Store, clock: ManualClock, put: Callable[..., None]
) -> None:
    """Whatever order they were stored in."""
    sure = frozenset({"top:spam"})
    put(*(item(clock, n, spam=0.9, kinds=sure) for n in (4, 1)), *(item(clock, n, spam=0.9) for n in (3, 2)))
    shown = store.examples.behind(alarm(clock, "spam"), limit=20)
    assert [each.key for each in shown] == ["item-2", "item-3", "item-1", "item-4"]


@pytest.mark.parametrize("name", ["spam", NO_CLASS])
def test_what_is_held_for_the_class_is_found_among_many_others(
    store: Store, clock: ManualClock, put: Callable[..., None], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Not all candidates of a busy day are looked at, so those that hold its place are among the first."""
    monkeypatch.setattr("monitoring.store.examples._MOST_READ", 3)
    none = DECISIONS.index(NO_CLASS) if name == NO_CLASS else 0
    held = {"kinds": frozenset({f"top:{name}", "uncertain"}), "decision": none}
    others = (item(clock, n, spam=0.1, kinds=frozenset({"top:ham", "top:spammer"})) for n in range(20))
    put(*others, item(clock, 90, spam=0.9, **held))
    assert [each.key for each in store.examples.behind(alarm(clock, name), limit=20)] == ["item-90"]


def test_an_item_with_several_labels_is_behind_each_of_them(
    store: Store, clock: ManualClock, put: Callable[..., None]
) -> None:
    """It counts for a label from one half on, and is shown once."""
    both = item(clock, 1, spam=0.6, probabilities=np.array([0.7, 0.6], np.float32))
    put(both, task="multilabel")
    for watched in (("spam",), ("ham",), ("ham", "spam")):
        assert [each.key for each in store.examples.behind(alarm(clock, *watched), limit=20)] == ["item-1"]


def test_a_store_that_keeps_no_texts_shows_none(
    store: Store, clock: ManualClock, put: Callable[..., None]
) -> None:
    """The item is there by its id."""
    put(item(clock, 1, spam=0.9, text=None))
    (shown,) = store.examples.behind(alarm(clock, "spam"), limit=20)
    assert (shown.item_id, shown.text) == ("item-1", None)


def test_a_rare_class_is_found_however_many_others_there_are(
    store: Store, clock: ManualClock, put: Callable[..., None]
) -> None:
    """Though its only item is the last of them, as one held for its score."""
    put(item(clock, 0, spam=0.9))
    (first,) = store.examples.behind(alarm(clock, "spam"), limit=1)
    with store._database.write(durable=False) as connection:
        (row,) = connection.execute(sa.select(candidates)).mappings()
        others = {**row, "id": None, "probabilities": codec.floats([0.9, 0.1]), "priority": 0.0}
        connection.execute(candidates.insert(), [{**others, "key": f"k{n}"} for n in range(21_000)])
    assert store.examples.behind(alarm(clock, "spam"), limit=20) == (first,)
