"""A file of labels reaches the service, the large ones without their texts."""

from json import dumps, loads
from typing import Any, cast

import pytest

from monitoring.waves.label_row import read_row
from monitoring.waves.returns import parse_labels
from service.cli import returning
from service.cli.client import Client, ClientError
from service.cli.returning import send_labels


class Reply:
    """A JSON answer."""

    def __init__(self, value: dict[str, Any]) -> None:
        self.value = value

    def json(self) -> dict[str, Any]:
        """Return its value."""
        return self.value


class Service:
    """Takes labels as the service does: every row is new, but one for item `bad` is refused."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.contents: list[bytes] = []
        self.rows: list[dict[str, Any]] = []

    def post(self, path: str, *, json: Any = None, content: bytes | None = None) -> Reply:
        """Answer with a receipt."""
        self.paths.append(path)
        if content is not None:
            self.contents.append(content)
            return Reply({"accepted": 1, "repeated": 0, "rejected": [], "notes": []})
        rows = loads(dumps(json["labels"]))
        self.rows += rows
        bad = [place for place, row in enumerate(rows) if row["key"] == "bad"]
        notes = [{"row": place, "code": "lease_over", "note": "…"} for place in bad]
        rejected = [{"row": place, "reason": "unknown item"} for place in bad]
        return Reply({"accepted": len(rows) - len(bad), "repeated": 0, "rejected": rejected, "notes": notes})


def send(service: Service, body: bytes, annotator: str | None = None) -> dict[str, Any]:
    """Send a file to a batch."""
    return send_labels(cast(Client, service), "b1", body, annotator=annotator)


def lines(*rows: dict[str, Any]) -> bytes:
    """Return rows as JSON lines."""
    return "".join(dumps(row) + "\n" for row in rows).encode()


def test_a_small_file_travels_as_it_is() -> None:
    """What it is the service finds out; who labelled it goes with the address."""
    service = Service()
    body = lines({"key": "a", "label": "x"})
    send(service, body)
    send(service, body, "Kim & co")
    assert service.contents == [body, body]
    assert service.paths == ["/v1/batches/b1/labels", "/v1/batches/b1/labels?annotator=Kim+%26+co"]


def test_of_a_large_file_only_the_labels_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    """In parts, with the positions of the file in the receipt; each is the row it was in the file."""
    monkeypatch.setattr(returning, "MOST_BYTES", 10)
    monkeypatch.setattr(returning, "ROWS_AT_ONCE", 2)
    posted = [
        {"key": "a", "label": "x", "text": "words of a customer"},
        {"key": "b", "skipped": True, "annotator": "lea"},
        {"label": "x"},
        {"key": "c", "label": ["x", "y"], "annotation_id": "7", "updated_at": "noon"},
        {"key": "d", "label": "x", "lease": "l1", "adjudicated": True, "annotator": "kim"},
        {"key": "bad", "label": "x"},
    ]
    service = Service()
    receipt = send(service, lines(*posted), "kim")
    assert receipt == {
        "accepted": 4,
        "repeated": 0,
        "rejected": [
            {"row": 2, "reason": "missing key: give `key`, or the `id` the item was sent with"},
            {"row": 5, "reason": "unknown item"},
        ],
        "notes": [{"row": 5, "code": "lease_over", "note": "…"}],
    }
    assert len(service.paths) == 3
    assert "customer" not in dumps(service.rows)
    whole = parse_labels(lines(*posted), annotator="kim").rows
    assert tuple(map(read_row, service.rows)) == whole


def test_a_large_file_that_is_no_labels_is_refused_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the words of the service, without a request."""
    monkeypatch.setattr(returning, "MOST_BYTES", 1)
    service = Service()
    with pytest.raises(ClientError, match=r"^body: a web page \(HTML\)"):
        send(service, b"<!doctype html>")
    assert service.paths == []
