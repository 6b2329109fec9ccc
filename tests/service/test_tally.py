"""A tally counts on the request path and is drained once a second."""

import pytest

from service.tally import DURATION_BOUNDS, Durations, Tally


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (DURATION_BOUNDS[0], 0), (0.003, 5), (DURATION_BOUNDS[-1], 14), (60.0, 15)],
)
def test_a_duration_falls_into_the_bucket_of_its_upper_bound(seconds: float, bucket: int) -> None:
    """Bounds are inclusive, as Prometheus has them; the last bucket takes the rest."""
    durations = Durations()
    durations.add(seconds)
    assert durations.counts.index(1) == bucket
    assert durations.total == seconds


def test_draining_takes_the_counts_and_leaves_requests_in_flight() -> None:
    """Nothing is counted twice or lost between two drains."""
    tally = Tally()
    tally.outcomes["ok"] += 2
    tally.items, tally.in_flight, tally.queued = 5, 2, 1
    tally.requests.add(0.1)
    first, second = tally.drain(), tally.drain()
    assert (first.outcomes["ok"], first.items, sum(first.requests.counts)) == (2, 5, 1)
    assert (second.outcomes["ok"], second.items, sum(second.requests.counts)) == (0, 0, 0)
    assert (first.in_flight, first.queued) == (second.in_flight, second.queued) == (2, 1)
