"""What a plan says to a program: every number of it, and null for what nobody knows."""

from pathlib import Path

import numpy as np

from monitoring.plan.ahead import Ahead, Asked
from monitoring.plan.earlier import Tally
from monitoring.plan.forecast import Expected, Stop
from monitoring.plan.planning import Plan
from monitoring.plan.pool import Fresh, Pool
from service.cli.plan_json import plan_json

POOL = Pool(Path("pool.csv"), ("a", "b"), ("app", "mail"), None, ("1", "2"))
ASKED = Asked(budget=100, wave=40, rare=("fraud",), chosen_by="rules 1")
AHEAD = Ahead(2, 40, {"rare": 22, "explore": 18}, {"app": 40}, {"fraud": Expected(1, 9, "measured", 4.64)})


def plan(explored: Tally) -> Plan:
    """Return a plan whose explored slice has these labels."""
    fresh = Fresh(np.arange(2), np.array([1, 3]), 7)
    measured = {"fraud": {"rare": Tally(9, 10), "explore": explored}}
    return Plan(
        number=2,
        spent=40,
        waves_left=2,
        fresh=fresh,
        sources={"app": 2},
        candidates={"fraud": 5},
        measured=measured,
        stop=Stop("go on", 0.9, 0.0),
        ahead=(AHEAD,),
        matches={"a rule": 5},
        labels={"fraud": 9},
    )


def test_every_number_is_there() -> None:
    """Of the pool, the budget, the waves and the labels."""
    found = plan_json(POOL, plan(Tally(2, 100)), ASKED, ["batch.csv"])
    assert found["pool"] == {"rows": 2, "fresh": 2, "near_duplicates": 2, "handed_out_before": 7}
    assert found["budget"] == {"items": 100, "spent": 40, "waves_left": 2}
    assert (found["rule_matches"], found["labels"], found["files"]) == (
        {"a rule": 5},
        {"fraud": 9},
        ["batch.csv"],
    )
    assert found["waves"] == [
        {
            "wave": 2,
            "items": 40,
            "slices": {"rare": 22, "explore": 18},
            "sources": {"app": 40},
            "expected": {"fraud": {"low": 1, "estimate": 4.6, "high": 9, "basis": "measured"}},
        }
    ]
    assert found["stop"] == {"verdict": "go on", "rare_rate": 0.9, "explore_rate": 0.0, "least_ratio": 2.0}


def test_without_an_explored_positive_no_number_is_made_up() -> None:
    """It is null."""
    found = plan_json(POOL, plan(Tally(0, 100)), ASKED, [])
    assert found["needed"]["explored_labels"] == {"fraud": None}
