"""What a plan says in words: the verdict of the stop rule, and what was not to be had."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from monitoring.plan.earlier import Tally
from monitoring.plan.forecast import Expected, Stop
from monitoring.plan.planning import Ahead, Asked, Plan
from monitoring.plan.pool import Fresh, Pool
from service.cli.plan_words import plan_json, plan_words

POOL = Pool(Path("pool.csv"), ("a", "b"), ("app", "mail"), None, ("1", "2"))
ASKED = Asked(budget=100, wave=40, rare=("fraud",), chosen_by="rules 1")


def plan(*, stop: Stop, candidates: int = 5, explored: Tally | None = None, waves_left: int = 2) -> Plan:
    """Return a plan whose explored slice has these labels."""
    measured = {} if explored is None else {"fraud": {"rare": Tally(9, 10), "explore": explored}}
    expected = {"fraud": Expected(1, 9, "measured", 4.6)}
    ahead = Ahead(2, 40, {"rare": 22, "spread": 12, "explore": 6}, {"app": 30, "mail": 10}, expected)
    fresh = Fresh(np.arange(2), np.array([1, 3]), 7)
    shown = () if stop.verdict == "stop" else (ahead,)
    return Plan(2, 40, waves_left, fresh, {"app": 2}, {"fraud": candidates}, measured, stop, shown, None)


def words(found: Plan) -> str:
    """Return what people read."""
    console = Console(width=200)
    with console.capture() as captured:
        console.print(plan_words(POOL, found, ASKED, []))
    return captured.get()


@pytest.mark.parametrize(
    ("stop", "candidates", "said"),
    [
        (Stop("go on", 0.5, 0.1), 5, "Go on (50.0% of the last rare slice, 10.0% of the explored items)"),
        (Stop("stop", 0.1, 0.1), 5, "STOP (10.0% of the last rare slice, 10.0% of the explored items)"),
        (Stop("stop", 0.5, 0.1), 0, "STOP: nothing that is left matches."),
        (Stop("unknown"), 5, "it needs labels of the last wave"),
    ],
)
def test_the_verdict_is_told_with_its_figures(stop: Stop, candidates: int, said: str) -> None:
    """Or what it still needs."""
    assert said in words(plan(stop=stop, candidates=candidates))


def test_an_estimate_stands_before_its_bounds() -> None:
    """And the pool's figures before all."""
    said = words(plan(stop=Stop("go on", 0.5, 0.1), explored=Tally(2, 100)))
    assert "5 (1 to 9)" in said
    assert "2 rows, 2 near-duplicates of others, 7 handed out before" in said
    assert "about 750 explored labels hold 15 of it; there are 100" in said


def test_waves_that_are_not_shown_are_counted() -> None:
    """Three are shown at most."""
    assert "Waves after these: 1, like the last one." in words(plan(stop=Stop("unknown"), waves_left=2))


def test_without_an_explored_positive_no_number_is_made_up() -> None:
    """For programs it is null."""
    found = plan(stop=Stop("go on", 0.9, 0.0), explored=Tally(0, 100))
    assert "so how many it takes is unknown" in words(found)
    assert plan_json(POOL, found, ASKED, [])["needed"]["explored_labels"] == {"fraud": None}
