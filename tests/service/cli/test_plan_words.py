"""What a plan says in words: the verdict of the stop rule, and what was not to be had."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from monitoring.plan.ahead import Ahead, Asked
from monitoring.plan.choose import Item, Wave
from monitoring.plan.earlier import Tally
from monitoring.plan.forecast import Expected, Stop
from monitoring.plan.planning import Plan
from monitoring.plan.pool import Fresh, Pool
from service.cli.plan_words import plan_words

POOL = Pool(Path("pool.csv"), ("a", "b"), ("app", "mail"), None, ("1", "2"))
ASKED = Asked(budget=100, wave=40, rare=("fraud",), chosen_by="rules 1")
BY_MODEL = replace(ASKED, basis="model")
UNKNOWN = Stop("unknown")


def plan(
    *,
    stop: Stop = UNKNOWN,
    candidates: int = 5,
    explored: Tally | None = None,
    waves_left: int = 2,
    **more: Any,
) -> Plan:
    """Return a plan whose explored slice has these labels."""
    measured = {} if explored is None else {"fraud": {"rare": Tally(9, 10), "explore": explored}}
    expected = {"fraud": Expected(1, 9, "measured", 4.6)}
    ahead = Ahead(2, 40, {"rare": 22, "spread": 12, "explore": 6}, {"app": 30, "mail": 10}, expected)
    fresh = Fresh(np.arange(2), np.array([1, 3]), 7)
    shown = () if stop.verdict == "stop" else (ahead,)
    return Plan(2, 40, waves_left, fresh, {"app": 2}, {"fraud": candidates}, measured, stop, shown, **more)


def words(found: Plan, asked: Asked = ASKED) -> str:
    """Return what people read."""
    console = Console(width=200)
    with console.capture() as captured:
        console.print(plan_words(POOL, found, asked, []))
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
    """That is said."""
    assert "so how many it takes is unknown" in words(
        plan(stop=Stop("go on", 0.9, 0.0), explored=Tally(0, 100))
    )


def test_labels_are_told_by_name_the_commonest_first() -> None:
    """So that one who writes Fraud for fraud sees it; of many only some are named."""
    said = words(plan(labels={"fraud": 3, "ok": 1200, "Fraud": 2}))
    assert "Labels so far: ok 1,200, fraud 3, Fraud 2." in said
    assert " and 4 more." in words(plan(labels={f"l{n}": 1 for n in range(9)}))


def test_rules_without_a_match_are_named() -> None:
    """Those that match are not."""
    said = words(
        plan(matches={"keywords 1 of class 'fraud': scam": 0, "keywords 2 of class 'fraud': sham": 4})
    )
    assert "Rules that match nothing: keywords 1 of class 'fraud': scam." in said


def test_a_model_s_plan_speaks_of_the_model() -> None:
    """Of its probabilities, of what it was made from, and of what is beyond a cap."""
    wave = Wave((Item(0, "explore", "app", 1, 0.5),) * 40, {"rare": 22}, {}, {}, over_cap={"app": 3})
    said = words(plan(wave=wave), BY_MODEL)
    assert "rare: best by the model" in said
    assert "7 known to the model, handed out before or like such" in said
    assert "3 items of source app are beyond its cap" in said
    assert "This wave has" not in said
    assert "Rules of" not in said
