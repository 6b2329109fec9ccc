"""Proposals at the command line: how a list of none, and one of one, reads."""

import pytest

from tests.support.answering import answering
from tests.support.command import Command

PROPOSAL = {
    "id": "p1",
    "state": "open",
    "kind": "fit",
    "model": "mail",
    "base": "1",
    "candidate": "2",
    "by": "kim",
}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "no proposals yet: `seamark fit` and `seamark refit` make one with --with-labels\n"),
        (("--state", "rejected"), "no proposal is rejected; without --state all are listed\n"),
    ],
    ids=["all", "of a state"],
)
def test_without_proposals_the_line_says_what_makes_one(
    seamark: Command, options: tuple[str, ...], said: str
):
    """No header stands over nothing."""
    with answering({("GET", "/v1/proposals"): {"proposals": []}}) as service:
        assert seamark("proposal", "list", *options, "--url", service.url) == (0, said, "")


def test_one_proposal_is_no_plural(seamark: Command):
    """Its title counts it."""
    with answering({("GET", "/v1/proposals"): {"proposals": [PROPOSAL]}}) as service:
        out = seamark("proposal", "list", "--url", service.url)[1]
    assert out.splitlines()[0].strip() == "1 proposal"


def test_a_wave_of_one_item_is_no_plural(seamark: Command):
    """What the service notes about it stands below."""
    made = {"id": "b1", "items": 1, "notes": ["9 explored items were asked for and 1 could be drawn"]}
    with answering({("POST", "/v1/batches"): made}) as service:
        out = seamark("proposal", "wave", "p1", "--by", "kim", "--url", service.url)[1]
    assert out == f"batch b1: 1 explored item\n{made['notes'][0]}\n"
    assert service.asked == [("POST", "/v1/batches", {"by": "kim", "for_proposal": "p1"})]
