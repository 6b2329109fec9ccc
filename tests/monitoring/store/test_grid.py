"""Which bucket is due."""

import pytest

from monitoring.store.grid import Stretch, due


@pytest.mark.parametrize(
    ("now", "last", "first", "expected"),
    [
        pytest.param(105, None, None, None, id="no traffic ever"),
        pytest.param(105, None, 101, None, id="first bucket not over"),
        pytest.param(110, None, 101, Stretch(100, 110, 0), id="first bucket over"),
        pytest.param(119, 110, None, None, id="next bucket not over"),
        pytest.param(120, 110, None, Stretch(110, 120, 0), id="empty bucket"),
        pytest.param(155, 110, None, Stretch(140, 150, 3), id="long silence"),
        pytest.param(155, 110, 133, Stretch(130, 140, 2), id="silence, then a flush"),
        pytest.param(155, 110, 152, Stretch(140, 150, 3), id="a flush that is not due yet"),
        pytest.param(155, 110, 110, Stretch(110, 120, 0), id="a flush at the edge is in the later bucket"),
        pytest.param(155, 140, 105, Stretch(140, 150, 0), id="a late flush goes into the next bucket"),
        pytest.param(155, 160, None, None, id="clock a little behind"),
        pytest.param(155, 900, None, Stretch(140, 150, 0), id="clock set back"),
        pytest.param(155, 900, 890, Stretch(140, 150, 0), id="clock set back, a flush of the future"),
    ],
)
def test_the_next_bucket(
    now: float, last: float | None, first: float | None, expected: Stretch | None
) -> None:
    """Buckets of ten seconds."""
    assert due(now, 10.0, last=last, first=first) == expected


def test_fractions_of_a_second_stay_on_the_grid() -> None:
    """Rounding of a bucket's end never makes one due twice or skips one."""
    seconds, last, closed = 0.1, 0.0, 0
    for step in range(1, 2_000):
        stretch = due(step * seconds + 0.05, seconds, last=last, first=None)
        assert stretch is not None
        closed += stretch.empty + 1
        last = stretch.end
    assert closed == 1_999
