"""Lengths of time, read and written."""

import pytest

from monitoring.durations import in_words, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        ("90s", 90.0),
        ("1.5h", 5_400.0),
        (" 7 d ", 604_800.0),
        ("2w", 1_209_600.0),
        ("10m", 600.0),
    ],
)
def test_a_length_is_a_number_and_a_unit(text: str, seconds: float):
    """A number alone is seconds."""
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0d", "-1h", "d", "1y", "1e3", "9999999d", "1d2h"])
def test_anything_else_is_refused(text: str):
    """With what is meant."""
    with pytest.raises(ValueError, match="such as 90s, 10m, 6h, 7d or 2w"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1.5, "1.5 seconds"),
        (119.0, "119 seconds"),
        (150.0, "2.5 minutes"),
        (3_600.0, "60 minutes"),
        (7 * 86_400.0, "7 days"),
        (100 * 86_400.0, "100 days"),
        (3 * 365.25 * 86_400, "3 years"),
    ],
)
def test_a_length_is_said_in_the_largest_unit_of_which_there_are_two(seconds: float, words: str):
    """With two digits or more."""
    assert in_words(seconds) == words
