"""When there was traffic: what is remembered, and how long nothing came."""

import numpy as np
import pytest

from monitoring.bucket import Bucket, Times


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
