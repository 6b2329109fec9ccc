"""Draws per source are simple random samples, and their weights add up."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.recording.reservoir import Candidate
from monitoring.waves.exploration import allocate, draw, explore
from monitoring.waves.neardup import Excluded


def occurrence(i: int, source: str, priority: float, text: str | None = None) -> Candidate:
    """Return an occurrence that a random slot held."""
    return Candidate(
        key=f"{source}-{i}",
        item_id=f"{source}-{i}",
        source=source,
        text=text,
        probabilities=np.array([0.5, 0.5], np.float32),
        label=0,
        decision=0,
        at=float(i),
        priority=priority,
        kinds=frozenset({f"random:{source}"}),
    )


@settings(max_examples=100, deadline=None)
@given(
    total=st.integers(0, 60),
    occurrences=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 500)),
    most=st.integers(1, 80),
)
def test_allocation_is_proportional_within_its_bounds(total: int, occurrences: dict[str, int], most: int):
    """Every source with traffic gets one, none more than it had; no draw is lost unless a bound took it."""
    wanted = allocate(total, occurrences, most=most)
    present = {source: n for source, n in occurrences.items() if n}
    assert wanted.keys() == present.keys()
    assert all(1 <= n <= min(most, present[source]) for source, n in wanted.items())
    bounded = any(n == min(most, present[source]) for source, n in wanted.items())
    assert sum(wanted.values()) == max(total, len(present)) * bool(present) or bounded


def test_every_occurrence_has_the_stated_chance():
    """Over 2,000 draws each of fifty occurrences is drawn at d / N, within 4 standard errors."""
    rng = np.random.default_rng(1)
    hits = np.zeros(50)
    for _ in range(2000):
        pool = [occurrence(i, "chat", float(p)) for i, p in enumerate(rng.random(50))]
        draws = draw(pool, {"chat": 50}, total=10, most=30)
        assert draws.inclusion_probability == {"chat": 0.2}
        hits[[int(one.key.removeprefix("chat-")) for one in draws.candidates]] += 1
    error = np.sqrt(0.2 * 0.8 / 2000)
    assert np.abs(hits / 2000 - 0.2).max() < 4 * error


def test_a_sample_needs_only_the_smallest_priorities():
    """Thirty of ten thousand occurrences suffice, with the chance counted over all ten thousand."""
    rng = np.random.default_rng(2)
    priorities = np.sort(rng.random(10_000))
    everything = [occurrence(i, "chat", float(p)) for i, p in enumerate(priorities)]
    draws = draw(everything[:30], {"chat": 10_000}, total=30, most=30)
    assert draws == draw(everything, {"chat": 10_000}, total=30, most=30)
    assert draws.inclusion_probability["chat"] == 0.003


def test_a_second_draw_passes_over_the_first():
    """Both together are one sample: over 2,000 pairs each of fifty occurrences is in one at 20 / 50."""
    rng = np.random.default_rng(4)
    hits = np.zeros(50)
    for _ in range(2000):
        pool = [occurrence(i, "chat", float(p)) for i, p in enumerate(rng.random(50))]
        first = draw(pool, {"chat": 50}, total=10, most=30)
        before = {(one.key, one.at) for one in first.candidates}
        second = draw(pool, {"chat": 50}, total=10, most=30, before=before)
        assert second.inclusion_probability == {"chat": 10 / 40}
        assert not before & {(one.key, one.at) for one in second.candidates}
        hits[[int(one.key.removeprefix("chat-")) for one in (*first.candidates, *second.candidates)]] += 1
    assert np.abs(hits / 2000 - 0.4).max() < 4 * np.sqrt(0.4 * 0.6 / 2000)


def test_no_draw_goes_beyond_what_is_sure_to_be_held():
    """Twenty of thirty went to the first; a source of which nothing is left makes the draw no sample."""
    rng = np.random.default_rng(5)
    pool = [occurrence(i, "chat", float(p)) for i, p in enumerate(rng.random(100))]
    first = draw(pool, {"chat": 100}, total=20, most=30)
    before = {(one.key, one.at) for one in first.candidates}
    second = draw(pool, {"chat": 100}, total=20, most=30, before=before)
    assert (len(second.candidates), second.uncovered) == (10, False)
    before |= {(one.key, one.at) for one in second.candidates}
    third = draw(pool, {"chat": 100}, total=20, most=30, before=before)
    assert (len(third.candidates), third.uncovered) == (0, True)
    assert explore(third, certain=(), excluded=Excluded()).complete is False


def test_draws_of_two_sources_that_resemble_one_another_add_their_weights():
    """One of 100 mails and one of 10 chats with the same words are one item standing for 110 occurrences."""
    words = "the parcel has not arrived although the page says it was delivered"
    pool = [occurrence(0, "email", 0.01, words), occurrence(0, "chat", 0.02, words)]
    (one,) = explore(
        draw(pool, {"email": 100, "chat": 10}, total=2, most=30), certain=(), excluded=Excluded()
    ).chosen
    assert one.dup_count == 2
    assert one.dup_count / one.inclusion_probability == pytest.approx(110)


def test_a_draw_without_text_and_id_is_counted_out():
    """Nobody could say what the label of such an item belongs to."""
    pool = [replace(occurrence(0, "chat", 0.1), item_id=None), occurrence(1, "chat", 0.2)]
    explored = explore(draw(pool, {"chat": 2}, total=2, most=30), certain=(), excluded=Excluded())
    assert explored.without_text_or_id == 1
    assert [one.candidate.key for one in explored.chosen] == ["chat-1"]
