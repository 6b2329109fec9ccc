"""What a status leaves unsaid is named."""

from dataclasses import asdict

import numpy as np

from monitoring.detection.detector_status import not_detectable
from monitoring.detection.status_reading import Readings
from monitoring.scanning.streams import Layout, class_stream
from tests.support.comparisons import CATEGORIES, comparison_of


def test_the_classes_that_calm_says_nothing_about_are_named():
    """Too rare for the baseline, or not in it at all; the commonest cannot double, and is no gap."""
    row = np.array([1_800, 190, 10, 0])
    comparison = comparison_of(row, streams=(class_stream(("common", "rare", "ultra", "no_class_passes")),))
    found = Readings.of(comparison.layout, row, comparison=comparison, scanned=None).categories()
    assert [each.detectable_items is None for each in found] == [True, False, True, True]
    assert not_detectable([asdict(each) for each in found]) == ["ultra", "no_class_passes"]


def test_without_a_baseline_no_class_is_called_undetectable():
    """What is not known yet is empty."""
    found = Readings.of(
        Layout((class_stream(CATEGORIES),)), np.zeros(3, np.int64), comparison=None, scanned=None
    ).categories()
    assert not_detectable([asdict(each) for each in found]) == []
