"""Tests of `monitoring.recording.reader`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from model_store.meters import FIRST, REPEAT
from model_store.policy import Decisions
from model_store.readings import Reading
from monitoring.recording.observed import Observed
from monitoring.recording.reader import Reader


def observed(*texts: str, ids: Sequence[str | None] | None = None) -> Observed:
    """Items of two classes."""
    n = len(texts)
    p = np.tile(np.array([0.25, 0.75], np.float32), (n, 1))
    top = np.ones(n, np.int32)
    decisions = Decisions(p, p > 0.5, top, np.zeros(n, np.int8), top)
    return Observed(texts, ids or [None] * n, ["other"] * n, decisions, 0.0, np.full(n, 0.5))


def reading(name: str, read: Any) -> Reading:
    """Something to read off a text."""
    return Reading(name, f"inputs:{name}", name, missing=False, read=read)


def fails(_texts: Sequence[str]) -> list[float]:
    """Read nothing."""
    raise RuntimeError("cannot read")


def test_items_are_read_with_their_top_probability() -> None:
    """What the meters count."""
    length = reading("length", lambda texts: [len(text) for text in texts])
    batch = Reader([length], deduplicate="id").read(observed("one", "three", ids=["a", "a"]))
    assert batch.scores.tolist() == [0.75, 0.75]
    assert batch.readings["length"].tolist() == [3, 5]
    assert batch.seen().tolist() == [FIRST, REPEAT]


def test_a_reading_that_fails_is_missing_and_the_others_are_not() -> None:
    """Also one that gives something that is no number."""
    odd = reading("odd", list)
    reader = Reader(
        [reading("broken", fails), odd, reading("length", lambda t: [1.0] * len(t))], deduplicate="id"
    )
    assert reader.read(observed("one")).readings.keys() == {"length"}


def test_ids_that_cannot_be_looked_up_leave_origins_open() -> None:
    """The items are counted, the repeats among them are not."""
    reader = Reader([], deduplicate="id")
    assert reader.read(observed("one", ids=[["no id"]])).origins is None  # type: ignore[list-item]
    assert reader.read(observed("one", ids=["a"])).seen().tolist() == [FIRST]


def test_nobody_looks_for_repeats_where_that_is_off() -> None:
    """And a new epoch forgets those of the last."""
    assert Reader([], deduplicate="off").read(observed("one", ids=["a"])).origins is None
    reader = Reader([], deduplicate="content")
    assert reader.read(observed("one", "one")).seen().tolist() == [FIRST, REPEAT]
    reader.begin_epoch()
    assert reader.read(observed("one")).seen().tolist() == [FIRST]
