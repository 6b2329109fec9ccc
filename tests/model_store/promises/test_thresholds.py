"""Tests of `model_store.promises.thresholds`."""

import json
from pathlib import Path
from typing import Final

import pytest

from model_store.bundles.canonical import canonical_json
from model_store.errors import TargetError
from model_store.promises.thresholds import ClassThreshold, FrontierPoint, Interval, Target

FIXTURE: Final = Path(__file__).parents[1] / "fixtures" / "format_1" / "bundle"


POINT = FrontierPoint("highest_precision", 0.25, Interval(0.5, 0.4), Interval(0.9, 0.6))


@pytest.mark.parametrize(
    "threshold",
    [
        ClassThreshold(
            "a", 0.5, "certified", Target("a", 0.8), {"threshold": 90}, Interval(0.9, 0.8), Interval(1, 0.9)
        ),
        ClassThreshold(
            "a",
            0.125,
            "infeasible",
            Target("a", 0.8, 0.7),
            {},
            Interval(0.9, 0.8),
            Interval(0.2, 0.1),
            (POINT,),
        ),
        ClassThreshold(
            "a",
            0.5,
            "insufficient_data",
            Target("a", 0.8),
            {},
            Interval(None, 0),
            Interval(None, 0),
            n_needed=11,
        ),
        ClassThreshold(
            "a",
            0.5,
            "certified",
            Target("a", 0.8, 0.7, confidence=0.95, priority="abstain", certify=True),
            {"threshold": 90},
            Interval(0.9, 0.8),
            Interval(0.9, 0.7),
            review_from=0.25,
            review_share=Interval(0.1, 0.08, 0.13),
            delta=0.05,
        ),
        ClassThreshold(
            "a",
            0.5,
            "empirical",
            Target("a", 0.8),
            {"threshold": 90},
            Interval(0.9, 0.8),
            Interval(1, 0.9),
            n_groups=31,
        ),
    ],
    ids=["certified", "infeasible", "insufficient", "with reviews", "in groups"],
)
def test_json_round_trip(threshold: ClassThreshold):
    """Every kind of result survives policy.json."""
    again = ClassThreshold.from_json(threshold.to_json())
    assert again == threshold
    assert canonical_json(again.to_json()) == canonical_json(threshold.to_json())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"status": "sure"}, "sure"),
        ({"frontier": [{"goal": "best", "threshold": 1}]}, "best"),
        ({"target": {"recall": 0.8, "precision": None, "priority": "last"}}, "priority 'last'"),
        ({"delta": 0.9}, "delta 0.9"),
    ],
    ids=["status", "goal", "priority", "delta"],
)
def test_a_word_outside_the_vocabulary_is_refused(change: dict[str, object], named: str):
    """A status that this release does not know may promise anything."""
    valid = ClassThreshold(
        "a", 0.5, "empirical", Target("a", 0.8), {}, Interval(1, 1), Interval(1, 1)
    ).to_json()
    with pytest.raises((ValueError, TargetError), match=named):
        ClassThreshold.from_json({**valid, **change})


def test_an_entry_of_format_1_is_read():
    """It knows neither priorities nor reviews; its claim fails as seldom as its policy says."""
    old = {
        "class": "a",
        "threshold": 0.5,
        "status": "certified",
        "target": {"recall": 0.8, "precision": None},
        "n_positive": {"threshold": 90},
        "recall": {"estimate": 0.9, "lower": 0.82},
        "precision": {"estimate": 0.4, "lower": 0.3},
        "frontier": None,
        "n_needed": None,
    }
    read = ClassThreshold.from_json(old, delta=0.05)
    assert read.target == Target("a", recall=0.8)
    assert (read.delta, read.review_from, read.review_share) == (0.05, None, None)
    assert read.recall == Interval(0.9, 0.82, 1.0)
    again = ClassThreshold.from_json(read.to_json())
    assert again == read


def test_every_threshold_of_the_format_1_fixture_is_read():
    """The bundle that an earlier release wrote says the same as it did."""
    entries = json.loads((FIXTURE / "policy.json").read_text())["thresholds"]
    assert entries
    for entry in entries:
        now = ClassThreshold.from_json(entry).to_json()
        assert now["target"].items() >= entry.pop("target").items()
        assert now.items() >= entry.items()
