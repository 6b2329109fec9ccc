"""Which batches an estimate may rest on."""

from dataclasses import replace

import pytest

from monitoring.waves.batches import Batch
from monitoring.waves.usable import BatchLine, Rules, Unused
from tests.support.drawn import CLASSES, MODEL, One, batch, ones

RULES = Rules(CLASSES, frozenset({MODEL}), past=frozenset({"old"}))
OPEN = One(None, state="open")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (batch("b", ones(1, 9), occurrences=100), None),
        (batch("b", ones(1, 9), occurrences=100, mode="audit"), "other_mode"),
        (batch("b", ones(1, 9), occurrences=100, classes=("billing", "spam")), "other_classes"),
        (batch("b", ones(1, 9), occurrences=100, model="tickets@2"), "other_scores"),
        (batch("old", ones(1, 9), occurrences=100), "before_the_change"),
        (batch("b", [*ones(1, 3), *[OPEN] * 4], occurrences=100), None),
        (batch("b", [*ones(1, 3), *[OPEN] * 5], occurrences=100), "few_labels"),
        (batch("b", [], occurrences=100), "few_labels"),
    ],
    ids=["fine", "audit", "classes", "scores", "past", "half", "less than half", "nothing drawn"],
)
def test_a_batch_is_used_or_says_why_not(given: Batch, why: Unused | None) -> None:
    """What makes two batches one sample: the same way of drawing, classes, scores and traffic."""
    assert RULES.objection(given, (), {}) == why


def test_two_audits_of_the_same_time_are_not_added_up() -> None:
    """Each draws on its own, so both together would count that time twice."""
    rules = Rules(CLASSES, frozenset({MODEL}), mode="audit")
    first, same, later = (
        batch(name, ones(1, 9), occurrences=100, mode="audit", first=first, last=first + 3)
        for name, first in (("a", 0), ("b", 3), ("c", 4))
    )
    assert rules.objection(same, [first], {}) == "overlap"
    assert rules.objection(later, [first], {}) is None


def test_a_batch_says_how_far_its_draw_is_labelled() -> None:
    """Items chosen by score are not counted."""
    given = batch("b", [*ones(1, 2), OPEN, One(None, state="skipped")], occurrences=100, certain=ones(5, 0))
    line = BatchLine.of(given, {})
    assert (line.drawn, line.labelled, line.skipped, line.open) == (5, 3, 1, 1)


def test_batches_that_do_not_say_how_much_there_was_when_are_not_joined() -> None:
    """Those of schema 2 and before: the newer of two of the same time is used."""
    new, old = (batch(name, ones(1, 9), occurrences=100, last=3) for name in "ab")
    epochs = {name: each for name, each in old.manifest["epochs"].items() if name != "items"}  # type: ignore[attr-defined]
    assert RULES.objection(old, [new], {}) is None
    assert RULES.objection(replace(old, manifest={**old.manifest, "epochs": epochs}), [new], {}) == "overlap"
