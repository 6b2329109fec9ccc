"""How soon a change would be noticed, as a table."""

import numpy as np
import pytest

from monitoring.detection.bucket import Bucket
from monitoring.detection.detector import Detector, DetectorConfig
from monitoring.detection.plan import RATIOS, plan, plan_ahead
from monitoring.scanning.streams import class_stream

NAMES = ("billing", "fraud", "none")
COUNTS = np.array([9_700, 300, 0])


def live(items: int = 50, buckets: int = 400) -> Detector:
    """Return a detector that has seen 3 % of fraud at 5 items a second."""
    detector = Detector(
        (class_stream(NAMES),), DetectorConfig(baseline_items=items * buckets, baseline_seconds=0)
    )
    rng = np.random.default_rng(0)
    for number in range(buckets):
        counts = rng.multinomial(items, [0.97, 0.03, 0.0])
        detector.close(Bucket(counts, number * 10.0, number * 10.0 + 10.0))
    return detector


def test_a_plan_has_a_row_for_each_class_and_factor():
    """Items of the detector's own formula, and seconds at the rate of its baseline."""
    detector = live()
    found = plan(detector)
    assert [(row.name, row.ratio) for row in found.rows] == [
        (name, ratio) for name in NAMES for ratio in RATIOS
    ]
    assert found.items_per_second == 5.0
    fraud = {row.ratio: row for row in found.rows if row.name == "fraud"}
    assert fraud[2.0].items == detector.detectable_items("fraud", 2.0)
    assert fraud[2.0].items is not None
    assert fraud[2.0].seconds == fraud[2.0].items / 5.0
    assert fraud[3.0].items is not None
    assert fraud[3.0].items < fraud[2.0].items
    assert all(row.items is None for row in found.rows if row.name == "none")
    assert not found.assumed


def test_another_rate_changes_times_and_nothing_else():
    """Items are what counts."""
    detector = live()
    slow, usual = plan(detector, items_per_second=0.5), plan(detector)
    assert [row.items for row in slow.rows] == [row.items for row in usual.rows]
    assert [row.seconds for row in slow.rows] == [
        None if row.seconds is None else pytest.approx(10 * row.seconds) for row in usual.rows
    ]


def test_before_the_first_item_there_are_no_rows():
    """The false-alarm setting is known already."""
    found = plan(Detector((class_stream(NAMES),)))
    assert found.rows == ()
    assert found.false_alarms == "at most one false alarm in 90 days on average"


def test_a_plan_ahead_is_near_that_of_the_traffic_it_assumes():
    """Shares of the validation rows, in a baseline of the declared size."""
    config = DetectorConfig(baseline_items=20_000, baseline_seconds=0)
    ahead = plan_ahead(NAMES, COUNTS, config=config, items_per_second=5.0)
    assert ahead.assumed
    assert ahead.baseline_items == pytest.approx(20_000, abs=2)
    for expected, found in zip(plan(live()).rows, ahead.rows, strict=True):
        if expected.items is not None:
            assert found.items == pytest.approx(expected.items, rel=0.15)


def test_without_a_rate_a_plan_ahead_has_no_times():
    """Items it has."""
    found = plan_ahead(NAMES, COUNTS, config=DetectorConfig(), ratios=(2.0,))
    assert found.items_per_second is None
    assert {row.seconds for row in found.rows} == {None}
    assert found.rows[1].items is not None


def test_json_calls_a_category_a_class():
    """As all of the interface does."""
    value = plan_ahead(NAMES, COUNTS, config=DetectorConfig(), ratios=(3.0,)).to_json()
    assert [set(row) for row in value["rows"]] == [{"class", "reference", "ratio", "items", "seconds"}] * 3
