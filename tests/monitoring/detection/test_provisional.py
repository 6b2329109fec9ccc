"""Before a baseline is frozen."""

import json
import re

import numpy as np
import pytest

from monitoring.detection.detector_config import DetectorConfig
from monitoring.detection.provisional import Provisional
from monitoring.scanning.streams import Layout, class_stream

LAYOUT = Layout((class_stream(("a", "b")),))
CONFIG = DetectorConfig(baseline_items=1_000, baseline_seconds=100.0)
ROW = np.array([45, 5])


def no_detector(_snapshot: object) -> None:
    """There is no shadow in these."""
    raise AssertionError("no shadow was stored")


def test_the_baseline_is_handed_out_once_there_are_items_and_time_enough():
    """Measured, but not frozen: by whom and why is the detector's to say."""
    provisional = Provisional(LAYOUT, CONFIG)
    handed_out = [provisional.take(ROW, start=10.0 * k, end=10.0 * k + 10.0) for k in range(20)]
    assert [each is not None for each in handed_out] == [False] * 19 + [True]
    baseline = handed_out[-1]
    assert baseline is not None
    assert (baseline.items, baseline.kind) == (1_000, "provisional")
    assert baseline.dispersion is not None
    assert provisional.rule == "1000 items and 100 seconds of traffic were reached"


def test_a_short_baseline_says_how_late_it_would_notice_a_class():
    """Of the classes that it would notice at all, the one that takes longest."""
    provisional = Provisional(LAYOUT, CONFIG)
    for k in range(40):
        provisional.take(ROW, start=10.0 * k, end=10.0 * k + 10.0)
    baseline = provisional.candidate()
    assert baseline is not None
    assert re.search(r"not guaranteed, b at twice its share would need about \d+ items;", baseline.reading)


def test_nothing_collected_is_no_candidate():
    """And nothing to wait for."""
    provisional = Provisional(LAYOUT, CONFIG)
    assert (provisional.candidate(), provisional.baseline, provisional.waiting) == (None, None, "")


@pytest.mark.parametrize("buckets", [0, 7])
def test_a_snapshot_changes_nothing(buckets: int):
    """What was collected, and in which order, is kept."""
    one, other = Provisional(LAYOUT, CONFIG), Provisional(LAYOUT, CONFIG)
    for k in range(buckets):
        one.take(ROW, start=10.0 * k, end=10.0 * k + 10.0)
    other.restore(json.loads(json.dumps(one.to_json())), detector=no_detector)  # type: ignore[arg-type]
    for each in (one, other):
        each.take(ROW, start=500.0, end=510.0)
    assert one.to_json() == other.to_json()
