"""Picks by score fill their quotas with items that differ, however many near-duplicates lead the lists."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.data.signatures import groups, minhash
from monitoring.recording.candidate import Candidate
from monitoring.waves.certainty import Certain, Plan, deepest_look, pick
from monitoring.waves.columns import Columns
from monitoring.waves.neardup import Excluded
from monitoring.waves.pool import Pool, pool_of
from tests.support.candidates import CLASSES, SOURCES, candidate, candidates, text_of

OPEN: Mapping[str, int] = {}
CAPS = st.dictionaries(st.sampled_from(SOURCES), st.integers(0, 12))


def pool(each: list[Candidate]) -> Pool:
    """Return a pool of candidates for the classes of these tests."""
    return pool_of(Columns.of(each, n_classes=len(CLASSES)), thresholds=np.full(3, 0.5))


def plan(
    quotas: Mapping[str, int] = OPEN,
    *,
    uncertain: int = 0,
    novel: int = 0,
    class_cap: int = 100,
    source_caps: Mapping[str, int] = OPEN,
    deepest: int = 32,
) -> Plan:
    """Return a plan that draws nothing."""
    return Plan(
        quotas=quotas,
        novel=novel,
        uncertain=uncertain,
        explore=0,
        class_cap=class_cap,
        source_caps=source_caps,
        deepest=deepest,
    )


def picked(
    each: list[Candidate],
    asked: Plan,
    *,
    excluded: Excluded | None = None,
    drawn: Mapping[str, int] = OPEN,
) -> Certain:
    """Pick; nothing is labelled, so nothing is novel."""
    return pick(
        pool(each),
        asked,
        classes=CLASSES,
        excluded=excluded or Excluded(),
        labelled=None,
        drawn_sources=drawn,
    )


def n_distinct(texts: list[str]) -> int:
    """Return how many are left of texts when near-duplicates count once."""
    return len(set(groups(minhash(texts)).tolist()))


@settings(max_examples=80, deadline=None)
@given(
    n=st.integers(0, 150),
    n_texts=st.integers(1, 60),
    seed=st.integers(0, 1000),
    quotas=st.dictionaries(st.sampled_from(CLASSES), st.integers(0, 15)),
    uncertain=st.integers(0, 20),
    novel=st.integers(0, 5),
    class_cap=st.integers(0, 8),
    source_caps=CAPS,
    drawn=CAPS,
)
def test_picks_differ_and_fill_whatever_can_be_filled(
    n: int,
    n_texts: int,
    seed: int,
    quotas: dict[str, int],
    uncertain: int,
    novel: int,
    class_cap: int,
    source_caps: dict[str, int],
    drawn: dict[str, int],
) -> None:
    """No near-duplicates, no quota exceeded, no place empty while an item was to be had, caps counted."""
    each = candidates(n, n_texts=n_texts, seed=seed)
    asked = plan(quotas, uncertain=uncertain, novel=novel, class_cap=class_cap, source_caps=source_caps)
    certain = picked(each, asked, drawn=drawn)
    texts = [one.candidate.text or "" for one in certain.chosen]
    scored = [one.text or "" for one in each if "top:a" in one.kinds]
    assert n_distinct(texts) == len(texts)
    wanted = sum(quotas.values()) + uncertain + novel
    assert min(wanted, n_distinct(scored)) <= len(texts) <= wanted
    assert quotas or len(texts) == min(wanted, n_distinct(scored))
    watched = sum(one.slice == "watched" for one in certain.chosen)
    assert watched == sum(certain.per_watched.values())
    assert all(certain.per_watched[name] <= quota for name, quota in quotas.items())
    tops = Counter(one.candidate.label for one in certain.chosen if one.slice != "watched")
    assert certain.over_class_cap == {
        name: tops[k] - class_cap for k, name in enumerate(CLASSES) if tops[k] > class_cap
    }
    sources = Counter(one.candidate.source for one in certain.chosen)
    beyond = {
        name: sources[name] + drawn.get(name, 0) - max(cap, drawn.get(name, 0))
        for name, cap in source_caps.items()
    }
    assert certain.over_source_cap == {name: n for name, n in beyond.items() if n > 0}


@pytest.mark.parametrize(
    "asked",
    [
        plan({"a": 1}, deepest=deepest_look(1, 1)),
        plan({"a": 2, "b": 1}, deepest=deepest_look(3, 3)),
        plan(uncertain=2, deepest=deepest_look(2, 2)),
        plan(novel=1, deepest=deepest_look(1, 1)),
    ],
    ids=["a class", "classes", "uncertain", "novel"],
)
def test_a_few_items_are_found_behind_many_that_are_taken(asked: Plan) -> None:
    """However far down the lists: the look ends with them, not with what other batches took."""
    each = candidates(1_200, n_texts=10**12, seed=0)
    scored = [one for one in each if "top:a" in one.kinds]
    free = {one.key for one in sorted(scored, key=lambda one: float(one.probabilities[:2].max()))[:3]}
    taken = Excluded(frozenset(one.key for one in each if one.key not in free))
    chosen = {one.candidate.key for one in picked(each, asked, excluded=taken).chosen}
    assert (len(chosen), chosen <= free) == (asked.certain, True)
    assert not picked(each, replace(asked, deepest=32), excluded=taken).chosen


def test_a_deeper_look_costs_no_item() -> None:
    """What is far down a list may be like two that were found, and makes one item of them: they stay two."""
    words = [word for number in range(20) for word in text_of(number).split()]
    between = [f"{word}x" if at < 80 else word for at, word in enumerate(words[:200])]
    other = [f"{word}x" if at >= 120 else word for at, word in enumerate(between)]
    texts = [" ".join(each) for each in (words[:200], other, between)]
    assert [len(set(groups(minhash(each)).tolist())) for each in (texts, texts[:2])] == [1, 2]
    first, second, last = (
        candidate(f"chain {at}", [p, 0.05, 0.95 - p], text=text)
        for at, (p, text) in enumerate(zip((0.9, 0.89, 0.1), texts, strict=True))
    )
    others = [candidate(f"taken {at}", [0.5, 0.2, 0.3], text=text_of(at)) for at in range(200)]
    taken = Excluded(frozenset(one.key for one in others))
    found = picked([first, second, *others, last], plan({"a": 3}, deepest=4096), excluded=taken)
    assert [one.candidate.key for one in found.chosen] == [first.key, second.key]


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(0, 100),
    n_texts=st.integers(1, 60),
    seed=st.integers(0, 1000),
    source_caps=CAPS,
    data=st.data(),
)
def test_order_and_repeats_change_no_pick(
    n: int, n_texts: int, seed: int, source_caps: dict[str, int], data: st.DataObject
) -> None:
    """Any permutation, with some occurrences reported twice, has the same picks in the same order."""
    each = candidates(n, n_texts=n_texts, seed=seed)
    twice = data.draw(st.lists(st.sampled_from(each), unique_by=id, max_size=10)) if each else []
    asked = plan({"b": 6, "a": 4}, uncertain=12, class_cap=5, source_caps=source_caps)
    first, second = picked(each, asked), picked(data.draw(st.permutations(each + twice)), asked)
    assert [(one.candidate, one.slice, one.dup_count) for one in first.chosen] == [
        (one.candidate, one.slice, one.dup_count) for one in second.chosen
    ]
    assert first.per_watched == second.per_watched
    assert (first.over_class_cap, first.over_source_cap) == (second.over_class_cap, second.over_source_cap)
    assert (first.near_duplicates, first.signed) == (second.near_duplicates, second.signed)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), class_cap=st.integers(0, 20), source_cap=st.integers(0, 30))
def test_no_cap_is_passed_while_a_slot_within_it_is_left(seed: int, class_cap: int, source_cap: int) -> None:
    """Beyond a class's cap only when all within are taken; beyond a source's when no other source has any."""
    each = candidates(90, n_texts=10**12, seed=seed)  # sixty of them scored
    asked = plan(uncertain=30, class_cap=class_cap, source_caps={"chat": source_cap})
    certain = picked(each, asked)
    chosen = {one.candidate.key for one in certain.chosen}
    left = [one for one in each if "top:a" in one.kinds and one.key not in chosen]
    tops = Counter(one.candidate.label for one in certain.chosen)
    assert len(chosen) == 30
    if certain.over_source_cap:
        assert {one.source for one in left} <= {"chat"}
    if certain.over_class_cap and not certain.over_source_cap:
        chat = sum(one.candidate.source == "chat" for one in certain.chosen)
        within = [one for one in left if tops[one.label] < class_cap]
        assert all(one.source == "chat" and chat == source_cap for one in within)


def test_a_watched_class_gets_its_most_probable_items_of_any_class_cap() -> None:
    """The class cap is about items that are uncertain or novel."""
    each = candidates(300, n_texts=10**12, seed=5)
    certain = picked(each, plan({"c": 20}, class_cap=3))
    scored = sorted(
        (one for one in each if "top:a" in one.kinds), key=lambda one: -float(one.probabilities[2])
    )
    assert [one.candidate.key for one in certain.chosen] == [one.key for one in scored[:20]]
    assert certain.over_class_cap == {}


def test_a_source_that_is_full_leaves_a_watched_class_to_others() -> None:
    """The likeliest of a class all come by chat, which may give three: the others are the next ones."""
    each = [
        candidate(f"k{i}", (0.9 - i / 100, 0.05, 0.05), source="chat" if i < 20 else "mail", text=text_of(i))
        for i in range(40)
    ]
    certain = picked(each, plan({"a": 10}, source_caps={"chat": 3}))
    assert [one.candidate.key for one in certain.chosen] == [f"k{i}" for i in (0, 1, 2, *range(20, 27))]
    drawn = picked(each, plan({"a": 10}, source_caps={"chat": 3}), drawn={"chat": 2})
    assert Counter(one.candidate.source for one in drawn.chosen) == {"chat": 1, "mail": 9}


def test_with_a_class_to_watch_uncertain_items_are_sought_among_the_draws() -> None:
    """Of twice as many as wanted with the smallest priorities the most uncertain; else of all there are."""
    each = [
        candidate(
            f"k{i}",
            (0.5 + i / 200, 0.49 - i / 200, 0.01),
            text=text_of(i),
            priority=1 - i / 60,
            kinds=frozenset({"top:a", "random:chat"}),
        )
        for i in range(60)
    ]
    watching = picked(each, plan({"c": 2}, uncertain=5)).chosen
    uncertain = [one.candidate.key for one in watching if one.slice == "uncertain"]
    assert uncertain == [f"k{i}" for i in range(50, 55)]
    alone = picked(each, plan(uncertain=5)).chosen
    assert [one.candidate.key for one in alone] == [f"k{i}" for i in range(5)]


def test_what_is_sought_around_resembles_hardly_anything_taken() -> None:
    """A draw that says half of what is labelled makes room for the next; what is chosen by score does not."""
    each = [
        candidate(
            f"k{i}",
            (0.5 + i / 200, 0.49 - i / 200, 0.01),
            text=text_of(i),
            priority=i / 60,
            kinds=frozenset({"top:a", "random:chat"}),
        )
        for i in range(20)
    ]
    likely = candidate("c", (0.1, 0.1, 0.8), text=text_of(99), kinds=frozenset({"top:c"}))
    words = text_of(0).split()
    for n in range(len(words)):
        known = minhash([" ".join([*words[n:], *text_of(10**6 + n).split()])])
        if 33 <= int((known == minhash([text_of(0)])).sum()) < 37:
            break
    else:
        pytest.fail("no text resembles the first one by half")
    for quotas, first in (({"c": 1}, "k1"), (OPEN, "k0")):
        found = picked([*each, likely], plan(quotas, uncertain=3), excluded=Excluded(signatures=known)).chosen
        uncertain = [one.candidate.key for one in found if one.slice == "uncertain"]
        assert uncertain[0] == first


@pytest.mark.parametrize("by", ["key", "text"])
def test_what_is_known_is_not_picked_again(by: str) -> None:
    """Neither an item with a taken key nor one that says nearly the same as a taken one."""
    each = candidates(30, n_texts=10**12, seed=6)
    best = max((one for one in each if "top:a" in one.kinds), key=lambda one: float(one.probabilities[0]))
    known = (
        Excluded(keys={best.key}) if by == "key" else Excluded(signatures=minhash([f"{best.text} please"]))
    )
    certain = picked(each, plan({"a": 5}, uncertain=50), excluded=known)
    assert best.key not in {one.candidate.key for one in certain.chosen}
    assert (len(certain.chosen), certain.excluded) == (29, 1)


def test_the_look_goes_as_deep_as_near_duplicates_make_it() -> None:
    """Four hundred resends lead the list of the watched class; the twenty items behind them are found."""
    resent = [candidate(f"r{i}", (1, 0, 0), text=text_of(77_777), at=float(i)) for i in range(400)]
    certain = picked([*resent, *candidates(900, n_texts=10**12, seed=1)], plan({"a": 20}))
    assert certain.per_watched == {"a": 20}
    assert sum(one.candidate.key.startswith("r") for one in certain.chosen) == 1
    assert certain.near_duplicates >= 399


def test_a_short_look_is_enough_without_near_duplicates() -> None:
    """Of a thousand candidates a few per place are signed."""
    each = candidates(1_500, n_texts=10**12, seed=2)
    assert picked(each, plan({"a": 10}, uncertain=10)).signed < 120
