"""What is set aside while a change is expected."""

from monitoring.detection.comparison import Scope
from monitoring.detection.expectation import Expectation, expected_scope
from monitoring.scanning.streams import Stream, class_stream

STREAMS = (class_stream(("a", "b", "c")), Stream("scores", "cuts", ("p <= 0.5",)))


def test_expected_classes_and_all_measured_quantities_are_set_aside():
    """A class that changes changes the scores too, so those say nothing meanwhile."""
    expected = [Expectation(name, 0.0, 9.0, "ana", "a campaign") for name in ("a", "b")]
    assert expected_scope(expected, STREAMS) == Scope(frozenset({"a", "b"}), frozenset({"scores"}))
    assert expected_scope([], STREAMS) == Scope()


def test_an_expectation_survives_json():
    """A watcher that starts anew still knows what was announced."""
    expected = Expectation("a", 0.0, 9.0, "ana", "a campaign")
    assert Expectation(**expected.to_json()) == expected
