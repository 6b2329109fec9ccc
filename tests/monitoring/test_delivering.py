"""What is to be told is told at least once, later and later, and given up after a day."""

import logging
from collections.abc import Callable

import pytest

from monitoring.clock import ManualClock
from monitoring.delivering import GIVE_UP_SECONDS, NotTold, deliver_next
from monitoring.store import Delivery, Load, NewBatch, Store
from monitoring.waves.batches import BatchItem


@pytest.fixture
def announced(store: Store, clock: ManualClock) -> None:
    """Store a batch to be told of."""
    item = BatchItem(
        rank=1,
        key="k1",
        item_id="k1",
        source="email",
        text="words of a customer",
        slice="explore",
        stratum="exploration",
        inclusion_probability=1.0,
        dup_count=1,
        probabilities=(0.25, 0.75),
        predicted=None,
        at=clock.now(),
    )
    batch = NewBatch(
        id="b1",
        alarm_id=None,
        model_key="mail@1",
        reason="by_hand",
        created_at=clock.now(),
        manifest={"classes": ["ham", "spam"]},
        items=(item,),
        signatures=None,
        announced=True,
    )
    store.closing.add_by_hand(batch, load=Load(open_batches=0, items_today=0), who="kim")


def failing(times: int, told: list[Delivery]) -> Callable[[Delivery], None]:
    """Return a send that fails so often before it takes a delivery."""
    left = [times]

    def send(delivery: Delivery) -> None:
        if left[0] > 0:
            left[0] -= 1
            raise NotTold("the webhook answered 503")
        told.append(delivery)

    return send


@pytest.mark.usefixtures("announced")
def test_told_once_it_is_told_no_more(store: Store, clock: ManualClock) -> None:
    """The next look finds nothing, a day later too."""
    told: list[Delivery] = []
    send = failing(0, told)
    assert deliver_next(store, send, now=clock.now) == "delivered"
    for _ in range(2):
        assert deliver_next(store, send, now=clock.now) is None
        clock.advance(GIVE_UP_SECONDS)
    assert [each.subject for each in told] == ["b1"]


@pytest.mark.usefixtures("announced")
def test_it_is_tried_again_twice_as_late_each_time(store: Store, clock: ManualClock) -> None:
    """After 5, 10 and 20 s, not a second earlier, with the same body."""
    told: list[Delivery] = []
    send = failing(3, told)
    assert deliver_next(store, send, now=clock.now) == "failed"
    for wait, outcome in ((5, "failed"), (10, "failed"), (20, "delivered")):
        clock.advance(wait - 1)
        assert deliver_next(store, send, now=clock.now) is None
        clock.advance(1)
        assert deliver_next(store, send, now=clock.now) == outcome
    assert told[0].attempts == 4


@pytest.mark.usefixtures("announced")
def test_a_webhook_that_stays_away_for_a_day_is_given_up(
    store: Store, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Until then it is tried about once an hour; then it is over, logged and audited."""
    send, began, outcomes = failing(10_000, []), clock.now(), []
    with caplog.at_level(logging.WARNING):
        while "given_up" not in outcomes:
            outcome = deliver_next(store, send, now=clock.now)
            outcomes += [] if outcome is None else [outcome]
            clock.advance(300)
    assert GIVE_UP_SECONDS <= clock.now() - began < GIVE_UP_SECONDS + 2 * 3_600
    assert 25 < len(outcomes) < 45
    assert store.deliveries.outbox().given_up == 1
    assert deliver_next(store, send, now=clock.now) is None
    assert "was not told in a day: the webhook answered 503; given up" in caplog.text
    assert "words of a customer" not in caplog.text


@pytest.mark.usefixtures("announced")
def test_a_process_that_dies_while_telling_tells_again(store: Store, clock: ManualClock) -> None:
    """Whether the other side heard is not known, so it hears once more."""

    def killed(_: Delivery) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver_next(store, killed, now=clock.now)
    told: list[Delivery] = []
    assert deliver_next(store, failing(0, told), now=clock.now) is None
    clock.advance(60)
    assert deliver_next(store, failing(0, told), now=clock.now) == "delivered"
    assert told[0].attempts == 2
