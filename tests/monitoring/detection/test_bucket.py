"""When there was traffic: what is remembered, and how long nothing came."""

import numpy as np
import pytest

from monitoring.detection.bucket import Bucket, Times, raw_counts
from monitoring.scanning.streams import Stream, class_stream

COUNTS = np.array([[5, 1, 2, 0], [3, 0, 4, 1]])  # accepted, ambiguous, no class passes, abstained
MIX = class_stream(("ham", "spam", "no_class_passes"))


def times(*buckets: tuple[float, bool]) -> Times:
    """Return the times after ten-second buckets, each given by its start and whether it had items."""
    seen = Times()
    for start, has_items in buckets:
        seen.note(Bucket(np.array([int(has_items)]), start, start + 10.0), has_items=has_items)
    return seen


@pytest.mark.parametrize(
    ("buckets", "quiet"),
    [
        pytest.param((), 0.0, id="nothing seen yet"),
        pytest.param(((0.0, True),), 0.0, id="traffic now"),
        pytest.param(((0.0, True), (10.0, False), (20.0, False)), 20.0, id="traffic before"),
        pytest.param(((50.0, False), (60.0, False)), 20.0, id="never any"),
        pytest.param(((100.0, True), (0.0, False)), 0.0, id="a clock set back"),
    ],
)
def test_silence_lasts_since_the_last_item(buckets: tuple[tuple[float, bool], ...], quiet: float):
    """Seconds without an item up to the newest bucket, from the first bucket on if there never was one."""
    seen = times(*buckets)
    assert seen.quiet_seconds == quiet
    assert Times(**seen.to_json()) == seen


def test_a_bucket_holds_the_classes_and_what_was_measured():
    """Meters are found by their streams; one that is missing, or of another length, is left out."""
    streams = (
        MIX,
        Stream("scores", "cuts", ("top probability <= 0.9",)),
        Stream("inputs:age", "cuts", ("age <= 30",)),
        Stream("inputs:length", "cuts", ("characters <= 80",)),
        Stream("inputs:unknown", "cuts", ("unknown <= 0.1",)),
    )
    meters = {
        "score": np.array([10, 6]),
        "feature:age": np.array([9, 7]),
        "length": np.array([1, 2, 3]),
        "mass": np.array([2**20]),
    }
    rows = raw_counts(streams, COUNTS, meters)
    assert {name: row.tolist() for name, row in rows.items()} == {
        "classes": [6, 4, 6],
        "scores": [10, 6],
        "inputs:age": [9, 7],
    }


def test_repeats_are_counted_once_where_somebody_did_and_it_is_asked_for():
    """Without the meter the exact counts are taken."""
    unique = {"unique": np.array([3, 2, 1])}
    assert raw_counts((MIX,), COUNTS, unique)["classes"].tolist() == [6, 4, 6]
    assert raw_counts((MIX,), COUNTS, unique, deduplicate=True)["classes"].tolist() == [3, 2, 1]
    assert raw_counts((MIX,), COUNTS, {}, deduplicate=True)["classes"].tolist() == [6, 4, 6]


def test_labels_come_with_the_items_of_which_no_class_passes():
    """Labels, then no label, then all items; without the meter nothing is known of labels."""
    flags = class_stream(("ham", "spam", "no_class_passes"), kind="flags")
    meters = {"labels": np.array([8, 5, 16]), "unique": np.array([4, 3, 9])}
    assert raw_counts((flags,), COUNTS, meters)["classes"].tolist() == [8, 5, 6, 16]
    assert raw_counts((flags,), COUNTS, meters, deduplicate=True)["classes"].tolist() == [4, 3, 0, 9]
    assert raw_counts((flags,), COUNTS, {}) == {}
