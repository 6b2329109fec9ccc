"""What an operator reads about drift."""

from io import StringIO

import pytest
from rich.console import Console

from monitoring.detector import DetectorConfig
from monitoring.status import idle_status
from service.cli.drift.status import render_status, sentence

FINDING = {"class": "fraud", "reference": 0.01, "current": 0.029, "low": 0.024, "high": 0.035}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"state": "warming", "items": 812}, "warming: 812 items seen, the live baseline is not frozen"),
        (
            {"state": "warming", "baseline": {"kind": "frozen"}, "items": 812},
            "warming: 812 items seen, too few lately",
        ),
        ({"state": "calm", "statistic": 3.21, "threshold": 18.7}, "calm: strongest evidence 3.2 of 18.7"),
        (
            {"state": "drift", "alarm": {"classes": [FINDING]}},
            "drift: fraud is 2.9% of traffic (2.4%-3.5%), reference 1.0%",
        ),
        ({"state": "blind", "items": 812}, "blind: no items lately, 812 in all"),
    ],
    ids=["warming", "warming again", "calm", "drift", "blind"],
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
    assert lines[-1] == "not noticeable yet, even when doubled: hate, no_class_passes"
    assert max(len(line.rstrip()) for line in lines) <= 80
