"""Draws that are items of other batches: what is known of them by now."""

from dataclasses import replace
from typing import Any

import pytest

from monitoring.waves.batches import Batch, BatchItem
from monitoring.waves.carried import carried_of
from tests.support.drawn import One, batch

DRAW = {
    "batch": "old",
    "rank": 1,
    "source": "chat",
    "at": 77.0,
    "chance": 0.02,
    "priority": 0.3,
    "carried": True,
}


def drew(**changed: Any) -> Batch:
    """Return a batch one of whose draws is the first item of the batch `old`."""
    made = batch("new", [One("billing")], occurrences=100)
    return replace(made, manifest={**made.manifest, "draws_taken": [{**DRAW, **changed}]})


def found_in(old: Batch | None, new: Batch) -> list[BatchItem]:
    """Return what is carried into the new batch, where the old one may be gone."""
    return [
        one.item
        for one in carried_of(
            new,
            lambda place: (old, old.items[place[1] - 1]) if old is not None and place[0] == "old" else None,
        )
    ]


def old(one: One, **options: Any) -> Batch:
    """Return an earlier batch of an item chosen by score."""
    return batch("old", [], occurrences=100, certain=[one], **options)


def test_the_label_is_that_of_the_item_and_the_chance_that_of_the_draw() -> None:
    """The item was chosen by score; as a draw it stands for fifty occurrences of its own source."""
    (item,) = found_in(old(One("fraud", key="k")), drew())
    assert (item.key, item.label, item.state, item.stratum) == ("k", "fraud", "labelled", "exploration")
    assert (item.source, item.at, item.dup_count, item.weight) == ("chat", 77.0, 1, pytest.approx(50))


@pytest.mark.parametrize("state", ["open", "skipped"])
def test_it_waits_and_is_skipped_with_the_item(state: Any) -> None:
    """Nobody is asked twice."""
    (item,) = found_in(old(One(None, state=state)), drew())
    assert (item.state, item.label) == (state, None)


@pytest.mark.parametrize(
    "gone", [None, old(One("fraud"), classes=("billing", "spam"))], ids=["deleted", "other classes"]
)
def test_what_will_get_no_label_counts_as_skipped(gone: Batch | None) -> None:
    """So a claim does not rest on a sample that it is missing from."""
    (item,) = found_in(gone, drew())
    assert (item.state, item.label) == ("skipped", None)


def test_other_words_are_not_carried() -> None:
    """Nor is what an earlier version of the manifest says nothing of."""
    assert found_in(old(One("fraud")), drew(carried=False)) == []
    made = drew()
    del made.manifest["draws_taken"][0]["carried"]  # type: ignore[index]
    assert found_in(old(One("fraud")), made) == []
