"""`seamark drift plan`: how soon a change would be noticed, of a service or of a bundle."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from service.cli.drift.plan import rate_of
from tests.support.answering import answering
from tests.support.command import Command
from tests.support.drift_answers import PLAN


def test_a_service_is_asked_and_its_answer_is_a_table(seamark: Command):
    """A row a class, a column a factor: items, and how long; a dash where a share cannot grow so much."""
    with answering({("GET", "/v1/drift/plan"): PLAN}) as service:
        code, out, err = seamark("drift", "plan", "--url", service.url)
    assert (code, err) == (0, "")
    assert [line.rstrip() for line in out.splitlines()] == [
        "class    reference  x2              x0.5",
        "fraud    1.0 %      2,508 (83 min)  never",
        "billing  60.0 %     -               120 (40 s)",
        "noticed after about so many items, against a baseline of 22,000 items",
        "at most one false alarm in 90 days on average",
        "-: the share would be all of traffic or more",
    ]
    assert service.asked == [("GET", "/v1/drift/plan", None)]


def test_each_factor_is_asked_for_by_itself(seamark: Command):
    """The rows of all answers are one table."""
    with answering({("GET", "/v1/drift/plan"): PLAN}) as service:
        out = seamark(
            *("drift", "plan", "--url", service.url, "--json"),
            *("--factor", "1.5", "--factor", "4", "--class", "fraud"),
        )[1]
    assert len(json.loads(out)["rows"]) == 8
    assert [path for _, path, _ in service.asked] == [
        "/v1/drift/plan?class=fraud&factor=1.5",
        "/v1/drift/plan?class=fraud&factor=4",
    ]


def test_a_bundle_is_planned_with_before_it_serves(seamark: Command, publish_tiny: Callable[..., Path]):
    """From its validation rows, and it says that live shares will differ; a rate gives times."""
    publish_tiny(kind="features")
    code, out, err = seamark("drift", "plan", "--bundle", "tiny", "--rate", "600/m")
    assert (code, err) == (0, "")
    assert "with the shares of the validation rows" in out
    assert "which is one in about 78,000,000 items at this rate" in out
    value = json.loads(seamark("drift", "plan", "--bundle", "tiny", "--json", "--class", "login")[1])
    assert value["assumed"]
    assert {row["class"] for row in value["rows"]} == {"login"}
    assert {row["seconds"] for row in value["rows"]} == {None}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--factor", "1"), "'1' is not a change; give a number above 0 and at most 1,000, not 1"),
        (("--rate", "5/s"), "give it with --bundle"),
        (("--bundle", "tiny", "--rate", "often"), "'often' is not a rate above 0 such as 20/s or 500/h"),
        (("--bundle", "tiny", "--class", "none"), "no class 'none'; classes are "),
    ],
)
def test_a_mistake_is_a_usage_error(
    seamark: Command, publish_tiny: Callable[..., Path], arguments: tuple[str, ...], words: str
):
    """One line that says what is possible."""
    publish_tiny(kind="features")
    code, out, err = seamark("drift", "plan", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err


def test_a_rate_is_items_in_some_time():
    """A number alone is a second's."""
    assert rate_of("20") == rate_of("20/s") == 20.0
    assert rate_of("500/h") == pytest.approx(500 / 3_600)
    assert rate_of(None) is None
    with pytest.raises(typer.BadParameter):
        rate_of("0/h")
