"""The records of findings: intervals and JSON."""

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.detection.finding import ClassShift, Direction, Finding, share_interval


def shift(name: str, direction: Direction) -> ClassShift:
    """Return a shift of which only name and direction matter."""
    return ClassShift(name, 0.1, 0.2, 0.15, 0.25, direction, 20.0)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 100_000), st.floats(0, 1))
def test_an_interval_holds_the_share_and_stays_within_0_and_1(items: int, fraction: float):
    """Also at no item or all of them, where the naive interval has no width."""
    count = round(fraction * items)
    low, high = share_interval(count, items)
    assert 0.0 <= low <= count / items + 1e-12
    assert count / items - 1e-12 <= high <= 1.0
    assert high > low


def test_intervals_cover_the_true_share_as_often_as_they_say():
    """Of 4,000 samples about 95 % of the intervals hold the truth, for a rare share."""
    counts = np.random.default_rng(6).binomial(800, 0.03, size=4_000)
    covered = np.mean([low <= 0.03 <= high for low, high in (share_interval(int(c), 800) for c in counts)])
    assert 0.93 < covered < 0.975


def test_intervals_of_repeated_items_cover_it_as_well():
    """Items that come four times each are worth a quarter; taken as independent, a third misses."""
    counts = 4 * np.random.default_rng(7).binomial(500, 0.1, size=4_000)
    plain, wide = (
        np.mean(
            [
                low <= 0.1 <= high
                for low, high in (share_interval(int(c), 2_000, inflation=phi) for c in counts)
            ]
        )
        for phi in (1.0, 4.0)
    )
    assert plain < 0.75
    assert 0.93 < wide < 0.975


def test_without_items_a_share_may_be_anything():
    """The interval of no data is everything."""
    assert share_interval(0, 0) == (0.0, 1.0)


def test_a_finding_survives_json():
    """What the store keeps is what the detector said."""
    finding = Finding(12.5, 640, 640, 32, 19.25, 18.7, (shift("a", "rise"), shift("b", "fall")), ("a",))
    assert Finding.from_json(json.loads(json.dumps(finding.to_json()))) == finding


def test_a_finding_of_an_earlier_release_is_read():
    """Alarms stay in the store for years; they were about classes alone."""
    finding = Finding(12.5, 640, 640, 32, 19.25, 18.7, (shift("a", "rise"),), ("a",))
    stored = finding.to_json()
    for name in ("stream", "distance", "left_out"):
        del stored[name]
    for each in stored["classes"]:
        del each["stream"]
    assert Finding.from_json(stored) == finding
