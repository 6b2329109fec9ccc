"""Picks by score fill their quotas with items that differ, however many near-duplicates lead the lists."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.data.signatures import groups, minhash
from monitoring.recording.reservoir import Candidate
from monitoring.waves.certainty import Plan, pick, pool_of
from monitoring.waves.neardup import Excluded

CLASSES = ("a", "b", "c")
WORDS = (
    "harbour",
    "lantern",
    "meadow",
    "orchard",
    "pebble",
    "quarry",
    "saddle",
    "thicket",
    "velvet",
    "willow",
)


def candidates(n: int, *, n_texts: int, seed: int) -> list[Candidate]:
    """Return n candidates that share so many texts, each text unlike the others."""
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, 14)) for _ in range(n_texts)]
    p = rng.dirichlet([0.6] * 3, n).astype(np.float32)
    return [
        Candidate(
            key=f"k{i}",
            item_id=None,
            source="chat",
            text=texts[int(rng.integers(n_texts))],
            probabilities=p[i],
            label=int(p[i].argmax()),
            decision=0,
            at=float(i),
            priority=0.5,
            kinds=frozenset({"top:a"}),
        )
        for i in range(n)
    ]


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 150),
    n_texts=st.integers(1, 60),
    seed=st.integers(0, 1000),
    quotas=st.dictionaries(st.sampled_from(CLASSES), st.integers(0, 15)),
    uncertain=st.integers(0, 20),
    cap=st.integers(0, 8),
)
def test_picks_differ_and_fill_whatever_can_be_filled(
    n: int, n_texts: int, seed: int, quotas: dict[str, int], uncertain: int, cap: int
):
    """No near-duplicates, no quota exceeded, no place left empty while a new item was to be had."""
    pool = pool_of(candidates(n, n_texts=n_texts, seed=seed), n_classes=3, thresholds=np.full(3, 0.5))
    plan = Plan(quotas=quotas, uncertain=uncertain, explore=0, class_cap=cap)
    certain = pick(pool, plan, classes=CLASSES, excluded=Excluded())
    texts = [one.candidate.text or "" for one in certain.chosen]
    assert len(set(groups(minhash(texts)).tolist())) == len(texts)
    assert all(certain.per_watched[name] <= quota for name, quota in quotas.items())
    distinct = len(set(groups(minhash([one.text or "" for one in pool.candidates])).tolist()))
    assert len(texts) == min(sum(quotas.values()) + uncertain, distinct)
    tops = Counter(
        int(one.candidate.probabilities.argmax()) for one in certain.chosen if one.slice == "uncertain"
    )
    assert all(tops[k] - certain.over_cap.get(name, 0) <= cap for k, name in enumerate(CLASSES))


def test_the_look_goes_as_deep_as_near_duplicates_make_it():
    """Four hundred resends lead the list of the watched class; the twenty items behind them are found."""
    resent = [
        Candidate(
            key=f"r{i}",
            item_id=None,
            source="chat",
            text="the very same words again and again in every single message",
            probabilities=np.array([1, 0, 0], np.float32),
            label=0,
            decision=0,
            at=float(i),
            priority=0.5,
            kinds=frozenset({"top:a"}),
        )
        for i in range(400)
    ]
    others = candidates(600, n_texts=600, seed=1)
    pool = pool_of([*resent, *others], n_classes=3, thresholds=np.full(3, 0.5))
    plan = Plan(quotas={"a": 20}, uncertain=0, explore=0, class_cap=6)
    certain = pick(pool, plan, classes=CLASSES, excluded=Excluded())
    assert certain.per_watched == {"a": 20}
    assert sum(one.candidate.key.startswith("r") for one in certain.chosen) == 1
    assert certain.near_duplicates >= 399


def test_a_short_look_is_enough_without_near_duplicates():
    """Of a thousand candidates a few per place are signed."""
    pool = pool_of(candidates(1000, n_texts=1000, seed=2), n_classes=3, thresholds=np.full(3, 0.5))
    plan = Plan(quotas={"a": 10}, uncertain=10, explore=0, class_cap=10)
    assert pick(pool, plan, classes=CLASSES, excluded=Excluded()).signed < 120
