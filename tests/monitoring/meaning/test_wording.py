"""Shares, moments and names, as people read them."""

import pytest

from monitoring.meaning.wording import LONGEST_NAME, interval, moment, number_of, printable, share


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "0 %"), (1.0, "100.0 %"), (0.0293, "2.9 %"), (0.00123, "0.12 %"), (1e-6, "0.00010 %")],
)
def test_a_share_has_two_digits_that_say_something(value: float, words: str):
    """Small ones are not rounded to nothing."""
    assert share(value) == words


def test_an_interval_says_percent_once_for_both():
    """Where it stands, a share with its sign stands before it."""
    assert interval(0.0, 0.00042) == "0-0.042"


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("batch",), "0 batches"),
        (1, ("batch",), "1 batch"),
        (1, ("item is", "items are"), "1 item is"),
        (2, ("item is", "items are"), "2 items are"),
        (3, ("other class",), "3 other classes"),
        (1_000, ("row",), "1,000 rows"),
    ],
)
def test_one_thing_is_no_plural(number: int, words: tuple[str, ...], said: str):
    """Whichever ending the plural has."""
    assert number_of(number, *words) == said


def test_a_moment_is_in_utc():
    """Whatever the zone of the machine."""
    assert moment(1_714_564_800.0) == "2024-05-01 12:00"


def test_a_name_stays_on_its_line():
    """Escapes are spelled out, and a long one is cut."""
    assert printable("a\nb\x1b") == "a\\nb\\x1b"
    assert len(printable("x" * 200)) == LONGEST_NAME
