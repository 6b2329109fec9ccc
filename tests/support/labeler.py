"""A client that labels, promotes, rolls back until it is killed, and writes down what it asks and is told.

Run as a program: `python tests/support/labeler.py URL JOURNAL WHO SEED`. A line of the journal is written
before a request goes out and after its answer came, so that everything acknowledged is on file at any kill.
What its predecessor asked and was not told the end of, it asks again, word for word.
"""

import json
import os
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx

CLASSES: Final = ("billing", "delivery", "none_of_these")
LEASE_MINUTES: Final = 0.03
GIVE_UP_SECONDS: Final = 120.0
REFUSED: Final = (404, 409)


class Journal:
    """Lines in a file, each written at once."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, what: str, **fields: Any) -> None:
        """Append a line; a process that is killed afterwards has written it."""
        line = {"what": what, "at": time.time(), **fields}
        os.write(self._file, (json.dumps(line) + "\n").encode())


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a journal."""
    if not path.exists():
        return []
    content = path.read_bytes()
    return [json.loads(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]


def unanswered(lines: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what was asked and never answered."""
    answered = {line["ask"] for line in lines if line["what"] == "told"}
    return (line for line in lines if line["what"] == "asked" and line["ask"] not in answered)


class Labeler:
    """One incarnation of a client."""

    def __init__(self, url: str, journal: Path, who: str, seed: int) -> None:
        self._before = lines_of(journal)
        self._journal, self._who, self._random = Journal(journal), who, Random(seed)
        self._seen = [
            (line["path"].split("/")[3], row["key"])
            for line in self._before
            if line["what"] == "asked" and line["kind"] == "label"
            for row in line["body"]["labels"]
        ]
        self._http = httpx.Client(base_url=url, timeout=20.0, trust_env=False)

    def run(self) -> None:
        """Work until killed."""
        for line in unanswered(self._before):
            self._send(line["ask"], line["kind"], line["path"], line["body"], line["key"])
        self._journal.write("ready")
        while True:
            self._turn()

    def _turn(self) -> None:
        if self._random.random() < 0.1:
            self._ask("rollback", "/v1/models/rollback", {"who": self._who, "why": "no good"})
            return
        if self._random.random() < 0.3:
            version = self._random.choice("12")
            self._ask("promote", f"/v1/models/{version}/promote", {"who": self._who, "why": "a try"})
            return
        opened = [each for each in self._http_get("/v1/batches")["batches"] if each["state"] == "open"]
        if opened and self._random.random() < 0.9:
            self._label(self._random.choice(opened)["id"])
            return
        overlap = self._random.choice((1, 2))
        wanted = {"by": self._who, "size": 10, "overlap": overlap}
        if self._ask("batch", "/v1/batches", wanted) is None and self._seen:
            self._send_label(*self._random.choice(self._seen))  # a late one, or a second opinion

    def _label(self, batch: str) -> None:
        wanted = {"who": self._who, "size": self._random.randint(1, 6), "minutes": LEASE_MINUTES}
        leased = self._ask("lease", f"/v1/batches/{batch}/lease", wanted)
        if leased is None or leased["lease"] is None:
            return
        for item in leased["items"]:
            self._seen.append((batch, item["key"]))
            self._send_label(batch, item["key"], lease=leased["lease"])

    def _send_label(self, batch: str, key: str, **more: str) -> None:
        row = {
            "key": key,
            "label": self._random.choice(CLASSES),
            "annotation_id": uuid.uuid4().hex,
            "annotator": self._who,
            **more,
        }
        self._ask("label", f"/v1/batches/{batch}/labels", {"labels": [row]})

    def _ask(self, kind: str, path: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        ask, key = uuid.uuid4().hex, uuid.uuid4().hex
        self._journal.write("asked", ask=ask, kind=kind, path=path, body=body, key=key)
        return self._send(ask, kind, path, body, key)

    def _send(self, ask: str, kind: str, path: str, body: Mapping[str, Any], key: str) -> Any:
        """Send until there is an answer; a worker that is killed meanwhile costs a further try."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while True:
            try:
                reply = self._http.post(path, json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError as error:
                self._journal.write("cut", ask=ask, kind=kind, error=type(error).__name__)
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
                continue
            if reply.status_code >= 500:
                self._journal.write("failed", ask=ask, kind=kind, status=reply.status_code, reply=reply.text)
                time.sleep(0.1)
                continue
            told = reply.json()
            self._journal.write("told", ask=ask, kind=kind, path=path, status=reply.status_code, reply=told)
            if reply.status_code in REFUSED:
                return None
            reply.raise_for_status()
            return told

    def _http_get(self, path: str) -> Any:
        while True:
            try:
                reply = self._http.get(path)
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            if reply.status_code == 200:
                return reply.json()
            time.sleep(0.1)


if __name__ == "__main__":
    Labeler(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])).run()
