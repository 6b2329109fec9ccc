"""What a status says of every category, with a baseline and without."""

from dataclasses import asdict

import numpy as np

from monitoring.baseline import Baseline
from monitoring.comparison import Comparison, Scanned
from monitoring.detector_status import category_statuses, not_detectable
from monitoring.scan import ScanResult
from monitoring.windows import single_window

NAMES = ("common", "rare", "no_class_passes")
COUNTS = np.array([850, 120, 30])
BASELINE = Baseline(
    np.array([18_600, 800, 600]), items=20_000, buckets=400, start=0.0, end=4_000.0, kind="frozen"
)
COMPARISON = Comparison(BASELINE, threshold=18.7, tolerance=0.1, tolerance_abs=0.0)


def test_a_category_has_its_shares_its_evidence_and_what_could_be_noticed():
    """The rare class rose, the common one fell, and the third shows no evidence and so no direction."""
    windows = single_window(COUNTS)
    evidence, rises = np.array([2.0, 40.0, 0.0]), np.array([False, True, True])
    result = ScanResult(40.0, 0, evidence, rises, strongest=evidence, strongest_rises=rises)
    common, rare, none = category_statuses(
        NAMES, COUNTS, comparison=COMPARISON, scanned=Scanned(windows, result)
    )
    assert (rare.name, rare.reference, rare.current) == ("rare", 0.04, 0.12)
    assert rare.low < 0.12 < rare.high
    assert [each.direction for each in (common, rare, none)] == ["fall", "rise", None]
    assert [each.evidence for each in (common, rare, none)] == [2.0, 40.0, 0.0]
    assert rare.detectable_items == COMPARISON.detectable_items(1)
    assert common.detectable_items is None  # it cannot double


def test_without_traffic_and_baseline_nothing_is_claimed():
    """No shares, the widest interval, no evidence."""
    found = category_statuses(NAMES, np.zeros(3, np.int64), comparison=None, scanned=None)
    assert {(each.reference, each.current, each.low, each.high) for each in found} == {(None, None, 0.0, 1.0)}
    assert {(each.evidence, each.direction, each.detectable_items) for each in found} == {(0.0, None, None)}


def test_the_classes_that_calm_says_nothing_about_are_named():
    """Too rare for the baseline, or not in it at all; the commonest cannot double, and is no gap."""
    baseline = Baseline(np.array([1_800, 190, 10, 0]), 2_000, 40, 0.0, 400.0, "frozen")
    comparison = Comparison(baseline, threshold=18.7, tolerance=0.1, tolerance_abs=0.0)
    names = ("common", "rare", "ultra", "no_class_passes")
    found = category_statuses(names, baseline.counts, comparison=comparison, scanned=None)
    assert [each.detectable_items is None for each in found] == [True, False, True, True]
    assert not_detectable([asdict(each) for each in found]) == ["ultra", "no_class_passes"]


def test_without_a_baseline_no_class_is_called_undetectable():
    """What is not known yet is empty."""
    found = category_statuses(NAMES, np.zeros(3, np.int64), comparison=None, scanned=None)
    assert not_detectable([asdict(each) for each in found]) == []
