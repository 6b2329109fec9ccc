"""The report about validation data."""

import numpy as np

from monitoring.detection.mismatch import validation_mismatch

CATEGORIES = ("common", "rare", "no_class_passes")


def test_a_mismatch_with_validation_is_said_in_plain_words():
    """A class that validation data are enriched for is named first, with both shares."""
    report = validation_mismatch(CATEGORIES, np.array([9_400, 300, 300]), np.array([700, 270, 30]))
    assert str(report[0]) == (
        "rare is less frequent in live traffic (3.00%) than in the validation data (27.00%)"
    )
    assert str(report[1]).startswith("common is more frequent")
    assert [mismatch.category for mismatch in report] == ["rare", "common"]


def test_equal_mixes_are_no_mismatch_in_99_of_100_comparisons():
    """Of 400 comparisons of equal mixes at most 8 name anything (1 % expected)."""
    rng = np.random.default_rng(4)
    shares = [0.8, 0.15, 0.05]
    named = sum(
        bool(validation_mismatch(CATEGORIES, rng.multinomial(5_000, shares), rng.multinomial(1_000, shares)))
        for _ in range(400)
    )
    assert named <= 8


def test_a_mismatch_within_the_tolerance_is_not_reported():
    """Differences that would be no drift are no news here either."""
    live, validation = np.array([956_000, 44_000]), np.array([96_000, 4_000])
    assert validation_mismatch(("a", "b"), live, validation)
    assert not validation_mismatch(("a", "b"), live, validation, tolerance=0.15)


def test_without_items_there_is_nothing_to_compare():
    """No live items, no report."""
    assert validation_mismatch(CATEGORIES, np.zeros(3, dtype=np.int64), np.array([1, 2, 3])) == ()


def test_a_mix_that_varies_is_not_called_another_one():
    """Counts in which every item arrives four times name a class no more often than independent ones."""
    rng = np.random.default_rng(5)
    shares = [0.8, 0.15, 0.05]
    pairs = [(4 * rng.multinomial(1_250, shares), rng.multinomial(20_000, shares)) for _ in range(200)]
    named = [
        sum(bool(validation_mismatch(CATEGORIES, *pair, inflation=inflation)) for pair in pairs)
        for inflation in (None, [4.0, 4.0, 4.0])
    ]
    assert named[0] > 40
    assert named[1] <= 6
