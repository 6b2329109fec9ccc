"""The metrics follow the conventions of Prometheus and of this house."""

from service.metrics import TABLE


def test_the_table_follows_the_conventions() -> None:
    """Names are unique, in base units, and no label could hold an item."""
    assert len({spec.name for spec in TABLE}) == len(TABLE)
    assert {label for spec in TABLE for label in spec.labels} == {
        "outcome", "class", "decision", "name", "version", "calibration", "policy", "status", "stage",
        "process", "kind", "state", "reason", "stream", "bound", "place",
    }  # fmt: skip
    assert all(spec.says.endswith(".") for spec in TABLE)


def test_the_queue_is_summed_over_the_living_workers() -> None:
    """A worker that is gone has no queue, and one worker's queue does not hide another's."""
    assert {spec.mode for spec in TABLE if spec.name in ("queue_items", "in_flight_requests")} == {"livesum"}
