"""Draws are random samples of the traffic with the chances they state, and their weights add up."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from monitoring.recording.reservoir import Candidate
from monitoring.waves.columns import Columns
from monitoring.waves.exploration import Draws, Explored, draw, explore
from monitoring.waves.neardup import Excluded, sign
from monitoring.waves.strata import ALL_TIME, strata_of
from tests.support.occurrences import occurrence


def drawn(
    candidates: Sequence[Candidate],
    counts: Mapping[str, int | Mapping[int, int]],
    *,
    total: int,
    most: int = 30,
    seed: str = "s",
    **before: Any,
) -> Draws:
    """Draw from candidates of traffic that was counted by epoch, or in all."""
    columns = Columns.of(candidates, n_classes=2)
    by_epoch = {source: n if isinstance(n, Mapping) else {ALL_TIME: n} for source, n in counts.items()}
    return draw(columns, strata_of(columns, by_epoch, most=most, **before), total=total, seed=seed)


def numbers(draws: Draws) -> list[int]:
    """Return which occurrences were drawn."""
    return [int(one.candidate.key.partition("-")[2]) for one in draws.each]


def occurrences(draws: Draws) -> set[tuple[str, float]]:
    """Return key and time of what was drawn."""
    return {(one.candidate.key, one.candidate.at) for one in draws.each}


def over_epochs(rng: np.random.Generator, sizes: Sequence[int]) -> tuple[list[Candidate], dict[int, int]]:
    """Return occurrences of consecutive epochs, so many in each, and their counts."""
    epochs = np.repeat(np.arange(len(sizes)), sizes)
    pool = [
        occurrence(i, "chat", float(p), at=600.0 * epochs[i] + 5)
        for i, p in enumerate(rng.random(len(epochs)))
    ]
    return pool, dict(enumerate(sizes))


def test_every_occurrence_has_the_stated_chance():
    """Over 2,000 draws from three epochs each of fifty occurrences is drawn at d / N, within 4.2 s.e."""
    rng = np.random.default_rng(1)
    hits = np.zeros(50)
    for run in range(2_000):
        pool, counts = over_epochs(rng, (7, 30, 13))
        draws = drawn(pool, {"chat": counts}, total=10, seed=str(run))
        assert {one.chance for one in draws.each} == {0.2}
        assert len(draws.each) == 10
        hits[numbers(draws)] += 1
    assert np.abs(hits / 2_000 - 0.2).max() < 4.2 * np.sqrt(0.2 * 0.8 / 2_000)


def test_a_draw_is_no_coarser_than_a_plain_sample():
    """The number drawn of a class that only two of ten epochs have varies no more than hypergeometrically.

    So bounds for a plain sample hold for it: as 24 of 240 occurrences are of the class, 20 draws have two of
    it on average, and a variance of 1.66.
    """
    rng = np.random.default_rng(6)
    found = []
    for run in range(3_000):
        pool, counts = over_epochs(rng, [24] * 10)
        rows = numbers(drawn(pool, {"chat": counts}, total=20, seed=str(run)))
        found.append(sum(24 <= row < 36 or 96 <= row < 108 for row in rows))
    assert np.mean(found) == pytest.approx(2.0, abs=4 * np.sqrt(1.66 / 3_000))
    assert np.var(found) < 1.66 * 1.1


def test_a_sample_needs_only_the_smallest_priorities_of_each_epoch():
    """Thirty of five hundred occurrences an epoch suffice for 300 draws, with the chance counted over all."""
    rng = np.random.default_rng(2)
    everything, counts = over_epochs(rng, [500] * 20)
    by_priority = sorted(everything, key=lambda one: one.priority)
    seen: Counter[float] = Counter()
    held = []
    for one in by_priority:
        seen[one.at] += 1
        held += [one] * (seen[one.at] <= 30)
    draws = drawn(held, {"chat": counts}, total=300)
    assert draws == drawn(everything, {"chat": counts}, total=300)
    assert ({one.chance for one in draws.each}, draws.plain) == ({0.03}, True)
    assert draws.per_source == {"chat": 300}


def test_an_occurrence_that_was_reported_twice_is_drawn_once():
    """A flush may be sent again under another number."""
    pool, counts = over_epochs(np.random.default_rng(3), [40])
    assert drawn(pool * 2, {"chat": counts}, total=20) == drawn(pool, {"chat": counts}, total=20)


def test_a_second_draw_passes_over_the_first():
    """Both together are one sample: over 2,000 pairs each of fifty occurrences is in one at 20 / 50."""
    rng = np.random.default_rng(4)
    hits = np.zeros(50)
    for run in range(2_000):
        pool, counts = over_epochs(rng, (20, 30))
        first = drawn(pool, {"chat": counts}, total=10, seed=f"{run}")
        second = drawn(pool, {"chat": counts}, total=10, seed=f"{run}b", before=occurrences(first))
        assert {one.chance for one in second.each} == {10 / 40}
        assert not occurrences(first) & occurrences(second)
        hits[[*numbers(first), *numbers(second)]] += 1
    assert np.abs(hits / 2_000 - 0.4).max() < 4.2 * np.sqrt(0.4 * 0.6 / 2_000)


def test_what_another_item_stood_for_is_passed_over_too():
    """It has no row of its own, so its random number tells it."""
    pool, counts = over_epochs(np.random.default_rng(5), [40])
    first = drawn(pool, {"chat": counts}, total=5)
    carried = {one.candidate.priority for one in first.each}
    assert not occurrences(first) & occurrences(drawn(pool, {"chat": counts}, total=5, carried=carried))


def test_no_draw_goes_beyond_what_is_sure_to_be_held():
    """Twenty of thirty went to the first; a source of which nothing is left makes the draw no sample."""
    rng = np.random.default_rng(5)
    pool = [occurrence(i, "chat", float(p)) for i, p in enumerate(rng.random(100))]
    before = occurrences(drawn(pool, {"chat": 100}, total=20))
    second = drawn(pool, {"chat": 100}, total=20, before=before)
    assert (len(second.each), second.plain) == (10, True)
    before |= occurrences(second)
    third = drawn(pool, {"chat": 100}, total=20, before=before)
    assert (len(third.each), third.plain, third.beyond) == (0, False, {"chat": [ALL_TIME]})
    assert explore(third, excluded=Excluded()).complete is False


WORDS = "the parcel has not arrived although the page says it was delivered on monday"


def met(draw_of: Candidate, known: Candidate, *, signed: Candidate | None = None) -> Explored:
    """Explore one draw where `known` was labelled before, under the signature of `signed`."""
    signature = sign([signed or known])
    excluded = Excluded(
        frozenset({known.key}), signature, (known.key,), {known.key: known.text} if known.text else {}
    )
    draws = drawn([draw_of, occurrence(9, "chat", 0.2, "something else entirely here")], {"chat": 2}, total=2)
    return explore(draws, excluded=excluded)


@pytest.mark.parametrize(
    ("drawn_text", "drawn_number", "carried"),
    [(WORDS, 0, True), (WORDS, 7, True), (WORDS + " at 10", 7, False), (WORDS + " at 10", 0, False)],
    ids=["sent again", "the same words under another id", "nearly the same", "one id, other words"],
)
def test_a_draw_that_meets_a_known_item_has_its_label(
    drawn_text: str, drawn_number: int, carried: bool
) -> None:
    """The sample stays whole where the content is the same; else the known item only estimates."""
    found = met(occurrence(drawn_number, "chat", 0.1, drawn_text), occurrence(0, "chat", 0.0, WORDS))
    (one,) = found.met
    assert (one.owner, one.carried, found.complete) == ("chat-0", carried, carried)
    assert [one.candidate.key for one in found.chosen] == ["chat-9"]
    assert found.excluded == 1


def test_without_texts_an_item_is_known_by_its_key():
    """As it is to the labeler."""
    known = occurrence(0, "chat", 0.0)
    assert met(occurrence(0, "chat", 0.1), known).complete
    assert met(replace(occurrence(0, "chat", 0.1), text=None), replace(known, text=WORDS)).complete


def test_what_repeats_the_training_rows_leaves_a_sample_of_the_rest():
    """That it does was settled before any draw, so nothing is chosen by leaving it out."""
    seen = Excluded(signatures=sign([occurrence(0, "chat", 0.0, WORDS)]))
    draws = drawn(
        [occurrence(1, "chat", 0.1, WORDS), occurrence(2, "chat", 0.2, "other")], {"chat": 2}, total=2
    )
    found = explore(draws, excluded=seen)
    assert (len(found.chosen), found.excluded, found.met, found.complete) == (1, 1, (), True)


def test_draws_of_two_sources_that_resemble_one_another_add_their_weights():
    """One of 100 mails and one of 10 chats with the same words are one item standing for 110 occurrences."""
    pool = [occurrence(0, "email", 0.01, WORDS), occurrence(0, "chat", 0.02, WORDS)]
    (one,) = explore(drawn(pool, {"email": 100, "chat": 10}, total=2), excluded=Excluded()).chosen
    assert one.dup_count == 2
    assert one.dup_count / one.inclusion_probability == pytest.approx(110)


def test_a_draw_without_text_and_id_is_counted_out():
    """Nobody could say what the label of such an item belongs to."""
    pool = [replace(occurrence(0, "chat", 0.1), item_id=None), occurrence(1, "chat", 0.2)]
    explored = explore(drawn(pool, {"chat": 2}, total=2), excluded=Excluded())
    assert explored.without_text_or_id == 1
    assert [one.candidate.key for one in explored.chosen] == ["chat-1"]
