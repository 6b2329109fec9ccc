"""When a row happened, however it is written."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.logs.moments import NO_TIME, NOT_A_TIME, OUT_OF_RANGE, moments

NOON = 1_714_564_800_000  # 2024-05-01T12:00:00Z in milliseconds


@pytest.mark.parametrize(
    "written",
    [
        "2024-05-01T12:00:00Z",
        "2024-05-01T12:00:00",
        "2024-05-01 14:00:00+02:00",
        "2024-05-01 14:00:00 +0200",
        "2024-05-01 12:00:00 UTC",
        "2024-05-01T12:00:00.000000000Z",
        " 2024-05-01T07:00:00-05:00 ",
        "20240501T120000Z",
        "1714564800 ",
        1_714_564_800,
        1_714_564_800.0,
        "1714564800000",
        1_714_564_800_000_000,
        "1714564800000000000",
    ],
)
def test_one_moment_has_many_spellings(written: object):
    """ISO 8601 with any zone or none, and numbers from seconds to nanoseconds."""
    assert moments([written]).milliseconds.tolist() == [NOON]
    assert moments([written, "no time"]).milliseconds.tolist() == [NOON, 0]


def test_a_day_without_dashes_is_a_date_and_no_number_of_seconds():
    """As seconds it would be in 1970."""
    assert moments(["20240501"]).milliseconds.tolist() == [NOON - 12 * 3_600_000]


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", NO_TIME),
        (None, NO_TIME),
        ("  ", NO_TIME),
        ("yesterday", NOT_A_TIME),
        ("nan", NOT_A_TIME),
        ([1], NOT_A_TIME),
        ("0", OUT_OF_RANGE),
        ("-5", OUT_OF_RANGE),
        ("1970-01-01T00:00:00Z", OUT_OF_RANGE),
        ("2150-01-01", OUT_OF_RANGE),
        (True, OUT_OF_RANGE),
    ],
)
def test_what_is_no_time_has_a_reason(written: object, reason: str):
    """It is refused by its place, and the rows around it are read."""
    found = moments(["2024-05-01T12:00Z", written, 1_714_564_800])
    assert found.refused == {reason: [1]}
    assert found.milliseconds[[0, 2]].tolist() == [NOON, NOON]


def test_times_without_a_zone_are_counted():
    """They are taken as UTC, and whoever reads the result should know."""
    assert moments(["2024-05-01T12:00", "2024-05-01T12:00Z"]).without_zone == 1
    assert moments(["2024-05-01T12:00", "2024-05-01T12:00Z", ""]).without_zone == 1
    assert moments([1_714_564_800]).without_zone == 0


@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime(1991, 1, 1), datetime(2099, 1, 1)),
            st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_zones_may_be_mixed(given_moments: list[tuple[datetime, timezone]]):
    """Whatever the zone each row is written in, the moment is the same."""
    aware = [moment.replace(tzinfo=zone) for moment, zone in given_moments]
    exact = [moment.astimezone(UTC).timestamp() * 1e3 for moment in aware]
    found = moments([moment.isoformat() for moment in aware]).milliseconds
    assert np.abs(found - np.array(exact)).max() <= 0.5 + 1e-3
