"""The steps of a model, in words."""

from typing import get_args

import pytest

from monitoring.timeline import Step
from service.cli.output import out
from service.cli.steps import line_of, render_steps


def step(kind: str, **fields: object) -> dict[str, object]:
    """Return a step as the route tells it."""
    return {"at": 0.0, "step": kind, "model": "mail@2", "who": "", "why": "", "details": {}, **fields}


@pytest.mark.parametrize("kind", get_args(Step))
def test_every_step_has_words(kind: str) -> None:
    """A line says when and what, whatever is known besides."""
    assert line_of(step(kind)).startswith("1970-01-01 00:00  mail@2 ")


def test_who_and_why_are_told_and_no_person_is_invented() -> None:
    """A step that nobody took names nobody."""
    taken = line_of(step("rollback", who="lee", why="too many reviews", details={"from": "2"}))
    assert taken == "1970-01-01 00:00  mail@2 was put back in force, after 2, by lee: too many reviews"
    ended = step("alarm_end", details={"alarm": "a1", "by": "promotion", "proposal": "17ab"})
    assert line_of(ended) == "1970-01-01 00:00  mail@2 alarm a1 ended (by promotion, proposal 17ab)"
    assert line_of(step("baseline", who="automatic")).endswith("got a baseline")


def test_a_model_without_steps_says_so() -> None:
    """One line, and no empty table."""
    with out.capture() as captured:
        out.print(render_steps({"name": "mail", "steps": []}))
    assert captured.get() == "mail: no step yet; `seamark fit` makes the first\n"
