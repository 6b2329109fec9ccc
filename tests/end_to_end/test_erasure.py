"""An item is erased from a service that runs, while its workers still tell of it."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.support.running import RunningService, eventually

pytestmark = pytest.mark.slow

Start = Callable[..., RunningService]
ID, WORD = "customer-4711-ticket", "canaryzebra"
OTHER = "canaryother"


def holding(word: str, *directories: Path) -> list[str]:
    """The files below the directories that hold a word."""
    files = [path for each in directories for path in sorted(each.rglob("*")) if path.is_file()]
    return [path.name for path in files if word.encode() in path.read_bytes()]


def send(service: RunningService, item: str, text: str) -> None:
    """Let the service answer one item."""
    body = {"items": [{"text": text, "id": item, "source": "email"}]}
    assert service.client.post("/predict", json=body).status_code == 200


def batch_with(service: RunningService, item: str) -> str:
    """Make a batch that holds the item, once its bucket is closed; return its id."""
    answers: list[httpx.Response] = []

    def made() -> bool:
        answers.append(service.client.post("/v1/batches", json={"by": "kim", "size": 50}))
        return answers[-1].status_code == 200

    eventually(made, within=10, what="a batch can be made")
    batch = str(answers[-1].json()["id"])
    assert f'"{item}"' in service.client.get(f"/v1/batches/{batch}/items").text
    return batch


def stored(service: RunningService) -> bool:
    """Tell whether a file of the state holds the item."""
    return holding(WORD, service.state) != []


def test_an_item_is_erased_while_workers_still_tell_of_it(start_service: Start) -> None:
    """Stored, in a batch, labelled, and sent again and again: after one command no byte of it is left."""
    service = start_service()
    # first, so that any batch has it: one is cut from closed buckets, and sixty items may take more than one
    send(service, ID, f"{WORD} somebody took money from my account")
    for n in range(60):
        send(service, f"other-{n}", f"{OTHER} where is my parcel number {n} gone, it was sent weeks ago")
    eventually(lambda: stored(service), within=10, what="the item is stored")
    batch = batch_with(service, ID)
    labels = {"labels": [{"key": ID, "label": "fraud", "annotation_id": f"tool-{ID}", "annotator": "kim"}]}
    assert service.client.post(f"/v1/batches/{batch}/labels", json=labels).json()["accepted"] == 1
    stop = threading.Event()

    def resend() -> None:
        with httpx.Client(base_url=service.base_url, timeout=10.0, trust_env=False) as client:
            while not stop.is_set():
                body = {"items": [{"text": f"{WORD} somebody took money from my account", "id": ID}]}
                assert client.post("/predict", json=body).status_code == 200

    senders = [threading.Thread(target=resend, daemon=True) for _ in range(2)]
    for each in senders:
        each.start()
    done = subprocess.run(
        [sys.executable, "-m", "service.cli", "erase", "-", "--who", "ada", "--why", "asked for"],
        check=False,
        input=ID,
        env={"SEAMARK_URL": service.base_url, "PATH": ""},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert ID not in done.stdout
    before = service.metric("seamark_items_total")
    eventually(
        lambda: service.metric("seamark_items_total") > before + 50, within=20, what="it is sent again"
    )
    stop.set()
    for each in senders:
        each.join(timeout=15)
    eventually(lambda: service.metric("seamark_flush_lag_seconds") < 1, within=10, what="all is flushed")
    assert holding(WORD, service.state) == holding(ID, service.state) == []
    assert ID not in service.log.read_text()
    assert holding(OTHER, service.state) != []
    (label,) = [
        each
        for each in service.client.get(f"/v1/batches/{batch}/items").text.splitlines()
        if "erased:" in each
    ]
    assert WORD not in label
