"""A proposed version beside the live one, in words."""

from service.cli.beside import render_shadow
from service.cli.output import out

SHADOW = {
    "proposal": "17ab",
    "live": "mail@1",
    "candidate": "mail@2",
    "state": "running",
    "items": 40,
    "traffic": 4_000.0,
    "agreement": {"ratio": 0.9, "low": 0.763, "high": 0.972},
    "classes": [
        {
            "class": "fraud",
            "live_ratio": 0.1,
            "candidate_ratio": 0.2,
            "both": 4,
            "only_live": 0,
            "only_candidate": 4,
        }
    ],
    "changes": [{"live": ["no_class_passes"], "candidate": ["fraud"], "items": 4, "ratio": 0.1}],
    "examples": [],
}


def shown(value: dict[str, object]) -> str:
    """Return what is printed."""
    with out.capture() as captured:
        out.print(render_shadow(value))
    return captured.get()


def test_the_comparison_is_a_headline_a_table_and_the_changes() -> None:
    """How many items stand for how much traffic, how often alike, and where not."""
    text = shown(SHADOW)
    assert "mail@2 beside mail@1 (running): 40 items of 4,000, alike 90.0% (76.3% to 97.2%)" in text
    assert "no_class_passes -> fraud: 4 items, 10.0% of traffic" in text
    assert "0.200" in text


def test_before_the_first_item_it_says_what_is_missing() -> None:
    """Nothing is claimed of nothing."""
    assert "no item was answered by both versions yet" in shown({**SHADOW, "agreement": None})
