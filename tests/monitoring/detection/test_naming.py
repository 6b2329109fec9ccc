"""Whom an alarm names, and whose items are worth labelling."""

from dataclasses import replace

import numpy as np
import pytest

from monitoring.detection.comparison import Comparison, Scope
from monitoring.detection.detector_config import DetectorConfig
from monitoring.detection.finding import ClassShift, Direction
from monitoring.detection.naming import describe, watched_classes
from monitoring.scanning.chain import Chain
from monitoring.scanning.dispersion import Dispersion
from monitoring.scanning.streams import Stream, class_stream
from tests.support.comparisons import CATEGORIES, comparison_of, scanned_of

SCORES = Stream("scores", "cuts", ("p <= 0.5", "p <= 0.9"))


def shift(name: str, direction: Direction, stream: str = "classes") -> ClassShift:
    """Return a shift of which only name, direction and stream matter."""
    return ClassShift(name, 0.1, 0.2, 0.15, 0.25, direction, 20.0, stream)


@pytest.mark.parametrize(
    ("shifts", "watched"),
    [
        pytest.param([shift("a", "rise"), shift("b", "fall")], ("a",), id="a rise"),
        pytest.param([shift("a", "fall"), shift("b", "fall")], ("a", "b"), id="falls only"),
        pytest.param([shift("no_class_passes", "rise")], ("no_class_passes",), id="novelty"),
        pytest.param([shift("p <= 0.5", "rise", "scores")], (), id="scores are no class"),
    ],
)
def test_watched_are_the_risers_or_else_the_fallers(shifts: list[ClassShift], watched: tuple[str, ...]):
    """Labels of a class that only made room would say nothing new."""
    assert watched_classes(shifts) == watched


def test_named_are_the_strongest_and_those_certain_in_the_window_alone():
    """In a window of 8 buckets certain is from ln 8 - ln .01 = 6.68 nats on."""
    comparison = comparison_of(np.array([100, 150, 100, 50]) * 50)
    scanned = scanned_of(
        comparison,
        [200, 100, 60, 40],
        evidence=[20.0, 6.6, 6.7, 0.0],
        rises=[True, False, False, False],
        buckets=8,
    )
    found = describe(scanned, comparison)
    assert [(one.name, one.direction) for one in found.classes] == [("class 0", "rise"), ("class 2", "fall")]
    assert found.watched == ("class 0",)
    assert (found.stream, found.window_items, found.window_buckets) == ("classes", 400, 8)


def test_intervals_and_distance_allow_for_how_traffic_varies():
    """Where counts vary four times as much the interval is twice as wide and less of the distance real."""
    plain, dispersed = comparison_of(np.array([100, 150, 100, 50]) * 50), fourfold([100, 150, 100, 50])
    found = []
    for comparison in (plain, dispersed):
        scanned = scanned_of(
            comparison, [200, 100, 60, 40], evidence=[20.0, 0, 0, 0], rises=[True] + 3 * [False]
        )
        found.append(describe(scanned, comparison))
    narrow, wide = (each.classes[0].high - each.classes[0].low for each in found)
    assert wide / narrow == pytest.approx(2.0, abs=0.05)
    assert 0.0 < found[1].distance < found[0].distance


def fourfold(counts: list[int]) -> Comparison:
    """Return a comparison with a baseline of so many items times 50 whose counts vary four times as much."""
    comparison = comparison_of(np.array(counts) * 50)
    n = len(counts)
    chain = Chain(np.full((1, n), 4.0), np.full((1, n), np.inf), np.array([np.inf]))
    dispersion = Dispersion(comparison.layout.spans, (chain,), rows=400, unit=1, reference_factor=np.ones(n))
    return replace(comparison, baseline=replace(comparison.baseline, dispersion=dispersion))


def test_one_cut_speaks_for_a_measured_quantity():
    """Cuts move together; the one with the strongest evidence is named, and no class is to be labelled."""
    comparison = comparison_of(
        [18_600, 800, 600, 2_000, 8_000, 10_000], streams=(class_stream(CATEGORIES), SCORES), items=20_000
    )
    scanned = scanned_of(
        comparison,
        [930, 40, 30, 300, 400, 300],
        evidence=[0.0, 0.0, 0.0, 40.0, 35.0],
        rises=[False, False, False, True, True],
    )
    found = describe(scanned, comparison)
    assert [(one.name, one.stream) for one in found.classes] == [("p <= 0.5", "scores")]
    assert (found.classes[0].reference, found.classes[0].current) == (0.1, 0.3)
    assert (found.stream, found.watched) == ("scores", ())


@pytest.mark.parametrize(
    ("evidence", "stream"),
    [pytest.param(30.0, "classes", id="enough"), pytest.param(12.0, "scores", id="too little")],
)
def test_an_alarm_is_about_the_classes_where_they_suffice_for_it(evidence: float, stream: str):
    """Another mix of classes has other scores, and those may show it more clearly."""
    comparison = comparison_of(
        [18_600, 800, 600, 2_000, 8_000, 10_000], streams=(class_stream(CATEGORIES), SCORES), items=20_000
    )
    scanned = scanned_of(
        comparison,
        [830, 140, 30, 300, 400, 300],
        evidence=[0.0, evidence, 0.0, 40.0, 35.0],
        rises=[False, True, False, True, True],
    )
    found = describe(scanned, comparison)
    assert (found.stream, found.watched) == (stream, ("rare",))
    assert found.classes[0].stream == "scores"


def test_a_mix_that_moved_as_a_whole_names_only_who_moved():
    """Where every category stayed within its tolerance nobody is named."""
    comparison = comparison_of([18_600, 800, 600], config=DetectorConfig(whole_mix=0.3))
    scanned = scanned_of(comparison, [930, 40, 30], evidence=np.zeros(3), rises=[False] * 3, whole=30.0)
    found = describe(scanned, comparison)
    assert (found.stream, found.classes, found.watched) == ("classes", (), ())


def test_what_was_set_aside_is_said():
    """Shares are then those of the other items."""
    comparison = comparison_of([18_600, 800, 600]).scoped(Scope(frozenset({"common"})))
    assert describe(
        scanned_of(comparison, [930, 40, 130], evidence=[0.0, 0.0, 30.0], rises=[False, False, True]),
        comparison,
    ).left_out == ("common",)
