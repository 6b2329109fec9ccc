"""Which disagreements are kept to be shown."""

from monitoring.shadowing.examples import MOST, MOST_ALIKE, with_newer
from monitoring.shadowing.sample import Asked


def asked(row: int, live: str, candidate: str | None) -> Asked:
    """Return an answered occurrence."""
    return Asked(row / 100, row, (live,), None if candidate is None else (candidate,))


def test_only_disagreements_are_kept_the_newest_in_front() -> None:
    """What both answer alike, or one has not answered, is no example."""
    first = with_newer((), [asked(1, "a", "b"), asked(2, "a", "a"), asked(3, "a", None)])
    second = with_newer(first, [asked(4, "b", "a")])
    assert [each["row"] for each in second] == [4, 1]


def test_no_kind_of_disagreement_fills_the_list() -> None:
    """A few of each kind, and so many in all."""
    alike = with_newer((), [asked(row, "a", "b") for row in range(10)])
    assert len(alike) == MOST_ALIKE
    many = with_newer(alike, [asked(row, "a", f"c{row}") for row in range(50)])
    assert len(many) == MOST
