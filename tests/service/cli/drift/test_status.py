"""What an operator reads about drift."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from monitoring.detection.detector import DetectorConfig
from monitoring.status import idle_status
from service.cli.drift.status import render_status, sentence
from tests.support.answering import answering
from tests.support.command import Command
from tests.support.drift_answers import FINDING, MEASURED, STATUS


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"state": "warming", "items": 812}, "warming: 812 items seen, the live baseline is not frozen"),
        (
            {
                "state": "warming",
                "baseline": {"kind": "frozen"},
                "items": 812,
                "classes": [{"detectable_items": None}, {"detectable_items": 900}],
            },
            "warming: 812 items seen, too few lately",
        ),
        (
            {
                "state": "warming",
                "baseline": {"kind": "frozen"},
                "items": 812,
                "classes": [{"detectable_items": None}],
            },
            "warming: 812 items seen, but against this baseline no doubled class would be noticed",
        ),
        ({"state": "calm", "statistic": 3.21, "threshold": 18.7}, "calm: strongest evidence 3.2 of 18.7"),
        (
            {"state": "drift", "alarm": FINDING},
            "drift: fraud is 2.9 % of traffic (2.4 %-3.5 %), reference 1.0 %",
        ),
        ({"state": "blind", "items": 812}, "blind: no items lately, 812 in all"),
    ],
    ids=["warming", "warming again", "warming for ever", "calm", "drift", "blind"],
)
def test_the_state_is_one_sentence(status: dict[str, object], words: str) -> None:
    """Each state says what is known: items so far, how near an alarm is, which class moved."""
    idle = {"model": "mail@1", **idle_status(("ham",), DetectorConfig())}
    assert sentence(idle | status).startswith(words)


def test_a_service_without_traffic_has_a_status() -> None:
    """Before the first item every class is in the table, and nothing is claimed about any."""
    idle = idle_status(("ham", "spam"), DetectorConfig())
    classes = [{"class": each["name"], **each} for each in idle["categories"]]
    console = Console(width=100, record=True, file=StringIO())
    console.print(render_status({"model": "mail@1", **idle, "classes": classes}))
    shown = console.export_text()
    assert "0 items seen" in shown
    assert "spam" in shown
    assert "0.000-1.000" not in shown
    assert "x2 items:" not in shown
    assert "not noticeable" not in shown


def test_what_the_baseline_cannot_show_is_named() -> None:
    """Each class has the items after which its doubling is noticed, or is named as one that is not yet."""
    known = {"current": 0.03, "low": 0.02, "high": 0.04, "direction": "rise", "evidence": 1.0}
    classes = [
        {"class": "fraud", "reference": 0.034, "detectable_items": 2508, **known},
        {"class": "hate", "reference": 0.0002, "detectable_items": None, **known},
        {"class": "no_class_passes", "reference": 0.0, "detectable_items": None, **known},
    ]
    calm = {"state": "calm", "statistic": 1.0, "threshold": 18.0, "alarm": None, "baseline": {}}
    console = Console(width=80, record=True, file=StringIO())
    console.print(render_status({**calm, "classes": classes, "not_detectable": ["hate", "no_class_passes"]}))
    lines = console.export_text().splitlines()
    assert [line.split()[-1] for line in lines if line.startswith(("fraud", "hate"))] == ["2508", "-"]
    assert lines[-1] == "not noticeable with this baseline, even when doubled: hate, no_class_passes"
    assert max(len(line.rstrip()) for line in lines) <= 80


def shown(value: dict[str, Any]) -> list[str]:
    """Return what is rendered, line by line."""
    console = Console(width=200, record=True, file=StringIO())
    console.print(render_status(value))
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_everything_an_operator_should_know_has_a_line():
    """Later findings, other streams, the shadow, planned changes, and what the baseline cannot promise."""
    lines = shown(STATUS)
    assert lines[:6] == [
        "drift: fraud is 2.9 % of traffic (2.4 %-3.5 %), reference 1.0 %",
        "also: billing is 20.0 % of traffic (18.0 %-22.0 %), reference 30.0 %, since 2026-11-24 23:33",
        "scores: evidence 5.5 of 21.9; top probability <= 0.62 for 21.0 % of items, reference 15.0 %",
        "shadow: the detector of tickets@0 still scans and is calm, evidence 2.0 of 21.9",
        "expected: billing may move until 2026-11-25 09:46, says kim: campaign",
        "note: traffic still varies at the longest span",
    ]


def test_a_baseline_that_waits_says_why():
    """Nobody would look for it otherwise."""
    lines = shown(STATUS | {"waiting": "the detector of tickets@0 sees drift"})
    assert "note: the baseline does not freeze by itself now: the detector of tickets@0 sees drift" in lines


def test_what_a_drift_means_is_said_first():
    """Where the meaning is known, its verdict takes the place of the bare shares."""
    meaning = {"verdict": "fraud is 2.9 % of traffic; consistent with more fraud"}
    assert sentence(STATUS | {"meaning": meaning}) == f"drift: {meaning['verdict']}"


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        (MEASURED, "top probability <= 0.62 holds for 2.9 % of items (2.4 %-3.5 %), reference 1.0 %"),
        (FINDING | {"classes": []}, "the mix as a whole has moved, no class by more than the tolerance"),
    ],
    ids=["scores", "the whole mix"],
)
def test_an_alarm_without_a_class_has_a_sentence(finding: dict[str, Any], words: str):
    """A measured quantity moved, or the mix as a whole."""
    assert sentence(STATUS | {"alarm": finding}) == f"drift: {words}"


def test_shares_are_drawn_into_a_file(seamark: Command, tmp_path: Path):
    """A picture of its own, beside the text."""
    pytest.importorskip("matplotlib")
    with answering({("GET", "/v1/drift"): STATUS}) as service:
        code, out, err = seamark("drift", "status", "--url", service.url, "--plot", tmp_path / "shares.svg")
    assert (code, err) == (0, "")
    assert out.startswith("drift: fraud is 2.9 %")
    assert (tmp_path / "shares.svg").read_text().startswith('<svg xmlns="http://www.w3.org/2000/svg"')
