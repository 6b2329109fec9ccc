"""Tests of `model_store.reports.report`: the structure of the page."""

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from model_store.reports.evaluation import Evaluation
from model_store.reports.report import by_urgency, html_report, most_confused
from tests.support.evaluations import made_up

VOID = {"meta", "br", "link", "img", "input"}
MANY = tuple(f"intent {i:02d}" for i in range(35))


class Page(HTMLParser):
    """What a page holds: tags with attributes, ids, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.unclosed: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag and what it opens."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag that holds nothing."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close what was opened last, or note that it is another."""
        if not self.open or self.open.pop() != tag:
            self.unclosed.append(tag)

    def handle_data(self, data: str) -> None:
        """Keep the words."""
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """Return one with all that a file may say."""
    return made_up(full=True, targets=["fraud:recall=0.8,precision=0.3"])


@pytest.fixture(scope="module")
def page(evaluation: Evaluation) -> Page:
    """Return its page."""
    return Page(html_report(evaluation))


def test_the_page_loads_and_runs_nothing(page: Page):
    """No script, link, image or frame; no address outside the page; and a policy that forbids them."""
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "base", "form"}
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in {"src", "href", "xlink:href", "action"}:
                assert (value or "").startswith("#"), (tag, value)
    metas = {each.get("http-equiv"): each.get("content") for each in page.all("meta")}
    assert metas["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_no_address_stands_anywhere(evaluation: Evaluation):
    """Not even a namespace: an inline svg needs none."""
    assert not re.search(r"https?://|@import|url\((?!#)", html_report(evaluation))


def test_the_page_is_well_formed_and_ids_are_unique(page: Page):
    """Whatever is drawn many times is numbered."""
    assert page.unclosed == []
    assert page.open == []
    ids = Counter(attributes["id"] for _, attributes in page.tags if attributes.get("id"))
    assert [name for name, n in ids.items() if n > 1] == []


def test_the_page_is_made_for_phones(page: Page):
    """It says so, and every table scrolls in a region that the keyboard reaches and a reader names."""
    assert any(each.get("content") == "width=device-width, initial-scale=1" for each in page.all("meta"))
    scrolls = [each for each in page.all("div") if each.get("class") == "scroll"]
    assert len(scrolls) == len(page.all("table"))
    assert all(
        each["tabindex"] == "0" and each["aria-label"] and each["role"] == "region" for each in scrolls
    )


def test_every_figure_has_words(page: Page):
    """Each svg is an image with a title that is there."""
    ids = {attributes.get("id") for _, attributes in page.tags}
    figures = page.all("svg")
    assert len(figures) >= 10
    assert all(each["role"] == "img" for each in figures)
    assert all(set((each["aria-labelledby"] or "").split()) <= ids for each in figures)


def test_every_part_that_the_file_allows_is_there(page: Page):
    """In a fixed order."""
    found = [each["id"] for each in page.all("h2")]
    assert found == [
        *("short", "claims", "classes", "review", "costs", "thresholds", "calibration", "confusion"),
        *("sources", "time", "seen", "reading"),
    ]


def test_parts_without_columns_are_left_out():
    """No heading without figures."""
    found = {each["id"] for each in Page(html_report(made_up())).all("h2")}
    assert not found & {"costs", "sources", "time", "seen"}


def test_the_same_evaluation_is_the_same_page(evaluation: Evaluation):
    """Byte for byte."""
    assert html_report(evaluation) == html_report(evaluation)


def test_names_are_text_and_not_markup():
    """Of classes, of the data file and of sources."""
    found = made_up(classes=("<script>alert(1)</script>", "b&b"), full=True)
    text = html_report(replace(found, data="<img src=x>.csv"))
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_many_classes_fold_and_show_confusions_in_place_of_a_matrix():
    """30 rows of a table are open, the rest one tap away; eight classes are drawn."""
    page = Page(html_report(made_up(classes=MANY, n=900)))
    assert len(page.all("details")) == 2
    assert "5 more classes" in page.words
    assert sum(each.get("class") == "confusion" for each in page.all("table")) == 0
    assert "true class" in page.words
    drawn = [each for each in page.all("svg") if (each["aria-labelledby"] or "").startswith("threshold-")]
    assert len(drawn) == 8


def test_a_class_without_rows_shows_dashes_and_the_reason():
    """And no figure is drawn of nothing."""
    found = made_up(n=14, classes=tuple("abcdefgh"), seed=3)
    missing = [each for each in found.classes if not each.positives]
    assert missing
    text = html_report(found)
    assert "no row is of this class" in text
    assert "nan" not in re.sub(r"<[^>]*>", "", text).lower()


def test_no_rows_at_all_still_make_a_page():
    """It says what it does not know."""
    nothing = made_up(n=0)
    assert Page(html_report(nothing)).unclosed == []


def test_what_is_contradicted_comes_first(evaluation: Evaluation):
    """Then what is below its target, then what is found worst; what has no rows comes last."""
    bad = made_up(skill=0.5, n=2_000)
    ranked = by_urgency(bad.classes)
    verdicts = [any(check.verdict == "contradicted" for check in each.checks) for each in ranked]
    assert verdicts == sorted(verdicts, reverse=True)
    assert verdicts[0]
    missed = replace(evaluation.classes[1], checks=(replace(evaluation.classes[1].checks[0], asked=1.0),))
    assert by_urgency([evaluation.classes[0], missed, evaluation.classes[2]])[0] is missed
    empty = replace(evaluation.classes[0], positives=0)
    assert by_urgency([empty, *evaluation.classes[1:]])[-1] is empty


def test_confusions_are_ranked_by_their_share_of_the_class(evaluation: Evaluation):
    """What is right is none."""
    found = most_confused(evaluation.confusion, evaluation.classes)
    assert [each.share for each in found] == sorted((each.share for each in found), reverse=True)
    assert all(each.true != each.answered for each in found)
