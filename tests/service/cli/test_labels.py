"""All settled labels as a file, and what is said when a web page comes in place of an answer."""

import json
from pathlib import Path

import httpx
import pytest

from tests.support.command import Command


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """Answer every request with two lines, and keep the requests."""
    asked: list[httpx.Request] = []
    made = httpx.Client

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.host == "proxy":
            return httpx.Response(200, html="<html>Sign in</html>")
        return httpx.Response(200, content=b"key,label\nk,late\n", headers={"Content-Type": "text/csv"})

    def client(**options: object) -> httpx.Client:
        return made(**{**options, "transport": httpx.MockTransport(reply)})  # type: ignore[arg-type]

    monkeypatch.setattr(httpx, "Client", client)
    return asked


def test_the_file_s_name_says_the_form(seamark: Command, answer: list[httpx.Request], tmp_path: Path) -> None:
    """Written whole; what is not asked for is not sent."""
    code, said, _ = seamark("labels", "--to", tmp_path / "all.csv", "--json")
    assert (code, json.loads(said)) == (0, {"file": str(tmp_path / "all.csv")})
    assert (tmp_path / "all.csv").read_bytes() == b"key,label\nk,late\n"
    seamark("labels", "--to", tmp_path / "all", "--format", "jsonl", "--model", "m@1", "--batch", "b")
    assert [dict(each.url.params) for each in answer] == [
        {"format": "csv"},
        {"format": "jsonl", "model": "m@1", "batch": "b"},
    ]


def test_a_form_that_is_none_is_a_usage_error(seamark: Command, tmp_path: Path) -> None:
    """The option that settles it is named."""
    code, _, error = seamark("labels", "--to", tmp_path / "labels.xlsx")
    assert (code, "'xlsx' is not csv or jsonl" in error) == (2, True)


def test_a_web_page_in_place_of_an_answer_is_one_line(
    seamark: Command, answer: list[httpx.Request], tmp_path: Path
) -> None:
    """A proxy's login page is no file of labels, whatever its status."""
    code, _, error = seamark("labels", "--to", tmp_path / "l.csv", "--url", "http://proxy")
    assert (code, error.count("\n")) == (1, 1)
    assert "GET /v1/labels: 200, a web page (HTML) and not an answer of Seamark; check --url" in error
    assert not (tmp_path / "l.csv").exists()
