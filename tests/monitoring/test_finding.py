"""The records of findings: intervals, who is watched, JSON."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.baseline import Baseline
from monitoring.comparison import Comparison, Scanned
from monitoring.finding import ClassShift, Direction, Finding, describe, share_interval, watched_classes
from monitoring.scan import ScanResult
from monitoring.windows import WindowSet


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


def test_without_items_a_share_may_be_anything():
    """The interval of no data is everything."""
    assert share_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("shifts", "watched"),
    [
        pytest.param([shift("a", "rise"), shift("b", "fall")], ("a",), id="a rise"),
        pytest.param([shift("a", "fall"), shift("b", "fall")], ("a", "b"), id="falls only"),
        pytest.param([shift("no_class_passes", "rise")], ("no_class_passes",), id="novelty"),
    ],
)
def test_watched_are_the_risers_or_else_the_fallers(shifts: list[ClassShift], watched: tuple[str, ...]):
    """Labels of a class that only made room would say nothing new."""
    assert watched_classes(shifts) == watched


def test_named_are_the_strongest_and_those_certain_in_the_window_alone():
    """In a window of 8 buckets certain is from ln 8 - ln .01 = 6.68 nats on."""
    windows = WindowSet(
        lengths=np.array([8]),
        items=np.array([400]),
        counts=np.array([[200, 100, 60, 40]]),
        starts=np.zeros(1),
    )
    evidence, rises = np.array([20.0, 6.6, 6.7, 0.0]), np.array([True, False, False, False])
    result = ScanResult(20.0, 0, evidence, rises, strongest=evidence, strongest_rises=rises)
    usual = Baseline(np.array([100, 150, 100, 50]) * 50, 20_000, 400, start=0.0, end=1.0, kind="frozen")
    comparison = Comparison(usual, threshold=18.7, tolerance=0.1, tolerance_abs=0.0)
    found = describe(Scanned(windows, result), comparison, ("a", "b", "c", "d"))
    assert [(one.name, one.direction) for one in found.classes] == [("a", "rise"), ("c", "fall")]
    assert found.watched == ("a",)


def test_a_finding_survives_json():
    """What the store keeps is what the detector said."""
    finding = Finding(12.5, 640, 640, 32, 19.25, 18.7, (shift("a", "rise"), shift("b", "fall")), ("a",))
    assert Finding.from_json(json.loads(json.dumps(finding.to_json()))) == finding
