"""One watcher at a time, by the database's clock."""

from monitoring.clock import ManualClock
from monitoring.store import Lease, Store


def test_a_lease_is_renewed_by_its_holder_under_the_same_epoch(store: Store, clock: ManualClock) -> None:
    """Renewing is not a change of hands."""
    assert store.lease.acquire("one", seconds=15) == Lease("one", 1)
    clock.advance(10)
    assert store.lease.acquire("one", seconds=15) == Lease("one", 1)
    clock.advance(10)
    assert store.lease.acquire("two", seconds=15) is None


def test_an_expired_lease_changes_hands_and_epoch(store: Store, clock: ManualClock) -> None:
    """Whoever comes first after the end has it; also the old holder gets a new epoch."""
    store.lease.acquire("one", seconds=15)
    clock.advance(15)
    assert store.lease.acquire("two", seconds=15) == Lease("two", 2)
    clock.advance(15)
    assert store.lease.acquire("two", seconds=15) == Lease("two", 3)


def test_releasing_a_lost_lease_leaves_the_new_holder_alone(store: Store, clock: ManualClock) -> None:
    """Only the epoch one holds can be given back."""
    old = store.lease.acquire("one", seconds=15)
    assert old is not None
    clock.advance(15)
    store.lease.acquire("two", seconds=15)
    store.lease.release(old)
    assert store.lease.acquire("three", seconds=15) is None


def test_a_lost_lease_cannot_say_that_all_is_closed(store: Store, clock: ManualClock) -> None:
    """The lag is what the holder of the lease says."""
    old = store.lease.acquire("one", seconds=15)
    assert old is not None
    store.lease.caught_up(old, until=clock.now())
    clock.advance(15)
    store.lease.acquire("two", seconds=15)
    store.lease.caught_up(old, until=clock.now() + 1_000)
    assert store.lag() == 15.0
