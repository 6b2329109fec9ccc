"""The outbox: filled with what it is about, taken by one sender at a time, kept until it was told."""

from dataclasses import replace

import pytest

from monitoring.clock import ManualClock
from monitoring.store import Fenced, Load, NewBatch, Outbox, Store
from monitoring.waves.batches import BatchItem

IDLE = Load(open_batches=0, items_today=0)
SECRET_WORDS = "words of a customer"  # noqa: S105 - what must not be told


def emitted(clock: ManualClock, batch_id: str = "b1", *, announced: bool = True) -> NewBatch:
    """Return a batch of one item about to be stored."""
    item = BatchItem(
        rank=1,
        key=f"key of {batch_id}",
        item_id="4711",
        source="email",
        text=SECRET_WORDS,
        slice="explore",
        stratum="exploration",
        inclusion_probability=0.5,
        dup_count=1,
        probabilities=(0.25, 0.75),
        predicted="spam",
        at=clock.now(),
    )
    return NewBatch(
        id=batch_id,
        alarm_id="a1",
        model_key="mail@1",
        reason="by_hand",
        created_at=clock.now(),
        manifest={"classes": ["ham", "spam"]},
        items=(item,),
        signatures=None,
        announced=announced,
    )


def test_a_batch_and_its_announcement_are_stored_together(store: Store, clock: ManualClock) -> None:
    """It says what was made and where, and no word of an item."""
    store.closing.add_by_hand(emitted(clock), load=IDLE, who="kim")
    delivery = store.deliveries.take(now=clock.now(), hold_seconds=60)
    assert delivery is not None
    assert (delivery.event, delivery.subject, delivery.attempts) == ("batch.emitted", "b1", 1)
    assert delivery.body == {
        "batch": "b1",
        "alarm": "a1",
        "model": "mail@1",
        "reason": "by_hand",
        "items": 1,
        "path": "/v1/batches/b1",
    }


def test_without_a_batch_there_is_nothing_to_tell(store: Store, clock: ManualClock) -> None:
    """A batch that could not be stored, and one that nobody is to be told of, leave the outbox empty."""
    store.closing.add_by_hand(emitted(clock, announced=False), load=IDLE, who="kim")
    with pytest.raises(Fenced):
        store.closing.add_by_hand(emitted(clock, "b2"), load=replace(IDLE, open_batches=7), who="kim")
    assert store.deliveries.outbox() == Outbox(0, 0, 0, None)


def test_one_sender_takes_what_another_holds_only_when_it_died(store: Store, clock: ManualClock) -> None:
    """Nobody else gets a delivery that is held; it comes again when nothing was heard for long enough."""
    store.closing.add_by_hand(emitted(clock), load=IDLE, who="kim")
    assert store.deliveries.take(now=clock.now(), hold_seconds=60) is not None
    assert store.deliveries.take(now=clock.now() + 59, hold_seconds=60) is None
    again = store.deliveries.take(now=clock.now() + 60, hold_seconds=60)
    assert again is not None
    assert again.attempts == 2


def test_what_is_due_longest_goes_first(store: Store, clock: ManualClock) -> None:
    """A failing one waits behind those that were not tried yet."""
    for batch_id in ("b1", "b2"):
        store.closing.add_by_hand(
            emitted(clock, batch_id), load=store.batches.load(now=clock.now()), who="kim"
        )
        clock.advance(1)
    first = store.deliveries.take(now=clock.now(), hold_seconds=60)
    assert first is not None
    store.deliveries.failed(first, reason="away", next_at=clock.now() + 5)
    second = store.deliveries.take(now=clock.now() + 6, hold_seconds=60)
    assert second is not None
    assert (first.subject, second.subject) == ("b1", "b2")


def test_the_outbox_counts_how_each_ended(store: Store, clock: ManualClock) -> None:
    """Told, given up and audited, or waiting since when; what ended is forgotten after 400 days."""
    since = clock.now()
    for batch_id in ("b1", "b2", "b3"):
        store.closing.add_by_hand(
            emitted(clock, batch_id), load=store.batches.load(now=clock.now()), who="kim"
        )
        clock.advance(1)
    told, lost = (store.deliveries.take(now=clock.now(), hold_seconds=60) for _ in range(2))
    assert told is not None
    assert lost is not None
    store.deliveries.delivered(told, at=clock.now())
    store.deliveries.give_up(lost, at=clock.now(), reason="the webhook answered 500")
    assert store.deliveries.outbox() == Outbox(
        delivered=1, given_up=1, waiting=1, oldest_waiting_at=since + 2
    )
    lease = store.lease.acquire("watcher", seconds=15)
    assert lease is not None
    store.retention.prune(now=clock.now() + 399 * 86_400, retention_days=30, lease=lease)
    assert store.deliveries.outbox().delivered == 1
    store.retention.prune(now=clock.now() + 401 * 86_400, retention_days=30, lease=lease)
    assert store.deliveries.outbox() == Outbox(0, 0, 1, since + 2)
    (entry, *_) = store.audit.list(limit=1)
    assert (entry.who, entry.action) == ("watcher", "give_up_delivery")
    assert entry.details == {
        "event": "batch.emitted",
        "subject": "b2",
        "attempts": 1,
        "reason": "the webhook answered 500",
    }
