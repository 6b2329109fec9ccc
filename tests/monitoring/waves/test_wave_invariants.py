"""What holds of every wave, whatever the candidates and whoever asks."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.data.signatures import groups, minhash
from monitoring.recording.candidate import Candidate
from monitoring.waves.strata import all_time
from monitoring.waves.wave import CLASS_CAP, Wave, select
from tests.support.candidates import CLASSES, SOURCES, candidates

SCORED: Final = ("watched", "novel", "uncertain")
POOLS = st.builds(
    candidates, st.integers(0, 120), n_texts=st.sampled_from([20, 60, 10**12]), seed=st.integers(0, 1000)
)
ASKED = st.fixed_dictionaries(
    {
        "batch_size": st.integers(1, 60),
        "watched": st.lists(st.sampled_from([*CLASSES, "no_class_passes"]), max_size=3),
        "lacking": st.dictionaries(st.sampled_from(CLASSES), st.integers(0, 40)),
        "source_caps": st.dictionaries(st.sampled_from(SOURCES), st.sampled_from([0.0, 0.1, 0.29, 0.5, 1.0])),
        "mode": st.sampled_from(["mixed", "mixed", "audit"]),
    }
)


def wave_of(each: Sequence[Candidate], asked: Mapping[str, Any], *, counts: Mapping[str, int]) -> Wave:
    """Select with nothing labelled."""
    return select(
        each,
        epoch_counts=all_time(counts),
        classes=CLASSES,
        thresholds=np.full(len(CLASSES), 0.5, np.float32),
        seed="alarm-1",
        labelled=None,
        **asked,
    )


def counted(each: Sequence[Candidate]) -> Counter[str]:
    """Return how many occurrences each source has."""
    return Counter(one.source for one in each)


def as_bytes(wave: Wave, *, n_given: int) -> bytes:
    """Return all of a wave as bytes, but for the number of reports, which is `n_given`."""
    manifest: Any = json.loads(json.dumps(wave.manifest))
    assert manifest["candidates"].pop("given") == n_given
    said = json.dumps([manifest, [asdict(item) for item in wave.items]])
    return said.encode() + wave.signatures.tobytes()


@settings(max_examples=80, deadline=None)
@given(each=POOLS, asked=ASKED, data=st.data())
def test_order_and_repeats_change_no_byte(
    each: list[Candidate], asked: dict[str, Any], data: st.DataObject
) -> None:
    """Any permutation, some occurrences reported twice, is the same batch; the manifest counts reports."""
    twice = data.draw(st.lists(st.sampled_from(each), unique_by=id, max_size=20)) if each else []
    again = data.draw(st.permutations(each + twice))
    first, second = (wave_of(one, asked, counts=counted(each)) for one in (each, again))
    assert as_bytes(first, n_given=len(each)) == as_bytes(second, n_given=len(again))


@settings(max_examples=80, deadline=None)
@given(each=POOLS, asked=ASKED)
def test_no_item_twice_and_no_two_that_are_nearly_the_same(
    each: list[Candidate], asked: dict[str, Any]
) -> None:
    """Whatever slices they are of; with the signatures that tell the next wave, and no more than asked."""
    wave = wave_of(each, asked, counts=counted(each))
    texts = [item.text or "" for item in wave.items]
    assert len({item.key for item in wave.items}) == len(wave.items)
    assert len(set(groups(minhash(texts)).tolist())) == len(texts)
    np.testing.assert_array_equal(wave.signatures, minhash(texts))
    if asked["mode"] == "mixed":
        assert len(wave.items) <= max(asked["batch_size"], len(SOURCES))


@settings(max_examples=100, deadline=None)
@given(each=POOLS, asked=ASKED)
def test_caps_hold_but_for_what_the_manifest_says(each: list[Candidate], asked: dict[str, Any]) -> None:
    """By class and by source, to the item; the sample is drawn at random, so no cap can hold it back."""
    wave = wave_of(each, {**asked, "mode": "mixed"}, counts=counted(each))
    manifest: Any = wave.manifest
    caps = manifest["caps"]
    limit = caps["most_probable_class"]["limit"]
    assert limit == round(CLASS_CAP * asked["batch_size"])
    tops = Counter(
        CLASSES[int(np.argmax(item.probabilities))]
        for item in wave.items
        if item.slice in ("novel", "uncertain")
    )
    assert caps["most_probable_class"]["relaxed"] == {
        name: n - limit for name, n in tops.items() if n > limit
    }
    picks = Counter(item.source for item in wave.items if item.slice in SCORED)
    beyond = {}
    for source, share in asked["source_caps"].items():
        most = int(share * asked["batch_size"] + 1e-9)
        drawn = sum(item.source == source for item in wave.items if item.slice == "explore")
        assert caps["sources"]["limits"][source] == most
        beyond[source] = picks[source] + drawn - max(most, drawn)
    assert caps["sources"]["relaxed"] == {source: n for source, n in beyond.items() if n > 0}


@settings(max_examples=80, deadline=None)
@given(each=POOLS, asked=ASKED)
def test_quotas_fill_their_slice_and_no_class_gets_more(each: list[Candidate], asked: dict[str, Any]) -> None:
    """What the classes are asked for adds up to the watched slice, what they got to its items."""
    manifest: Any = wave_of(each, {**asked, "mode": "mixed"}, counts=counted(each)).manifest
    watched, slices = manifest["watched_classes"], manifest["slices"]
    assert sum(one["asked"] for one in watched.values()) == slices["watched"]["asked"]
    assert sum(one["got"] for one in watched.values()) == slices["watched"]["got"]
    assert all(one["got"] <= one["asked"] for one in watched.values())
    chosen = sum(one["asked"] for name, one in slices.items() if name != "explore")
    assert chosen == max(asked["batch_size"] - slices["explore"]["got"], 0)
