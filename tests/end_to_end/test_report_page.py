"""Does the report read on a phone and on a desk? A real browser lays it out."""

import json
from pathlib import Path
from typing import Any

import pytest

from model_store.reports.report import html_report
from tests.support import browser
from tests.support.evaluations import made_up

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        browser.CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)"
    ),
]

PHONE = 390
DESK = 1280
MANY = tuple(f"an intent with a rather long name, number {i:03d}" for i in range(40))
LAYOUT = """(size => ({
  width: view.innerWidth,
  scroll: page.documentElement.scrollWidth,
  loaded: view.performance.getEntriesByType('resource').map(each => each.name),
  loaders: view.document.querySelectorAll('script, link, img, iframe').length,
  wide: [...page.querySelectorAll('body *')]
    .filter(each => !each.closest('.scroll') && !each.closest('svg'))
    .filter(each => each.getBoundingClientRect().right > view.innerWidth + 1).map(each => each.tagName),
  figures: [...page.querySelectorAll('svg')]
    .map(each => each.getBoundingClientRect()).map(each => [each.width, each.height]),
  smallest: Math.min(...[...page.querySelectorAll('svg text')]
    .map(each => parseFloat(view.getComputedStyle(each).fontSize) * size(each.getScreenCTM()))),
  clipped: [...page.querySelectorAll('svg')].flatMap(svg => {
    const box = svg.getBoundingClientRect();
    return [...svg.querySelectorAll('text')].filter(text => {
      const own = text.getBoundingClientRect();
      return own.left < box.left - 2 || own.right > box.right + 2;
    }).map(text => text.textContent);
  }),
}))(matrix => Math.hypot(matrix.a, matrix.b))"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a page of few classes with every part, and one of many classes with long names."""
    directory = tmp_path_factory.mktemp("pages")
    made = {
        "few": made_up(full=True, targets=["fraud:recall=0.8,precision=0.3"]),
        "many": made_up(n=900, classes=MANY, full=True),
    }
    for name, evaluation in made.items():
        (directory / f"{name}.html").write_text(html_report(evaluation), encoding="utf-8")
    return {name: directory / f"{name}.html" for name in made}


@pytest.mark.parametrize("width", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("name", ["few", "many"])
def test_the_page_fits_its_window_and_loads_nothing(
    pages: dict[str, Path], tmp_path: Path, name: str, width: int
) -> None:
    """No scrolling sideways but inside tables, no request, and the words in figures are whole and legible."""
    found: dict[str, Any] = json.loads(browser.asked(pages[name], LAYOUT, width=width, directory=tmp_path))
    assert found["width"] == width
    assert found["scroll"] <= width
    assert found["wide"] == []
    assert found["loaded"] == []
    assert found["loaders"] == 0
    assert all(0 < w <= width and h > 80 for w, h in found["figures"])
    assert found["clipped"] == []
    assert found["smallest"] >= 9
