"""What survives when a process dies, stops or is asked to end."""

import json
import re
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from model_store import ModelStore
from tests.support.running import RunningService, eventually, spawn

pytestmark = pytest.mark.slow

Start = Callable[..., RunningService]
FLUSH_SECONDS = 0.25  # what `launch` sets


class Load:
    """Requests in the background, one after another per thread, each outcome kept."""

    def __init__(self, service: RunningService, threads: int = 2, items: int = 4) -> None:
        self._service, self._items = service, items
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        self.outcomes: Counter[str] = Counter()
        self.versions: list[str] = []

    def _run(self) -> None:
        body = {"items": [{"text": f"where is my parcel {n}"} for n in range(self._items)]}
        with httpx.Client(base_url=self._service.base_url, timeout=10.0, trust_env=False) as client:
            while not self._stop.is_set():
                try:
                    response = client.post("/predict", json=body)
                    self.outcomes[str(response.status_code)] += 1
                    if response.status_code == 200:
                        self.versions.append(response.json()["model"]["version"])
                except httpx.TransportError as error:
                    self.outcomes[type(error).__name__] += 1

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=15)

    @property
    def items(self) -> int:
        """Items answered with 200."""
        return self.outcomes["200"] * self._items


def stored_items(service: RunningService) -> int:
    """Return how many items the state holds, in open flushes and closed buckets."""
    with sqlite3.connect(f"file:{service.state / 'seamark.sqlite3'}?mode=ro", uri=True) as state:
        (flushed,) = state.execute("select coalesce(sum(items), 0) from flushes").fetchone()
        (closed,) = state.execute("select coalesce(sum(items), 0) from buckets").fetchone()
    return int(flushed + closed)


def test_every_item_answered_before_sigterm_is_in_the_store(start_service: Start) -> None:
    """SIGTERM under load loses no count: the store holds exactly the items that were answered."""
    service = start_service()
    with Load(service) as load:
        eventually(lambda: load.items > 400, within=30, what="400 items answered")
    assert service.stop() == 0
    assert load.outcomes.keys() == {"200"}
    assert stored_items(service) == load.items


def test_a_killed_worker_is_replaced_and_the_other_serves(start_service: Start) -> None:
    """SIGKILL of one of two workers fails only its own connections, and costs what its lag said it would."""
    service = start_service()
    with Load(service, threads=4) as load:
        eventually(lambda: load.items > 400, within=30, what="400 items answered")
        lag, before, started = service.metric("seamark_flush_lag_seconds"), load.items, time.monotonic()
        time.sleep(1.0)
        per_second = (load.items - before) / (time.monotonic() - started)
        victim = service.processes("Seamark")[0]
        victim.kill()
        before = load.items
        eventually(lambda: load.items > before + 400, within=30, what="answers after the kill")
        eventually(
            lambda: len({each.pid for each in service.processes("Seamark")} - {victim.pid}) == 2,
            within=30,
            what="a new worker",
        )
    gone = rf"worker [12], process {victim.pid}, is gone: killed by signal 9, SIGKILL; "
    assert len(re.findall(gone, service.log.read_text())) == 1
    failed = sum(count for outcome, count in load.outcomes.items() if outcome != "200")
    assert failed <= 4, load.outcomes
    assert service.stop() == 0
    assert service.log.read_text().count("is gone") == 1, "those that were asked to end are no news"
    lost = load.items - stored_items(service)
    # A request may have been counted and not answered; what came since the last flush is at risk.
    at_risk = max(lag, FLUSH_SECONDS) + 0.5
    assert -4 * 4 <= lost <= 2 * per_second * at_risk, (lost, per_second, lag)


def test_when_the_first_process_is_killed_the_others_end_in_good_order(start_service: Start) -> None:
    """Nobody would restart them, and no new server could have the port; every item answered is stored."""
    service = start_service()
    with Load(service) as load:
        eventually(lambda: load.items > 400, within=30, what="400 items answered")
        others = psutil.Process(service.process.pid).children(recursive=True)
        service.process.kill()
        _, alive = psutil.wait_procs(others, timeout=60)
    service.process.wait(timeout=5)
    assert alive == []
    assert stored_items(service) == load.items


def test_processes_whose_server_is_killed_while_they_load_end_too(
    ticket_models: Path, tmp_path: Path
) -> None:
    """They start after it is gone, as far as they know; none stays on its port."""
    server = spawn(tmp_path, ticket_models, {})
    children: list[psutil.Process] = []

    def are_there() -> bool:
        children[:] = psutil.Process(server.process.pid).children(recursive=True)
        return len(children) >= 3

    eventually(are_there, within=60, what="the server has started its processes")
    server.process.kill()
    server.process.wait(timeout=5)
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    server.client.close()


def test_a_service_that_was_killed_goes_on_where_it_was(start_service: Start) -> None:
    """SIGKILL of every process: baseline, counts, batch and labels are there after the restart."""
    settings = {"SEAMARK_BASELINE_ITEMS": "500", "SEAMARK_LEASE_SECONDS": "1"}
    service, started = start_service(settings), time.monotonic()
    with Load(service) as load:
        eventually(lambda: baseline_kind(service) == "frozen", within=30, what="a frozen baseline")
        batch = service.client.post("/v1/batches", json={"by": "kim", "size": 10}).json()
        key = json.loads(service.client.get(f"/v1/batches/{batch['id']}/items").text.splitlines()[0])["key"]
        row = {"key": key, "label": "delivery", "annotation_id": "a1", "annotator": "kim"}
        path = f"/v1/batches/{batch['id']}/labels"
        assert service.client.post(path, json={"labels": [row]}).json()["accepted"] == 1
        service.kill()
        per_second = load.items / (time.monotonic() - started)
    counted, status = stored_items(service), read_status(service)
    again = start_service(settings)
    seen: list[float | None] = []
    eventually(lambda: seen.append(batches_by_hand(again)) or seen[-1] is not None, within=30, what="a total")
    assert (set(seen[:-1]) <= {None}, seen[-1]) == (True, 1.0), "a restart looks like a new batch"
    assert again.client.post(path, json={"labels": [row]}).json()["repeated"] == 1
    after = again.client.get("/v1/drift").json()
    assert after["baseline"] == json.loads(status)["baseline"]
    assert after["baseline"]["kind"] == "frozen"
    with Load(again) as more:
        eventually(lambda: more.items > 400, within=30, what="400 items answered")
        eventually(lambda: again.client.get("/v1/drift").json()["items"] > after["items"], within=30, what="")
    assert again.stop() == 0
    assert stored_items(again) == counted + more.items
    assert load.items - counted <= 2 * per_second * (FLUSH_SECONDS + 0.5)


def test_a_label_is_on_disk_before_its_reply(start_service: Start) -> None:
    """SIGKILL of everything right after a 2xx: what a data team or an operator was told holds."""
    service = start_service()
    service.predict(*(f"where is my parcel number {n}" for n in range(50)))
    eventually(lambda: closed_buckets(service) > 0, within=30, what="a closed bucket")
    batch = service.client.post("/v1/batches", json={"by": "kim", "size": 10}).json()["id"]
    items = service.client.get(f"/v1/batches/{batch}/items").text.splitlines()
    rows = [{"key": json.loads(line)["key"], "label": "billing", "annotation_id": "a"} for line in items]
    assert (
        service.client.post("/v1/models/2/promote", json={"who": "kim", "why": "better"}).status_code == 200
    )
    assert service.client.post(f"/v1/batches/{batch}/labels", json={"labels": rows}).status_code == 200
    service.kill()
    assert ModelStore(service.models).current("tickets") == "2"
    assert [each.why for each in ModelStore(service.models).history("tickets")][-1] == "better"
    with sqlite3.connect(service.state / "seamark.sqlite3") as state:
        labelled = state.execute("select count(*) from batch_items where label = 'billing'").fetchone()
    assert labelled == (len(rows),)
    again = start_service()
    assert again.predict("hello there").json()["model"]["version"] == "2"


def test_two_servers_on_one_state_share_it(start_service: Start) -> None:
    """Each counts what it answered, one watches, and neither touches the other's metrics."""
    settings = {"SEAMARK_BASELINE_ITEMS": "500", "SEAMARK_LEASE_SECONDS": "1"}
    first, second = start_service(settings), start_service(settings)
    with Load(first) as one, Load(second) as two:
        eventually(lambda: min(one.items, two.items) > 400, within=30, what="400 items from each")
        eventually(lambda: baseline_kind(first) == "frozen", within=30, what="a frozen baseline")
    for server, load in ((first, one), (second, two)):
        eventually(
            lambda server=server, load=load: server.metric("seamark_items_total") == load.items,
            within=30,
            what="the server's own items",
        )
    assert (
        first.client.get("/v1/drift").json()["baseline"] == second.client.get("/v1/drift").json()["baseline"]
    )
    workers = first.client.get("/v1/models").json()["workers"]
    assert len(workers) == 4
    assert first.stop() == 0
    closed = closed_buckets(second)
    with Load(second) as more:
        eventually(lambda: closed_buckets(second) > closed + 1, within=30, what="the other watcher closes")
    assert second.stop() == 0
    assert stored_items(second) == one.items + two.items + more.items


def test_a_killed_watcher_resumes_where_it_was(start_service: Start) -> None:
    """SIGKILL of the watcher: predictions go on, a new one takes over, no item is counted twice or lost."""
    service = start_service()
    with Load(service) as load:
        eventually(lambda: stored_items(service) > 400, within=30, what="400 items stored")
        (watcher,) = service.processes("Monitor")
        watcher.kill()
        closed = closed_buckets(service)
        eventually(
            lambda: closed_buckets(service) > closed + 2, within=60, what="buckets closed by a new watcher"
        )
    assert f"the watcher, process {watcher.pid}, is gone: killed by signal 9" in service.log.read_text()
    assert load.outcomes.keys() == {"200"}
    assert service.stop() == 0
    assert stored_items(service) == load.items


def test_a_stopped_watcher_never_slows_readiness_or_predictions(start_service: Start) -> None:
    """It gives way; SIGSTOP: /readyz in < 100 ms, predictions go on, the lag shows; SIGCONT heals."""
    service = start_service({"SEAMARK_LEASE_SECONDS": "3"})
    service.predict("where is my parcel")
    eventually(lambda: closed_buckets(service) > 0, within=30, what="a closed bucket")
    (watcher,) = service.processes("Monitor")
    assert watcher.nice() == 10 + service.processes("Seamark")[0].nice()
    watcher.suspend()
    try:
        durations = []
        for _ in range(20):
            started = time.monotonic()
            assert service.client.get("/readyz").status_code == 200
            durations.append(time.monotonic() - started)
            assert service.predict("where is my parcel").status_code == 200
        assert sorted(durations)[len(durations) // 2] < 0.1
        eventually(lambda: service.metric("seamark_watcher_lag_seconds") > 2, within=30, what="a visible lag")
    finally:
        watcher.resume()
    eventually(lambda: service.metric("seamark_watcher_lag_seconds") < 2, within=30, what="the lag gone")


def test_promotion_under_load_fails_no_request(start_service: Start) -> None:
    """A promotion swaps both workers: every request is answered, by version 1 and later by version 2 only."""
    service = start_service()
    store = ModelStore(service.models)
    with Load(service, threads=4) as load:
        eventually(lambda: load.items > 200, within=30, what="200 items answered")
        store.promote("tickets", "2", who="tests", why="better", at=time.time())
        eventually(lambda: load.versions[-1:] == ["2"], within=30, what="an answer of version 2")
        eventually(lambda: set(load.versions[-200:]) == {"2"}, within=30, what="only version 2 answers")
    assert load.outcomes.keys() == {"200"}
    assert set(load.versions) == {"1", "2"}
    assert service.stop() == 0
    assert stored_items(service) == load.items


def test_a_bundle_damaged_on_disk_is_refused_and_the_old_one_serves(start_service: Start) -> None:
    """A version whose model changed by one byte after promotion is named in the log; version 1 goes on."""
    service = start_service()
    store = ModelStore(service.models)
    store.promote("tickets", "2", who="tests", why="better", at=time.time())
    eventually(
        lambda: service.predict("hello there").json()["model"]["version"] == "2", within=30, what="version 2"
    )
    model = store.path("tickets", "1") / "model.onnx"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.chmod(0o644)
    model.write_bytes(content)
    pointer = service.models / "tickets" / "current.json"
    pointer.write_text(
        pointer.read_text()
        .replace('"to_version": "2"', '"to_version": "1"')
        .replace('"to_version":"2"', '"to_version":"1"')
    )
    eventually(
        lambda: service.metric("seamark_bundles_refused_total") >= 1, within=30, what="the refusal counted"
    )
    assert "model.onnx" in service.log.read_text()
    assert service.predict("hello there").json()["model"]["version"] == "2"


def test_a_store_that_is_away_is_made_up_for(start_service: Start) -> None:
    """While another process holds the database, predictions go on; afterwards the counts are exact."""
    service = start_service()
    with Load(service) as load:
        eventually(lambda: load.items > 200, within=30, what="200 items answered")
        holder = sqlite3.connect(service.state / "seamark.sqlite3", isolation_level=None)
        holder.execute("begin exclusive")
        before = load.items
        eventually(
            lambda: service.metric("seamark_flush_lag_seconds") > 2, within=60, what="a visible flush lag"
        )
        assert load.items > before
        holder.execute("rollback")
        holder.close()
    assert load.outcomes.keys() == {"200"}
    assert service.stop() == 0
    assert stored_items(service) == load.items


def test_text_stays_out_of_logs_and_metrics(start_service: Start) -> None:
    """A canary text is in no log, metric or error; with KEEP_TEXT=none it is not in the state either."""
    canary = "canaryzebra"
    service = start_service({"SEAMARK_KEEP_TEXT": "none"})
    headers, post = {"Content-Type": "application/json"}, service.client.post
    answers = [
        service.predict(canary),
        post("/predict", json={"items": [{"text": canary, canary: canary}]}),
        post("/predict", content=f'{{"items": [{{"text": "{canary}', headers=headers),
        post("/predict", data={"items": canary}),
        service.client.get(f"/{canary}"),
        post("/v1/drift/baseline", json={"by": [canary]}),
        post(f"/v1/batches/{canary}/labels", json={"labels": [{"key": canary}]}),
    ]
    assert [answer.status_code for answer in answers] == [200, 422, 400, 415, 404, 422, 404]
    # The last answer names the batch the client asked for, which is no item.
    assert all(canary not in answer.text for answer in answers[:-1])
    eventually(lambda: stored_items(service) == 1, within=30, what="the item counted")
    assert canary not in service.client.get("/metrics").text
    assert service.stop() == 0
    assert canary not in service.log.read_text()
    kept = list(service.state.rglob("*"))
    assert not [path for path in kept if canary in path.name]
    assert all(canary.encode() not in path.read_bytes() for path in kept if path.is_file())


def baseline_kind(service: RunningService) -> str | None:
    """Return whether the baseline is provisional or frozen; None before there is one."""
    baseline = service.client.get("/v1/drift").json()["baseline"]
    return None if baseline is None else str(baseline["kind"])


def batches_by_hand(service: RunningService) -> float | None:
    """Return what the service exports as the batches ever made by hand; None while it exports nothing."""
    series = 'seamark_batches_total{reason="by_hand"} '
    lines = service.client.get("/metrics").text.splitlines()
    return next((float(line.removeprefix(series)) for line in lines if line.startswith(series)), None)


def read_status(service: RunningService) -> str:
    """Return the detector's status as the state has it, in JSON."""
    with sqlite3.connect(f"file:{service.state / 'seamark.sqlite3'}?mode=ro", uri=True) as state:
        (status,) = state.execute("select status from detectors").fetchone()
    return str(status)


def closed_buckets(service: RunningService) -> int:
    """Return how many buckets have been closed."""
    with sqlite3.connect(f"file:{service.state / 'seamark.sqlite3'}?mode=ro", uri=True) as state:
        (count,) = state.execute("select count(*) from buckets").fetchone()
    return int(count)
