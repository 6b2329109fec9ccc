"""What `seamark estimates` shows: a table with intervals, and in words what stands in their way."""

import json
from typing import Any

import httpx
import pytest

from tests.support.command import Command

INTERVAL = {"estimate": 0.042, "low": 0.009, "high": 0.118}
QUALITY = {"precision": INTERVAL, "recall": None, "f1": None}
LINE = {
    "batch": "b1",
    "model": "tickets@1",
    "created_at": 1.0,
    "drawn": 40,
    "labelled": 37,
    "skipped": 1,
    "open": 2,
    "left_out": 4,
    "unused": None,
}
REPLY: dict[str, Any] = {
    "model": "tickets@1",
    "mode": "mixed",
    "since": None,
    "confidence": 0.95,
    "explored": {
        "drawn": 40,
        "labelled": 37,
        "skipped": 1,
        "open": 2,
        "left_out": 4,
        "labels_used": 37,
        "effective_labels": 36.5,
        "occurrences": 12_000,
    },
    "recall_takes": {"labels": 150, "more": 113},
    "classes": [
        {"class": "fraud", "positives": 2, "prevalence": INTERVAL, "flags": QUALITY, "answers": None},
    ],
    "none_of_these": {"positives": 0, "prevalence": {"estimate": None, "low": 0.0, "high": 1.0}},
    "unsteady": ["fraud"],
    "batches": [LINE, {**LINE, "batch": "b0", "unused": "before_the_change"}],
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """Answer every request with the reply, and keep the requests."""
    found: list[httpx.Request] = []
    made = httpx.Client

    def reply(request: httpx.Request) -> httpx.Response:
        found.append(request)
        return httpx.Response(200, json=REPLY)

    def client(**options: object) -> httpx.Client:
        return made(**{**options, "transport": httpx.MockTransport(reply)})  # type: ignore[arg-type]

    monkeypatch.setattr(httpx, "Client", client)
    return found


def test_figures_have_intervals_and_what_is_missing_is_said(
    seamark: Command, asked: list[httpx.Request]
) -> None:
    """Percent between bounds; the labels a recall still takes; open, skipped and left-out draws; batches."""
    code, said, _ = seamark("estimates")
    words = " ".join(said.split())
    assert code == 0
    assert "4.2 (0.90 to 11.8)" in words
    for each in (
        "37 explored labels of 1 batch, worth 36.5 of equal weight; they stand for 12,000 items",
        "Recall and F1 take 150 explored labels: label 113 more.",
        "3 of 40 drawn items have no label (2 open, 1 skipped)",
        "4 draws were left out",
        "fraud is more common in some of these batches than in others",
        "b0 is not used: it is of traffic from before it last moved",
    ):
        assert each in words


def test_only_what_is_asked_for_is_sent_and_json_is_the_reply(
    seamark: Command, asked: list[httpx.Request]
) -> None:
    """Options become queries; with --json a program reads what the service said."""
    _, said, _ = seamark("estimates", "--batch", "b1", "--since", 0, "--json")
    assert json.loads(said) == REPLY
    assert dict(asked[0].url.params) == {"mode": "mixed", "batch": "b1", "since": "0"}
