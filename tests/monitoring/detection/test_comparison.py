"""One baseline and what can be said against it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from monitoring.detection.comparison import Scope
from monitoring.detection.detector_config import DetectorConfig
from monitoring.scanning.dispersion import estimate
from monitoring.scanning.scan import RELIEF_OF_RISES
from monitoring.scanning.streams import Stream, class_stream
from monitoring.scanning.windows import Windows
from tests.support.comparisons import CATEGORIES, comparison_of, single_window

CLASSES = class_stream(CATEGORIES, share=0.6)
SCORES = Stream("scores", "cuts", ("top probability <= 0.5", "top probability <= 0.9"), share=0.25)
LENGTH = Stream("inputs:length", "cuts", ("characters <= 80",), share=0.15)
THREE = (CLASSES, SCORES, LENGTH)
USUAL = [18_000, 1_600, 400, 2_000, 8_000, 10_000, 15_000, 5_000]


def test_what_is_detectable_depends_on_share_and_ratio():
    """Commoner classes are found sooner than rarer ones, and larger changes sooner."""
    against = comparison_of([18_000, 1_600, 400])
    common, rare = (against.detectable_items(k) for k in (1, 2))
    assert common is not None
    assert rare is not None
    assert common < rare
    assert (against.detectable_items(1, 3.0) or math.inf) < common
    assert against.detectable_items(1, 0.3) is not None
    assert against.detectable_items(0) is None  # 90 % cannot double
    assert against.least_items == common


def test_with_nothing_detectable_no_number_of_items_is_enough():
    """A baseline of thirty items can notice nothing."""
    assert comparison_of([27, 2, 1]).least_items == math.inf


def test_a_rise_takes_less_where_the_baseline_is_independent():
    """Of classes, not of cuts; falls, the whole mix and the threshold are as they were."""
    against = comparison_of(USUAL, streams=THREE, items=20_000)
    rng = np.random.default_rng(0)
    mix, p = (rng.multinomial(50, s, 400) for s in ([0.9, 0.08, 0.02], [0.1, 0.4, 0.5]))
    rows = np.column_stack([mix, p[:, 0], p[:, :2].sum(axis=1), rng.binomial(50, 0.75, 400)])
    dispersion = estimate(rows, np.full((400, 1), 50), against.layout.spans)
    calm = replace(against, baseline=replace(against.baseline, dispersion=dispersion))
    assert calm.baseline.independent
    less = calm.yardstick.log_weights - against.yardstick.log_weights
    assert less[0] == pytest.approx([RELIEF_OF_RISES] * 3 + [0.0] * 3)
    assert less[1] == pytest.approx(np.zeros(6))
    assert calm.threshold == against.threshold
    sooner, later = (each.detectable_items(1) for each in (calm, against))
    assert sooner is not None
    assert later is not None
    assert sooner < later


def test_without_windows_there_is_nothing_to_scan():
    """Right after a freeze no traffic has come yet."""
    assert comparison_of([90, 5, 5]).scan(Windows(3)) is None


def test_all_windows_are_looked_at_where_an_alarm_is_near():
    """A change of an age between two of every second window is found by the one in between."""
    against = comparison_of([18_000, 1_600, 400])
    windows, longest = Windows(3), []
    for number in range(60):
        windows.add(np.array([90, 8, 2] if number < 40 else [80, 8, 12]), start=float(number))
        scanned = against.scan(windows)
        assert scanned is not None
        whole = against._scan(windows.suffixes()).result.statistic
        coarse = against._scan(windows.suffixes(step=2)).result.statistic
        assert scanned.result.statistic == (whole if coarse > against.threshold - 3.0 else coarse)
        longest.append(whole > coarse)
    assert any(longest)


def test_windows_of_an_earlier_release_are_looked_at_one_and_all():
    """They are as far apart as every second one is now."""
    against, windows = comparison_of([18_000, 1_600, 400]), Windows(3, cap=4)
    for number in range(60):
        windows.add(np.array([90, 8, 2]), start=float(number))
    scanned = against.scan(windows)
    assert scanned is not None
    assert len(scanned.windows.lengths) == len(windows.suffixes().lengths)


def test_evidence_of_counts_alone_has_no_bonus_for_length():
    """Taken as one window, equal shares are no evidence, and four times the share is a lot."""
    against = comparison_of([18_000, 1_600, 400])
    assert against.evidence(single_window(np.array([900, 80, 20]))) == 0.0
    assert against.evidence(single_window(np.array([840, 80, 80]))) == pytest.approx(40.5, abs=0.1)


def test_the_budget_is_shared_by_streams_and_within_the_classes():
    """60 : 25 : 15, three tenths of the classes' for the mix as a whole, and everything adds up to 1."""
    yardstick = comparison_of(USUAL, streams=THREE, items=20_000, config=DetectorConfig()).yardstick
    weights = yardstick.weights.sum(axis=0)
    assert weights[:3].sum() == pytest.approx(0.6 * 0.7)
    assert (weights[3:5].sum(), weights[5]) == (pytest.approx(0.25), pytest.approx(0.15))
    (mix,) = yardstick.mixes
    assert (mix.start, mix.stop) == (0, 3)
    assert mix.budget == pytest.approx(0.6 * 0.3)


def test_a_watch_list_moves_the_budget_to_what_it_names():
    """A weight is relative to 1, or to that of all others; names of another model say nothing."""
    config = DetectorConfig(watch={"rare": 2.0, "fraud": 9.0}, whole_mix=0.0)
    weights = comparison_of(USUAL[:3], config=config).yardstick.weights.sum(axis=0)
    assert weights.tolist() == pytest.approx([0.25, 0.5, 0.25])
    only = DetectorConfig(watch={"rare": 1.0, "*": 0.0}, whole_mix=0.0)
    assert comparison_of(USUAL[:3], config=only).yardstick.weights.sum(axis=0).tolist() == [0.0, 1.0, 0.0]
    nobody = DetectorConfig(watch={"*": 0.0}, whole_mix=0.0)
    assert (comparison_of(USUAL[:3], config=nobody).yardstick.weights > 0.0).all()


def test_single_classes_may_have_a_tolerance_of_their_own():
    """All others have the common one."""
    config = DetectorConfig(tolerance=0.1, tolerances={"rare": 0.5}, tolerances_abs={"rare": 0.01})
    yardstick = comparison_of(USUAL[:3], config=config).yardstick
    assert yardstick.tolerance.tolist() == [0.1, 0.5, 0.1]
    assert yardstick.tolerance_abs.tolist() == [0.0, 0.01, 0.0]


def test_a_cut_has_the_tolerance_of_its_smaller_side():
    """Of 5 % below a cut half a hundredth, and a hundredth wherever both sides have more than 10 %."""
    row = [*USUAL[:3], 1_000, 9_000, 10_000, 15_000, 5_000]
    yardstick = comparison_of(row, streams=THREE, items=20_000).yardstick
    assert yardstick.tolerance[3:].tolist() == [0.0, 0.0, 0.0]
    assert yardstick.tolerance_abs[3:].tolist() == pytest.approx([0.005, 0.01, 0.01])


def test_what_is_set_aside_takes_its_items_and_its_budget_along():
    """The others are a mix of their own: shares are those of what is left, and so is the budget."""
    left = comparison_of(USUAL, streams=THREE, items=20_000).scoped(
        Scope(frozenset({"rare"}), frozenset({"scores", "inputs:length"}))
    )
    assert left.share(0) == 18_000 / 18_400
    assert left.shares[0] == 0.9
    weights = left.yardstick.weights.sum(axis=0)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights[1], weights[3:].any()) == (0.0, False)


def test_a_rise_of_the_expected_class_alone_is_no_evidence():
    """The shares of the others fall for no other reason, and that is not held against them."""
    everything = comparison_of([18_000, 1_600, 400])
    moved = single_window(np.array([900, 800, 20]))
    assert everything.evidence(moved) > 100
    assert everything.scoped(Scope(frozenset({"rare"}))).evidence(moved) == 0.0


def test_with_everything_set_aside_nothing_is_tested():
    """One category that is left has no share to move."""
    left = comparison_of([18_000, 1_600, 400]).scoped(Scope(frozenset({"common", "rare"})))
    assert not left.yardstick.weights.any()
    assert left.evidence(single_window(np.array([10, 800, 20]))) == 0.0


def test_a_stream_without_a_reference_is_not_tested():
    """Scores that were not measured while the baseline was collected have nothing to be compared with."""
    against = comparison_of([*USUAL[:3], 0, 0, 0, 0, 0], streams=THREE, items=20_000)
    assert (against.share(3), against.detectable_items(3)) == (None, None)
    assert against.evidence(single_window(np.array([900, 80, 20, 1_000, 0, 0, 0, 1_000]))) == 0.0
