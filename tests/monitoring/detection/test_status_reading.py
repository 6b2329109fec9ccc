"""What a status says of every category and stream, with a baseline and without."""

import numpy as np

from monitoring.detection.detector_config import DetectorConfig
from monitoring.detection.status_reading import Readings
from monitoring.scanning.streams import Layout, Stream, class_stream
from tests.support.comparisons import CATEGORIES, comparison_of, scanned_of

COUNTS = np.array([850, 120, 30])
COMPARISON = comparison_of([18_600, 800, 600])
LAYOUT = COMPARISON.layout


def test_a_category_has_its_shares_its_evidence_and_what_could_be_noticed():
    """The rare class rose, the common one fell, and the third shows no evidence and so no direction."""
    scanned = scanned_of(COMPARISON, COUNTS, evidence=[2.0, 40.0, 0.0], rises=[False, True, True])
    common, rare, none = Readings.of(LAYOUT, COUNTS, comparison=COMPARISON, scanned=scanned).categories()
    assert (rare.name, rare.reference, rare.current) == ("rare", 0.04, 0.12)
    assert rare.low < 0.12 < rare.high
    assert [each.direction for each in (common, rare, none)] == ["fall", "rise", None]
    assert [each.evidence for each in (common, rare, none)] == [2.0, 40.0, 0.0]
    assert rare.detectable_items == COMPARISON.detectable_items(1)
    assert common.detectable_items is None  # it cannot double


def test_without_traffic_and_baseline_nothing_is_claimed():
    """No shares, the widest interval, no evidence."""
    found = Readings.of(LAYOUT, np.zeros(3, np.int64), comparison=None, scanned=None).categories()
    assert {(each.reference, each.current, each.low, each.high) for each in found} == {(None, None, 0.0, 1.0)}
    assert {(each.evidence, each.direction, each.detectable_items) for each in found} == {(0.0, None, None)}


def test_a_stream_has_its_evidence_and_its_columns():
    """The classes are listed elsewhere; what is measured has a column for each cut."""
    streams = (class_stream(CATEGORIES), Stream("scores", "cuts", ("p <= 0.5", "p <= 0.9")))
    row = [18_600, 800, 600, 2_000, 8_000, 10_000]
    comparison = comparison_of(row, streams=streams, items=20_000, config=DetectorConfig())
    window = [850, 120, 30, 300, 400, 300]
    scanned = scanned_of(
        comparison,
        window,
        evidence=[2.0, 4.0, 0.0, 9.0, 0.0],
        rises=[False, True, True, True, False],
        whole=12.0,
    )
    classes, scores = Readings.of(
        comparison.layout, np.array(window), comparison=comparison, scanned=scanned
    ).streams()
    assert (classes.statistic, classes.whole_mix, classes.columns) == (12.0, 12.0, None)
    assert (scores.statistic, scores.whole_mix) == (9.0, None)
    assert scores.columns is not None
    assert [(each.reference, each.current) for each in scores.columns] == [(0.1, 0.3), (0.5, 0.7)]
    assert "detectable_items" not in scores.to_json()["columns"][0]


def test_streams_are_listed_before_there_is_anything_to_compare():
    """A status has the same shape from the first bucket on."""
    layout = Layout((class_stream(CATEGORIES), Stream("scores", "cuts", ("p <= 0.5",))))
    found = Readings.of(layout, np.zeros(5, np.int64), comparison=None, scanned=None).streams()
    assert [(each.name, each.statistic, each.whole_mix) for each in found] == [
        ("classes", 0.0, None),
        ("scores", 0.0, None),
    ]
