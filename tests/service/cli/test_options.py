"""Options that hold what the service would refuse name themselves, and nothing is sent."""

import pytest

from service.values import MAX_ERASED, MAX_ERASED_ID
from tests.support.command import Command

NOBODY = ("--url", "http://127.0.0.1:9")
WHO_OPTIONS = [
    ("batch", "lease", "B", "--who"),
    ("batch", "skip", "B", "k", "--who"),
    ("batch", "adjudicate", "B", "k", "late", "--who"),
    ("batch", "close", "B", "--by"),
    ("batch", "return", "B", "-", "--annotator"),
    ("proposal", "wave", "P", "--by"),
    ("proposal", "reject", "P", "--why", "worse", "--by"),
    ("drift", "baseline", "--by"),
    ("drift", "expect", "late", "--why", "sale", "--by"),
    ("drift", "acknowledge", "--by"),
    ("drift", "false", "--why", "a test", "--by"),
    ("erase", "k", "--why", "asked for", "--who"),
]
NEEDED_REASONS = [
    ("proposal", "reject", "P", "--why"),
    ("drift", "false", "--why"),
    ("erase", "k", "--why"),
]
REASONS = [
    *NEEDED_REASONS,
    ("drift", "expect", "late", "--why"),
    ("drift", "acknowledge", "--why"),
    ("batch", "make", "--why"),
    ("batch", "close", "B", "--why"),
]


def refused(seamark: Command, *line: str) -> str:
    """Return what a usage error says."""
    code, out, err = seamark(*line, *NOBODY)
    assert (code, out) == (2, ""), err
    return err


@pytest.mark.parametrize("line", WHO_OPTIONS, ids=" ".join)
def test_nobody_acts_under_no_name(seamark: Command, line: tuple[str, ...]):
    """An empty name is not taken for one that was left out, and a long one is not sent."""
    assert f"invalid value for '{line[-1]}': empty: give 1 to 128 characters" in refused(seamark, *line, "")
    assert "129 characters: at most 128 are kept" in refused(seamark, *line, "k" * 129)


@pytest.mark.parametrize("line", REASONS, ids=" ".join)
def test_a_long_reason_is_not_sent(seamark: Command, line: tuple[str, ...]):
    """As long as the service keeps, whichever command it is for."""
    said = refused(seamark, *line, "y" * 1_001)
    assert "invalid value for '--why': 1,001 characters: at most 1,000 are kept" in said


@pytest.mark.parametrize("line", NEEDED_REASONS, ids=" ".join)
def test_a_reason_that_is_needed_is_not_empty(seamark: Command, line: tuple[str, ...]):
    """The option is named, and not the field of the request."""
    assert "invalid value for '--why': empty: give 1 to 1,000 characters" in refused(seamark, *line, "")


@pytest.mark.parametrize(
    ("line", "option"),
    [
        (("batch", "lease", "B", "--size", "0"), "--size"),
        (("batch", "lease", "B", "--size", "501"), "--size"),
        (("batch", "lease", "B", "--minutes", "0"), "--minutes"),
        (("batch", "lease", "B", "--minutes", "10081"), "--minutes"),
        (("batch", "lease", "B", "--minutes", "nan"), "--minutes"),
        (("batch", "lease", "B", "--once", ""), "--once"),
        (("batch", "lease", "B", "--once", "é"), "--once"),
        (("proposal", "list", "--state", "done"), "--state"),
        (("estimates", "--mode", "blind"), "--mode"),
        (("estimates", "--since", "-1"), "--since"),
        (("estimates", "--model", ""), "--model"),
        (("labels", "--model", ""), "--model"),
        (("labels", "--batch", ""), "--batch"),
        (("drift", "plan", "--class", ""), "--class"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else part,
)
def test_what_the_service_would_refuse_names_its_option(seamark: Command, line: tuple[str, ...], option: str):
    """A field of a request is nothing that somebody at a command line wrote."""
    assert f"invalid value for '{option}'" in refused(seamark, *line)


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (("",), "0 characters in the id at place 1: expected 1 to 1,024"),
        (("k", "k" * (MAX_ERASED_ID + 1)), "1,025 characters in the id at place 2"),
        (("k",) * (MAX_ERASED + 1), "501 ids: give 1 to 500 at once"),
    ],
    ids=["empty", "long", "many"],
)
def test_ids_that_cannot_be_erased_are_told_by_place(seamark: Command, ids: tuple[str, ...], said: str):
    """An id may be somebody's name, so it is not repeated."""
    error = refused(seamark, "erase", *ids, "--why", "asked for")
    assert said in error
    assert "kkk" not in error
