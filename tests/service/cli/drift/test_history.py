"""`seamark drift history`: which alarms there were."""

import json
from pathlib import Path

import pytest

from tests.support.answering import answering
from tests.support.command import Command
from tests.support.drift_answers import HISTORY


def test_each_alarm_has_a_row_and_what_people_said_of_it(seamark: Command):
    """Start, strongest evidence, end, what moved; then further findings and what people said."""
    with answering({("GET", "/v1/drift/history"): HISTORY}) as service:
        code, out, err = seamark("drift", "history", "--url", service.url, "--model", "tickets@1")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["alarm", "since", "raised", "ended", "evidence"],
        ["a1", "2026-11-24", "22:33", "2026-11-24", "22:33", "open", "41.500"],
        ["a0", "2026-11-24", "22:33", "2026-11-24", "22:33", "2026-11-24", "22:35", "(false)", "41.500"],
    ]
    assert lines[3:] == [
        "a1: fraud is 2.9 % of traffic (2.4 %-3.5 %), reference 1.0 %",
        "a1: also billing is 20.0 % of traffic (18.0 %-22.0 %), reference 30.0 %, from 2026-11-24 23:33",
        "a1: acknowledged by kim at 2026-11-24 22:40: looking at it",
        "a0: top probability <= 0.62 holds for 2.9 % of items (2.4 %-3.5 %), reference 1.0 %",
        "a0: called false by lee at 2026-11-24 22:35: a load test",
    ]
    (_, path, _) = service.asked[0]
    assert "model=tickets%401" in path
    assert "limit=1000" in path


def test_an_alarm_that_a_promotion_ended_names_the_proposal(seamark: Command):
    """Below the table, whole, and in the JSON; an open alarm has no such line."""
    open_one, ended = HISTORY["alarms"]
    promoted = ended | {"ended_by": "promotion", "ended_cause": "17ab", "marked_false": None}
    said = HISTORY | {"alarms": [open_one, promoted]}
    with answering({("GET", "/v1/drift/history"): said}) as service:
        lines = seamark("drift", "history", "--url", service.url)[1].splitlines()
        found = json.loads(seamark("drift", "history", "--url", service.url, "--json")[1])
    assert [line for line in lines if "ended by" in line] == ["a0: ended by the promotion of proposal 17ab"]
    assert found["alarms"][1]["ended_cause"] == "17ab"


def test_a_calm_history_says_where_others_are(seamark: Command):
    """Each version has its own alarms; and its JSON is what the service said."""
    calm = HISTORY | {"alarms": [], "models": ["tickets@0", "tickets@1"]}
    with answering({("GET", "/v1/drift/history"): calm}) as service:
        said = seamark("drift", "history", "--url", service.url)[1]
        assert said.splitlines() == [
            "tickets@1: no alarm; 60 closed buckets",
            "those of tickets@0: --model tickets@0",
        ]
        assert json.loads(seamark("drift", "history", "--url", service.url, "--json")[1]) == calm


def test_evidence_is_drawn_into_a_file(seamark: Command, tmp_path: Path):
    """From the first scanned bucket on; without one the line says so."""
    pytest.importorskip("matplotlib")
    picture = tmp_path / "evidence.svg"
    with answering({("GET", "/v1/drift/history"): HISTORY}) as service:
        assert seamark("drift", "history", "--url", service.url, "--plot", picture)[0] == 0
        assert "<title" in picture.read_text()
        service.answers["GET", "/v1/drift/history"] = HISTORY | {"buckets": HISTORY["buckets"][:3]}
        code, _, err = seamark("drift", "history", "--url", service.url, "--plot", picture)
    assert code == 2
    assert "no scanned bucket to draw yet" in err


def test_how_far_back_is_a_length_of_time(seamark: Command):
    """Anything else is a usage error."""
    code, _, err = seamark("drift", "history", "--last", "long")
    assert (code, err.count("\n")) == (2, 1)
    assert "'long' is not a length of time" in err
