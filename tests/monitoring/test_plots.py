"""Plots of drift: one SVG element each, readable with one class and with many."""

import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from model_store.reports.drawing import standalone
from monitoring import plots

SVG = "{http://www.w3.org/2000/svg}"
EVIL = 'a<b>&"$x$'


def classes(n: int) -> list[dict[str, Any]]:
    """Return shares of n classes, the last of which has moved."""
    share = 1.0 / n
    found = [
        {"class": f"class {k}", "reference": share, "current": share, "low": share * 0.9, "high": share * 1.1}
        for k in range(n)
    ]
    found[-1] |= {
        "class": EVIL,
        "current": min(share * 3, 1.0),
        "low": share * 2,
        "high": min(share * 4, 1.0),
    }
    return found


def texts(svg: str) -> list[str]:
    """Return what is written in a picture."""
    root = ET.fromstring(standalone(svg))  # noqa: S314 - our own
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("n", [1, 2, 24, 150])
def test_of_many_classes_those_that_differ_most_are_drawn(n: int):
    """What an alarm names is always among them, with an arrow; the others are counted."""
    written = texts(plots.shares(classes(n), moved=[EVIL], key="k"))
    drawn = [text for text in written if text.startswith(("class ", EVIL))]
    assert len(drawn) == min(n, plots.MOST_CLASSES)
    assert any(text.startswith(EVIL) and text.endswith(("▲", "▼")) for text in drawn)
    assert (f"{n - plots.MOST_CLASSES} other classes differ less" in written) == (n > plots.MOST_CLASSES)


def test_a_class_without_shares_is_not_drawn():
    """Before the first item nothing is; the picture is there all the same."""
    unknown = [each | {"current": None} for each in classes(3)]
    assert not [text for text in texts(plots.shares(unknown, key="k")) if text.startswith("class ")]


def test_no_peak_of_the_evidence_is_lost():
    """Of 100,000 buckets a thousand points are drawn, the largest of their neighbours."""
    times, values = 1.7e9 + np.arange(100_000.0), np.ones(100_000)
    values[77_777] = 40.0
    drawn = plots.evidence(times, values, threshold=18.0, key="k")
    assert "at most 40.0 nats" in drawn
    assert len(drawn) < 60_000


def test_an_alarm_is_in_words_and_an_open_one_reaches_the_end():
    """Shaded, and counted in the description."""
    times = 1.7e9 + np.arange(50.0) * 600
    drawn = plots.evidence(
        times,
        np.linspace(0, 30, 50),
        threshold=18.0,
        alarms=[(times[30], times[35]), (times[40], None)],
        key="k",
    )
    assert "the threshold is 18.0; 2 alarms." in drawn
    assert {"evidence", "threshold", "alarm"} <= set(texts(drawn))


@pytest.mark.parametrize(
    "drawn",
    [
        plots.shares(classes(5), key="k"),
        plots.evidence([1.7e9], [3.0], threshold=18.0, key="k"),
    ],
    ids=["shares", "evidence of one bucket"],
)
def test_a_picture_needs_nothing_else_and_has_no_colour_of_its_own(drawn: str):
    """In a page its colours are the page's; the same input gives the same bytes."""
    root = ET.fromstring(drawn.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1))  # noqa: S314
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert not tags & {"script", "style", "image", "foreignObject", "metadata"}
    assert not re.findall(r"#[0-9a-f]{6}\b", drawn)


def test_the_same_input_gives_the_same_bytes():
    """So that a report can be compared."""
    assert plots.shares(classes(5), key="k") == plots.shares(classes(5), key="k")
