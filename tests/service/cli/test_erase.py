"""`seamark erase` against a service that answers from a list."""

import json
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from service.cli import client
from service.cli.main import app

ANSWER = {"erased": [{"tombstone": "ab" * 32, "at": 1.0}], "removed": {"candidates": 2}, "off_disk": True}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the command sends; the service answers with `ANSWER`, or with what the test put there."""
    bodies: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        assert request.url.path == "/v1/erase"
        return httpx.Response(200, json=ANSWER)

    real = httpx.Client

    def faked(**options: Any) -> httpx.Client:
        return real(**options, transport=httpx.MockTransport(answer))

    monkeypatch.setattr(client.httpx, "Client", faked)
    return bodies


def test_it_says_what_went_and_never_which_item(sent: list[dict[str, Any]]) -> None:
    """One line; who erases and why go along."""
    done = CliRunner().invoke(app, ["erase", "t-17", "t-18", "--who", "ada", "--why", "asked for"])
    assert done.output == "1 erased: 2 candidates; the file was written anew\n"
    assert sent == [{"ids": ["t-17", "t-18"], "who": "ada", "why": "asked for"}]


def test_ids_may_come_from_standard_input(sent: list[dict[str, Any]]) -> None:
    """So they are in no list of processes and no history of a shell."""
    done = CliRunner().invoke(app, ["erase", "-", "--who", "a", "--why", "b"], input="t 1\n\nt 2\n")
    assert done.exit_code == 0
    assert sent[0]["ids"] == ["t 1", "t 2"]


def test_it_fails_while_the_file_may_still_hold_the_item(
    sent: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that goes by the exit code erases again."""
    monkeypatch.setitem(ANSWER, "off_disk", False)
    monkeypatch.setitem(ANSWER, "removed", {})
    done = CliRunner().invoke(app, ["erase", "t-17", "--who", "a", "--why", "b"])
    assert done.exit_code == 1
    assert "nothing was kept of it; old pages of the file may still hold it" in done.output
