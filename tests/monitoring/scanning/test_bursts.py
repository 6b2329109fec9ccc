"""A burst is set aside, a change is not: buckets that are impossible by themselves."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.scanning.bursts import MOST_ASIDE, Bursts, Gate, find_bursts
from monitoring.scanning.spans import Span
from monitoring.scanning.windows import Windows

SHARES = np.array([0.7, 0.26, 0.04])
SPANS = (Span("mix", 0, 3),)
BURST = np.array([0, 0, 20])


def calm(n: int, seed: int) -> np.ndarray:
    """Return buckets of 20 independent items."""
    return np.random.default_rng(seed).multinomial(20, SHARES, size=n)


def found_in(rows: np.ndarray) -> tuple[Bursts, np.ndarray]:
    """Return what a baseline of these rows says of bursts."""
    items = np.broadcast_to(rows.sum(axis=1, keepdims=True), rows.shape)
    return find_bursts(rows, items, SPANS, threshold=16.0)


def gate(limit: int = 6) -> Gate:
    """Return a gate of a calm baseline."""
    bursts, _ = found_in(calm(500, seed=1))
    return Gate(Bursts(bursts.shares, bursts.inflation, bursts.bar, limit))


def enter(gate: Gate, windows: Windows, row: np.ndarray, start: float) -> bool:
    """Let one bucket through."""
    return gate.enter(windows, row, tested=(row, np.full(3, row.sum())), start=start)


def test_a_baseline_without_bursts_loses_nothing():
    """Independent rows are all kept, and a hundred items in a row are still told apart later."""
    bursts, aside = found_in(calm(2_000, seed=2))
    assert not aside.any()
    assert bursts.limit == 6  # a hundred items are five buckets, or parts of six
    assert bursts.hit(BURST[None], np.full((1, 3), 20)).all()


def test_bursts_of_the_baseline_are_set_aside_with_their_neighbours():
    """What remains has the shares of the traffic between them, and longer runs may come."""
    rows = calm(1_000, seed=3)
    rows[500:510] = BURST
    bursts, aside = found_in(rows)
    assert np.flatnonzero(aside).tolist() == list(range(499, 511))
    assert bursts.shares[2] == pytest.approx(0.04, rel=0.1)
    assert bursts.limit == 21


def test_bursts_that_are_the_rule_are_not_set_aside():
    """What a tenth of the rows does is what is usual; variance has to speak for it."""
    rows = calm(400, seed=4)
    rows[:: int(0.5 / MOST_ASIDE)] = BURST
    assert not found_in(rows)[1].any()


def test_a_baseline_too_short_to_tell_sets_nothing_aside():
    """Neither in itself nor later."""
    bursts, aside = found_in(calm(20, seed=5))
    assert (bursts.limit, bool(aside.any())) == (0, False)


def test_three_times_a_share_is_no_burst():
    """A change that a service wants to hear of passes untouched: no bucket of it is set aside."""
    moved = np.random.default_rng(6).multinomial(20, [0.62, 0.26, 0.12], size=2_000)
    items = np.broadcast_to(moved.sum(axis=1, keepdims=True), moved.shape)
    assert gate().bursts.hit(moved, items).mean() < 0.01


def test_a_burst_leaves_no_trace_in_the_windows():
    """Its buckets, the one before and the one after are not in them."""
    rows = calm(12, seed=7)
    windows, plain, guarded = Windows(3), Windows(3), gate()
    burst = [BURST] * 5
    entered = [enter(guarded, windows, row, float(t)) for t, row in enumerate([*rows[:6], *burst, *rows[6:]])]
    assert entered == [True] * 6 + [False] * 6 + [True] * 5
    for t in (*range(5), *range(12, 17)):
        plain.add([*rows[:6], *burst, *rows[6:]][t], start=float(t))
    assert windows.to_json() == plain.to_json()
    assert guarded.aside == 6


def test_a_run_longer_than_bursts_are_enters_as_a_whole():
    """A change that no burst explains is in the windows with all its buckets, a few buckets late."""
    windows, plain, guarded = Windows(3), Windows(3), gate(limit=4)
    rows = [*calm(3, seed=8), *[BURST] * 8]
    entered = [enter(guarded, windows, row, float(t)) for t, row in enumerate(rows)]
    assert entered == [True] * 3 + [False] * 4 + [True] * 4
    for t, row in enumerate(rows):
        plain.add(row, start=float(t))
    assert windows.to_json() == plain.to_json()


def test_a_change_that_hits_every_other_bucket_is_no_row_of_bursts():
    """After four runs close to each other the next one is in the windows, though none was long."""
    windows, guarded = Windows(3), gate(limit=4)
    rows = [BURST, BURST, calm(1, seed=11)[0]] * 8
    entered = [enter(guarded, windows, row, float(t)) for t, row in enumerate(rows)]
    assert entered == [False] * 12 + [True] * 12


def test_bursts_seldom_enough_are_set_aside_for_ever():
    """One in 500 buckets, or two close together: not one is in the windows."""
    windows, guarded = Windows(3), gate()
    near = [BURST, *calm(10, seed=12)] * 2
    for t, row in enumerate([*near, *calm(480, seed=13)] * 8):
        enter(guarded, windows, row, float(t))
    assert guarded.aside == 32


def test_a_baseline_of_frequent_bursts_says_how_many_may_come():
    """Five runs within fifty buckets were usual in it, so they are later."""
    rows = calm(2_000, seed=14)
    rows[1_000:1_050:10] = BURST
    assert found_in(rows)[0].most == (5, 10)


def test_bursts_are_told_by_the_shares_of_a_new_baseline():
    """What was impossible before it is usual then."""
    half, items = np.array([[0, 10, 10]]), np.full((1, 3), 20)
    bursts = gate().bursts
    assert bursts.hit(half, items).all()
    assert not bursts.among(np.array([0, 500, 500]), np.full(3, 1_000)).hit(half, items).any()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), max_size=30), st.integers(0, 30))
def test_a_gate_continues_from_its_snapshot(pattern: list[bool], stop: int):
    """Written down and read at any moment, a gate lets the same buckets through."""
    rows = [BURST if burst else row for burst, row in zip(pattern, calm(len(pattern), seed=9), strict=True)]
    straight, one = Windows(3), gate(limit=3)
    broken, other = Windows(3), gate(limit=3)
    for t, row in enumerate(rows):
        if t == stop:
            snapshot = json.loads(json.dumps(other.to_json()))
            other = gate(limit=3)
            other.restore(snapshot)
        assert enter(one, straight, row, float(t)) == enter(other, broken, row, float(t))
    assert straight.to_json() == broken.to_json()
    assert one.aside == other.aside


def test_what_tells_a_burst_is_written_down_exactly():
    """JSON there and back changes no bit."""
    bursts, _ = found_in(calm(300, seed=10))
    again = Bursts.from_json(json.loads(json.dumps(bursts.to_json())))
    assert again.shares.tolist() == bursts.shares.tolist()
    assert again.inflation.tolist() == bursts.inflation.tolist()
    assert (again.bar, again.limit, again.most) == (bursts.bar, bursts.limit, bursts.most)
