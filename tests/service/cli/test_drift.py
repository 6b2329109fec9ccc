"""What an operator reads about drift."""

import pytest
import typer

from service.cli.drift import parse_shift, sentence


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


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"state": "warming", "items": 812}, "warming: 812 items"),
        ({"state": "calm", "statistic": 3.21, "threshold": 18.7}, "calm: strongest evidence 3.2 of 18.7"),
        (
            {
                "state": "drift",
                "alarm": {
                    "classes": [
                        {"class": "fraud", "reference": 0.01, "current": 0.029, "low": 0.024, "high": 0.035}
                    ]
                },
            },
            "drift: fraud is 2.9% of traffic (2.4%-3.5%), reference 1.0%",
        ),
        ({"state": "blind"}, "blind"),
    ],
    ids=["warming", "calm", "drift", "blind"],
)
def test_the_state_is_one_sentence(status: dict[str, object], words: str) -> None:
    """Each state says what is known: items so far, how near an alarm is, which class moved."""
    assert sentence(status).startswith(words)
