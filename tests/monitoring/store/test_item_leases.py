"""Leases of items: nobody has what another has, and what is not labelled in time is free again."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.clock import ManualClock
from monitoring.errors import BatchClosed, IdempotencyKeyReused, LeaseOver, UnknownBatch, UnknownLease
from monitoring.store import Store, open_store
from monitoring.waves.leasing import ItemLease
from tests.support.labeling import NOON, decision, put_batch, word

KEYS = ("a", "b", "c", "d")


def take(
    store: Store, who: str, *, size: int = 2, minutes: float = 60, lease: str | None = None, batch: str = "b1"
) -> tuple[str, ...]:
    """Lease items and return their keys, none when there is nothing left."""
    got = hold(store, who, size=size, minutes=minutes, lease=lease, batch=batch)
    return () if got is None else tuple(item.key for item in got.items)


def hold(
    store: Store, who: str, *, size: int = 2, minutes: float = 60, lease: str | None = None, batch: str = "b1"
) -> ItemLease | None:
    """Lease items."""
    return store.item_leases.lease(
        batch, lease_id=lease or f"of {who}", who=who, size=size, seconds=60 * minutes
    )


def test_two_people_get_different_items_in_the_order_of_the_queue(store: Store) -> None:
    """Each the next that nobody has; the last one less, and then there is nothing for anybody."""
    put_batch(store, "b1", KEYS)
    assert take(store, "ann", size=3) == ("a", "b", "c")
    assert take(store, "bo", size=3) == ("d",)
    assert take(store, "cy") == ()
    assert store.batches.leased("b1") == store.batches.list()[0].n_leased == 4


def test_an_item_that_two_people_hold_is_leased_once_and_stays_open(store: Store, clock: ManualClock) -> None:
    """Until the last lease of it is over; `open` counts it all the while."""
    put_batch(store, "b1", KEYS, overlap=2)
    take(store, "ann", size=3, minutes=60)
    take(store, "bo", size=1, minutes=90)
    assert store.batches.items_by_state() == {"open": 4, "leased": 3}
    clock.advance(61 * 60)
    assert store.batches.items_by_state() == {"open": 4, "leased": 1}
    clock.advance(30 * 60)
    assert store.batches.items_by_state() == {"open": 4}


def test_an_item_that_another_labelled_is_in_nobodys_hands(store: Store) -> None:
    """Whoever holds the lease: what is counted as leased is a part of what is open."""
    put_batch(store, "b1", KEYS)
    take(store, "ann", size=2, minutes=60)
    store.labels.accept("b1", [word("a", "ham", "bo")], at=NOON)
    assert store.batches.leased("b1") == store.batches.list()[0].n_leased == 1
    assert store.batches.items_by_state() == {"open": 3, "leased": 1, "labelled": 1}


def test_the_same_lease_is_given_once(store: Store, clock: ManualClock) -> None:
    """Asked again it has the same end and what is not labelled yet, and no item more."""
    put_batch(store, "b1", KEYS)
    first = hold(store, "ann", lease="l1")
    clock.advance(60)
    assert hold(store, "ann", lease="l1", size=4) == first
    store.labels.accept("b1", [word("a", "ham", "ann", lease="l1")], at=NOON)
    assert take(store, "ann", lease="l1") == ("b",)


def test_a_lease_of_an_earlier_release_is_given_again_by_its_key(store: Store) -> None:
    """Its id ends before what was asked for; of a newer one, another end is another request."""
    put_batch(store, "b1", KEYS)
    key, later = "0123456789abcdef", "fedcba9876543210"
    first = hold(store, "ann", lease=key)
    assert hold(store, "ann", lease=f"{key}00000000") == first
    hold(store, "bo", lease=f"{later}00000000")
    with pytest.raises(IdempotencyKeyReused, match=f"{later}00000000"):
        hold(store, "bo", lease=f"{later}11111111")


def test_what_is_not_labelled_in_time_is_free_again(store: Store, clock: ManualClock) -> None:
    """To the second, by the database's clock; the lease itself is over and says so."""
    put_batch(store, "b1", KEYS[:2])
    assert take(store, "ann", minutes=10) == ("a", "b")
    clock.advance(599)
    assert take(store, "bo") == ()
    clock.advance(1)
    with pytest.raises(LeaseOver, match="'of ann' has expired; labels made under it still count"):
        take(store, "ann")
    assert store.batches.leased("b1") == 0
    assert take(store, "bo", size=1) == ("a",)
    assert take(store, "ann", lease="again") == ("b",)


def test_what_is_given_back_is_free_at_once(store: Store) -> None:
    """Only what the lease still holds; giving back twice is giving back once."""
    put_batch(store, "b1", KEYS)
    take(store, "ann", size=3)
    store.labels.accept("b1", [word("a", "ham", "ann")], at=NOON)
    assert store.item_leases.release("b1", "of ann") == 2
    assert store.item_leases.release("b1", "of ann") == 0
    assert take(store, "bo", size=4) == ("b", "c", "d")
    with pytest.raises(LeaseOver, match="was released"):
        take(store, "ann")


def test_with_an_overlap_two_people_have_an_item_and_nobody_has_it_twice(store: Store) -> None:
    """A third waits for a place; who labelled an item does not get it again."""
    put_batch(store, "b1", KEYS[:2], overlap=2)
    assert take(store, "ann") == take(store, "bo") == ("a", "b")
    assert take(store, "cy") == ()
    store.labels.accept("b1", [word("a", "ham", "ann")], at=NOON)
    assert take(store, "cy") == take(store, "ann", lease="more") == ()
    store.item_leases.release("b1", "of bo")
    assert take(store, "ann", lease="more") == ()
    assert take(store, "cy", lease="now") == ("a", "b")


def test_what_is_settled_is_not_handed_out(store: Store) -> None:
    """Labelled, skipped or adjudicated; and of a closed batch nothing is."""
    put_batch(store, "b1", KEYS, overlap=2)
    rows = [word("a", "ham", "ann"), word("a", "spam", "bo"), decision("b", "ham", "cy")]
    store.labels.accept("b1", rows, at=NOON)
    assert take(store, "di", size=4) == ("c", "d")
    store.batches.close("b1", at=NOON, who="ops")
    with pytest.raises(BatchClosed, match="batch 'b1' is closed"):
        take(store, "di")
    assert store.batches.leased("b1") == 0


def test_unknown_batches_and_leases_are_named(store: Store) -> None:
    """Also a lease of another batch."""
    put_batch(store, "b1", KEYS[:2])
    put_batch(store, "b2", KEYS[2:])
    take(store, "ann")
    with pytest.raises(UnknownBatch, match="'nope'"):
        take(store, "ann", batch="nope")
    with pytest.raises(UnknownBatch, match="'nope'"):
        store.item_leases.release("nope", "of ann")
    with pytest.raises(UnknownLease, match="'of ann' is none of this batch"):
        store.item_leases.release("b2", "of ann")


def test_the_database_knows_one_holder_a_place_and_one_place_a_holder(store: Store, tmp_path: Path) -> None:
    """Whoever writes to it: a second row for a place, or for a person, is refused."""
    put_batch(store, "b1", KEYS, overlap=2)
    take(store, "ann", size=1)
    raw = sqlite3.connect(tmp_path / "state" / "seamark.sqlite3")
    for place, who in ((0, "bo"), (1, "ann")):
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            raw.execute("INSERT INTO item_leases VALUES ('b1', 'a', ?, 'of ann', ?, 1.0)", (place, who))
    raw.close()


PEOPLE = ("ann", "bo", "cy")
ACTS = st.one_of(
    st.tuples(st.just("lease"), st.sampled_from(PEOPLE), st.integers(1, 4)),
    st.tuples(st.just("label"), st.sampled_from(PEOPLE), st.sampled_from(KEYS)),
    st.tuples(st.just("release"), st.sampled_from(PEOPLE), st.none()),
    st.tuples(st.just("wait"), st.none(), st.none()),
)


@settings(max_examples=25, deadline=None)
@given(overlap=st.integers(1, 2), acts=st.lists(ACTS, max_size=25))
def test_no_order_of_acts_gives_an_item_to_too_many(
    tmp_path_factory: pytest.TempPathFactory, overlap: int, acts: list[tuple[str, str, object]]
) -> None:
    """Invariant 4: places and people at any moment, and every label that was acknowledged is there."""
    clock = ManualClock(NOON)
    store = open_store(tmp_path_factory.mktemp("state"), clock=clock)
    put_batch(store, "b1", KEYS, overlap=overlap)
    has: dict[str, tuple[float, set[str]]] = {}
    said: set[tuple[str, str]] = set()
    for number, (act, who, what) in enumerate(acts):
        if act == "lease" and store.batches.get("b1").state == "open":
            got = hold(store, who, size=int(str(what)), lease=f"{who} {number}", minutes=1)
            has.setdefault(f"{who} {number}", (got.expires_at, {i.key for i in got.items})) if got else None
        elif act == "label":
            store.labels.accept("b1", [word(str(what), "ham", who)], at=clock.now())
            said.add((str(what), who))
            for name, (_, keys) in has.items():
                keys.difference_update({str(what)} if name.startswith(who) else set())
        elif act == "release":
            for name in [name for name in has if name.startswith(who)]:
                store.item_leases.release("b1", name)
                del has[name]
        elif act == "wait":
            clock.advance(40)
        for key in KEYS:
            people = [
                name.split()[0] for name, (end, keys) in has.items() if end > clock.now() and key in keys
            ]
            assert len(people) == len(set(people)) <= overlap
            assert not {(key, each) for each in people} & said
        assert {(key, row.annotator) for key, rows in store.labels.of("b1").items() for row in rows} == said
    store.close()
