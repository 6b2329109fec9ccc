"""What a running service makes of a full disk, of a bundle it cannot read, and of rows that are none."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from model_store import ModelStore
from tests.end_to_end.test_kills import Load, stored_items
from tests.support import bundles
from tests.support.bundles import tiny_item
from tests.support.running import RunningService, eventually, launch

pytestmark = pytest.mark.slow

Start = Callable[..., RunningService]
CANARY = "xyzzy-canary-71f0"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a file system of 4 MB."""
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", path], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.decode().strip()}")
    yield path
    subprocess.run(["umount", "--lazy", path], check=True)


def fill(disk: Path) -> Path:
    """Leave not a byte on `disk`; return the file to remove again."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


def test_a_full_disk_costs_no_answer_and_no_count(start_service: Start, small_disk: Path) -> None:
    """Predictions go on, through a promotion too; when there is space again every item is stored."""
    service = start_service({"SEAMARK_STATE": str(small_disk / "state")})
    service.state = small_disk / "state"
    with Load(service) as load:
        eventually(lambda: load.items > 400, within=30, what="400 items answered")
        workers = {each.pid for each in service.processes("Seamark")}
        filler = fill(small_disk)
        ModelStore(service.models).promote("tickets", "2", who="tests", why="full", at=time.time())
        eventually(lambda: load.versions[-1:] == ["2"], within=30, what="an answer of version 2")
        eventually(lambda: service.metric("seamark_flush_lag_seconds") > 3, within=30, what="a visible lag")
        filler.unlink()
        eventually(lambda: service.metric("seamark_flush_lag_seconds") < 2, within=60, what="the lag gone")
    assert {each.pid for each in service.processes("Seamark")} == workers
    assert load.outcomes.keys() == {"200"}
    assert service.stop() == 0
    assert stored_items(service) == load.items


def test_a_bundle_of_a_newer_format_is_refused_while_running_and_at_the_start(start_service: Start) -> None:
    """The version that answers stays; a restart ends with one line that says to upgrade."""
    service = start_service()
    store = ModelStore(service.models)
    manifest = store.path("tickets", "2") / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 99}))
    change = {"who": "kim", "why": "newer"}
    assert service.client.post("/v1/models/2/promote", json=change).status_code == 409
    pointer = service.models / "tickets" / "current.json"
    pointer.write_text(json.dumps(json.loads(pointer.read_text()) | {"to_version": "2"}))
    eventually(lambda: service.metric("seamark_bundles_refused_total") >= 1, within=30, what="the refusal")
    assert service.predict("hello there").json()["model"]["version"] == "1"
    assert service.stop() == 0
    assert "bundle format 99 is newer" in service.log.read_text()
    ended = subprocess.run(
        [sys.executable, "-m", "service.cli", "serve", "--store", service.models, "--state", service.state],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert "upgrade seamark" in ended.stderr


def test_rows_that_are_none_cost_no_answer_and_leave_no_trace(tmp_path: Path) -> None:
    """Each is refused with its column; the next good row is answered, and only good ones are counted."""
    models = ModelStore(tmp_path / "tables")
    bundles.publish_tiny(models, kind="features")
    service = launch(tmp_path, models.root, {"SEAMARK_MODEL": "tiny", "SEAMARK_WORKERS": "1"})
    good = tiny_item(CANARY, amount=2.5)
    bad: dict[str, tuple[int, str | None]] = {
        f'{{"topic": "{CANARY}", "amount": NaN}}': (400, None),
        f'{{"topic": "{CANARY}", "amount": -Infinity}}': (400, None),
        f'{{"topic": "{CANARY}", "amount": 1e400}}': (422, "$.items[0].features.amount"),
        f'{{"topic": {{"{CANARY}": []}}}}': (422, "$.items[0].features.topic"),
        f'["{CANARY}"]': (422, "$.items[0].features"),
        json.dumps({**good, "amount": 10**400}): (422, "$.items[0].features.amount"),
        json.dumps({**good, "amount": True}): (422, "$.items[0].features.amount"),
        json.dumps({**good, "topic": None}): (422, "$.items[0].features.topic"),
        json.dumps({**good, CANARY: 1}): (422, "$.items[0].features"),
        json.dumps({f"{CANARY}{at}": at for at in range(1_025)}): (422, "$.items[0].features"),
    }
    try:
        for content, (status, field) in bad.items():
            body = f'{{"items": [{{"features": {content}}}]}}'
            refused = service.client.post(
                "/predict", content=body, headers={"Content-Type": "application/json"}
            )
            assert (refused.status_code, refused.json().get("field")) == (status, field), content[:80]
            assert CANARY not in refused.text
            answered = service.client.post("/predict", json={"items": [{"features": good}]})
            assert answered.status_code == 200
        assert service.client.post("/predict", json={"items": [{"text": CANARY}]}).status_code == 422
        eventually(
            lambda: service.metric("seamark_items_total") == len(bad), within=10, what="good rows are counted"
        )
        assert CANARY not in service.client.get("/metrics").text
    finally:
        service.client.close()
        assert service.stop() == 0
    assert stored_items(service) == len(bad)
    assert CANARY not in service.log.read_text()
