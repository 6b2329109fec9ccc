"""How far a mix is from the baseline's."""

import numpy as np
import pytest

from monitoring.detection.distance import net_distance
from monitoring.scanning.streams import Stream, class_stream
from tests.support.comparisons import CATEGORIES, comparison_of, scanned_of

CUTS = Stream("scores", "cuts", ("p <= 0.5", "p <= 0.9"))


def distance(reference: list[int], window: list[int], *streams: Stream, of: str = "classes") -> float:
    """Return the distance of a window from a reference in one stream."""
    comparison = comparison_of(reference, streams=streams or None, items=sum(reference[:3]))
    columns = comparison.layout.n_columns
    scanned = scanned_of(comparison, window, evidence=np.zeros(columns), rises=np.zeros(columns))
    return net_distance(scanned, comparison, of)


def test_it_is_the_part_of_items_that_would_have_to_change_their_category():
    """Ten of a hundred, to within what chance makes of a million items."""
    assert distance([800_000, 150_000, 50_000], [700_000, 250_000, 50_000]) == pytest.approx(0.1, abs=0.001)


def test_it_is_about_nothing_where_nothing_changed():
    """The mean over 400 pairs of equal mixes is near 0, although each raw distance is some 2 %."""
    rng, shares = np.random.default_rng(3), [0.8, 0.15, 0.05]
    found = [
        distance(rng.multinomial(20_000, shares).tolist(), rng.multinomial(500, shares).tolist())
        for _ in range(400)
    ]
    assert 0.0 <= np.mean(found) < 0.006


def test_scores_are_compared_bin_by_bin():
    """A fifth of the items moved from the highest bin to the lowest."""
    streams = (class_stream(CATEGORIES), CUTS)
    far = distance(
        [8_000, 1_500, 500, 2_000, 3_000, 5_000],
        [800_000, 150_000, 50_000, 400_000, 300_000, 300_000],
        *streams,
        of="scores",
    )
    assert far == pytest.approx(0.2, abs=0.015)


def test_of_labels_the_one_that_moved_most_counts():
    """Labels are no parts of one whole."""
    flags = class_stream(("x", "y"), kind="flags")
    assert distance([2_000, 9_000, 10_000], [300_000, 900_000, 1_000_000], flags) == pytest.approx(
        0.1, abs=0.01
    )


def test_without_items_there_is_no_distance():
    """A stream that the window does not hold is nowhere."""
    streams = (class_stream(CATEGORIES), CUTS)
    assert distance([800, 150, 50, 1, 1, 1], [8, 1, 1, 0, 0, 0], *streams, of="scores") == 0.0
