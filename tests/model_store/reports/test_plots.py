"""Tests of `model_store.reports.plots`."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import matplotlib as mpl
import pytest

from model_store.reports import plots
from model_store.reports.evaluation import ClassFigures, Evaluation
from tests.support.evaluations import made_up

SVG = "{http://www.w3.org/2000/svg}"
EVIL = 'a<b>&"$x$'


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """Return one with everything that is drawn."""
    return made_up(full=True, targets=["fraud:recall=0.8,precision=0.3"])


def _threshold(figures: ClassFigures, key: str) -> str:
    assert figures.curve is not None
    return plots.threshold(figures, figures.curve, key=key)


def _reliability(figures: ClassFigures, key: str) -> str:
    assert figures.reliability_before is not None
    assert figures.reliability_after is not None
    return plots.reliability(figures.name, figures.reliability_before, figures.reliability_after, key=key)


DRAW: dict[str, Callable[[Evaluation], str]] = {
    "threshold": lambda e: _threshold(e.classes[2], "key"),
    "reliability": lambda e: _reliability(e.classes[2], "key"),
    "intervals": lambda e: plots.intervals(e.classes, key="key"),
    "over time": lambda e: plots.over_time(e.times, key="key"),
    "recall over time": lambda e: plots.recall_over_time("fraud", e.times, 0.8, key="key"),
}
every_plot = pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW.keys())


@every_plot
def test_a_plot_is_one_svg_that_needs_nothing_else(draw: Callable[[Evaluation], str], evaluation: Evaluation):
    """Well-formed, fluid, without scripts, styles, images or fonts, and every reference is to itself."""
    drawn = draw(evaluation)
    root = ET.fromstring(drawn.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1))  # noqa: S314
    assert root.tag == f"{SVG}svg"
    assert "viewBox" in root.attrib
    assert not {"width", "height"} & root.attrib.keys()
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert not tags & {"script", "style", "image", "foreignObject", "metadata"}
    ids = {element.attrib["id"] for element in root.iter() if "id" in element.attrib}
    referred = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', drawn)
    assert {one or other for one, other in referred} <= ids
    assert not re.search(r'href="(?!#)', drawn)
    assert all(each.startswith("key-") for each in ids)


@every_plot
def test_a_plot_says_what_it_shows_to_those_who_cannot_see_it(
    draw: Callable[[Evaluation], str], evaluation: Evaluation
):
    """It is an image with a title and a description, and its words are text."""
    drawn = draw(evaluation)
    root = ET.fromstring(drawn.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1))  # noqa: S314
    named = root.attrib["aria-labelledby"].split()
    assert root.attrib["role"] == "img"
    for tag, each in zip(("title", "desc"), named, strict=True):
        assert root.findtext(f"{SVG}{tag}[@id='{each}']")
    assert root.find(f".//{SVG}text") is not None


@every_plot
def test_colours_are_those_of_the_page(draw: Callable[[Evaluation], str], evaluation: Evaluation):
    """So that light and dark both work: no colour of its own is left."""
    drawn = draw(evaluation)
    assert re.findall(r"#[0-9a-fA-F]{6}\b", drawn) == []
    assert "currentColor" in drawn


@every_plot
def test_the_same_figures_give_the_same_bytes(draw: Callable[[Evaluation], str], evaluation: Evaluation):
    """No date, no random id."""
    assert draw(evaluation) == draw(evaluation)


def test_series_differ_without_colour(evaluation: Evaluation):
    """Recall is a line, precision is dashed."""
    drawn = DRAW["threshold"](evaluation)
    styles = re.findall(r'style="([^"]*stroke: var\(--(first|second)[^"]*)"', drawn)
    dashed = {
        series: any("stroke-dasharray" in style for style, name in styles if name == series)
        for series in ("first", "second")
    }
    assert dashed == {"first": False, "second": True}


def test_no_setting_of_matplotlib_stays(evaluation: Evaluation):
    """Whoever draws in the same process finds theirs as they were."""
    before = dict(mpl.rcParams)
    DRAW["threshold"](evaluation)
    assert dict(mpl.rcParams) == before


def test_a_class_may_be_called_anything():
    """Markup and dollar signs are text, in the title and in the drawing."""
    found = made_up(classes=(EVIL, "other"))
    drawn = plots.intervals(found.classes, key="k") + _threshold(found.classes[0], "l")
    assert "<b>" not in drawn
    assert "a&lt;b&gt;&amp;" in drawn
    assert "$x$" in drawn


def test_a_rare_class_is_drawn_on_a_log_scale():
    """Its thresholds would stick to the left edge otherwise."""
    classes = tuple(f"class {i}" for i in range(12))
    found = made_up(classes=classes, n=900)
    low = min(found.classes, key=lambda each: each.threshold or 1.0)
    assert (low.threshold or 1.0) < 0.1
    assert "log scale" in _threshold(low, "k")
    assert "mathdefault" not in _threshold(low, "k")
