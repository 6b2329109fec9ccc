"""What an operator reads about drift."""

from io import StringIO

import pytest
import typer
from rich.console import Console

from monitoring.detector import DetectorConfig
from monitoring.status import idle_status
from service.cli.drift import parse_shift, render_status, sentence


def test_a_shift_is_a_class_and_a_factor() -> None:
    """The factor follows the last equals sign, so a class may contain one."""
    assert parse_shift("fraud=3") == ("fraud", 3.0)
    assert parse_shift("a=b=0.5") == ("a=b", 0.5)
    assert parse_shift(None) is None


@pytest.mark.parametrize("text", ["fraud", "=3", "fraud=", "fraud=-1", "fraud=nan", "fraud=inf", "fraud=x"])
def test_anything_else_is_a_usage_error(text: str) -> None:
    """Negative, infinite and missing factors are refused."""
    with pytest.raises(typer.BadParameter, match="CLASS=FACTOR"):
        parse_shift(text)


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
