"""One baseline and what can be said against it."""

import math

import numpy as np
import pytest

from monitoring.baseline import Baseline
from monitoring.comparison import Comparison
from monitoring.windows import Windows


def comparison(counts: list[int]) -> Comparison:
    """Return a comparison with a baseline of these counts, 50 items a bucket."""
    items = sum(counts)
    baseline = Baseline(np.array(counts), items, max(items // 50, 1), 0.0, 1.0, "frozen")
    return Comparison(baseline, threshold=18.7, tolerance=0.1, tolerance_abs=0.0)


def test_what_is_detectable_depends_on_share_and_ratio():
    """Commoner classes are found sooner than rarer ones, and larger changes sooner."""
    against = comparison([18_000, 1_600, 400])
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
    assert comparison([27, 2, 1]).least_items == math.inf


def test_the_newest_window_is_the_shortest_that_holds_enough():
    """Current shares come from recent items, and from all of them while there are few."""
    windows = Windows(3)
    for number in range(40):
        windows.add([45, 4, 1], start=float(number))
    scanned = comparison([18_000, 1_600, 400]).scan(windows)
    assert scanned is not None
    counts, buckets = scanned.newest(1_000)
    assert 1_000 <= counts.sum() < 1_500
    assert counts.sum() == 50 * buckets
    assert scanned.newest(10**9)[0].sum() == 2_000


def test_without_windows_there_is_nothing_to_scan():
    """Right after a freeze no traffic has come yet."""
    assert comparison([90, 5, 5]).scan(Windows(3)) is None


def test_evidence_of_counts_alone_has_no_bonus_for_length():
    """Taken as one window, equal shares are no evidence, and four times the share is a lot."""
    against = comparison([18_000, 1_600, 400])
    assert against.evidence(np.array([900, 80, 20])) == 0.0
    assert against.evidence(np.array([840, 80, 80])) == pytest.approx(40.4, abs=0.1)
