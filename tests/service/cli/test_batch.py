"""Batches at the command line: a list of none, one without an alarm."""

import json
import re

import pytest

from tests.support.answering import answering
from tests.support.command import Command
from tests.support.house import House

BATCH = {"id": "b1", "state": "open", "reason": "alarm", "items": 1, "labelled": 0, "skipped": 0, "leased": 0}


def test_a_batch_is_made_by_hand(seamark: Command, house: House):
    """Of the classes, the size and the number of people asked for; the line names it."""
    code, said, err = seamark("batch", "make", "--watch", "login", "--size", 6, "--overlap", 1, "--by", "kim")
    assert (code, err) == (0, "")
    found = re.match(r"batch ([0-9a-f]{16}): (\d+) items$", said.splitlines()[0])
    assert found is not None
    batch = house.worker.state.store().batches.get(found[1])
    assert (len(batch.items), batch.overlap) == (int(found[2]), 1)
    assert len(batch.items) <= 6
    assert batch.manifest["watched"] == ["login"]


def test_a_batch_of_draws_is_made_by_hand(seamark: Command, house: House):
    """Fewer than were asked for come with the reason."""
    (_, said, _) = seamark("batch", "make", "--explore", 500, "--json")
    drawn = json.loads(said)
    assert {item.slice for item in house.worker.state.store().batches.get(drawn["id"]).items} == {"explore"}
    assert drawn["items"] < 500
    assert drawn["notes"]


def test_an_audit_is_made_by_hand(seamark: Command, house: House):
    """All of its items are drawn, by how probable the class is."""
    _, said, _ = seamark("batch", "make", "--audit", "--watch", "login", "--size", 5, "--json")
    batch = house.worker.state.store().batches.get(json.loads(said)["id"])
    assert batch.manifest["mode"] == "audit"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--size", 0), "--size"),
        (("--overlap", 6), "--overlap"),
        (("--watch", "logn"), "expected one of billing, delivery, login"),
        (("--audit",), "--watch"),
        (("--audit", "--watch", "login", "--explore", 9), "--explore"),
        (("--size", 3, "--explore", 9), "--size"),
    ],
)
def test_what_no_batch_can_be_is_refused(
    seamark: Command, house: House, asked: tuple[object, ...], words: str
):
    """By one line, and nothing is made."""
    code, _, err = seamark("batch", "make", *asked)
    assert (code in {1, 2}, err.count("\n")) == (True, 1)
    assert words in err
    assert house.worker.state.store().batches.list() == ()


def test_without_batches_the_line_says_what_makes_one(seamark: Command):
    """No header stands over nothing."""
    with answering({("GET", "/v1/batches"): {"batches": []}}) as service:
        code, out, _ = seamark("batch", "list", "--url", service.url)
    assert (code, out.count("\n")) == (0, 1)
    assert out.startswith("no batches yet: an alarm makes one")


def test_the_list_tells_who_closed_a_batch(seamark: Command, house: House):
    """And the history does, in a line of its own, which says why, as it does of a batch that was made."""
    made = seamark("batch", "make", "--size", 6, "--by", "kim", "--why", "the third wave", "--json")[1]
    batch = json.loads(made)["id"]
    assert seamark("batch", "close", batch, "--by", "kim", "--why", "nobody has time")[0] == 0
    assert seamark("batch", "list")[1].splitlines()[-1].split()[-1] == "kim"
    history = seamark("bundle", "history")[1]
    assert f"tiny@1 gave batch {batch}, by kim: the third wave" in history
    assert f"tiny@1 batch {batch} was closed, by kim: nobody has time" in history


def test_one_batch_is_no_plural(seamark: Command):
    """Its title counts it."""
    with answering({("GET", "/v1/batches"): {"batches": [BATCH]}}) as service:
        out = seamark("batch", "list", "--url", service.url)[1]
    assert out.splitlines()[0].strip() == "1 batch"
