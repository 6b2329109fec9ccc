"""What survives when a process dies, stops or is asked to end."""

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from model_store import ModelStore
from tests.support.running import RunningService, eventually

pytestmark = pytest.mark.slow

Start = Callable[..., RunningService]


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
    """SIGKILL of one of two workers fails only its own connections; it comes back, little is lost."""
    service = start_service()
    with Load(service, threads=4) as load:
        eventually(lambda: load.items > 400, within=30, what="400 items answered")
        victim = service.processes("Seamark")[0]
        victim.kill()
        before = load.items
        eventually(lambda: load.items > before + 400, within=30, what="answers after the kill")
        eventually(
            lambda: len({each.pid for each in service.processes("Seamark")} - {victim.pid}) == 2,
            within=30,
            what="a new worker",
        )
    failed = sum(count for outcome, count in load.outcomes.items() if outcome != "200")
    assert failed <= 4, load.outcomes
    assert service.stop() == 0
    lost = load.items - stored_items(service)
    assert -4 * 4 <= lost <= 0.2 * load.items, (lost, load.items)


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
    assert load.outcomes.keys() == {"200"}
    assert service.stop() == 0
    assert stored_items(service) == load.items


def test_a_stopped_watcher_never_slows_readiness_or_predictions(start_service: Start) -> None:
    """SIGSTOP of the watcher: /readyz in < 100 ms, predictions go on, the lag shows; SIGCONT heals."""
    service = start_service({"SEAMARK_LEASE_SECONDS": "3"})
    service.predict("where is my parcel")
    eventually(lambda: closed_buckets(service) > 0, within=30, what="a closed bucket")
    (watcher,) = service.processes("Monitor")
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
    assert service.predict(canary).status_code == 200
    assert service.client.post(
        "/predict", content=b'{"items": [{"text": 1, "' + canary.encode() + b'": 2}]}'
    ).status_code in {400, 415, 422}
    headers = {"Content-Type": "application/json"}
    broken = service.client.post(
        "/predict", content=b'{"items": [{"text": "' + canary.encode(), headers=headers
    )
    assert broken.status_code == 400
    assert canary not in broken.text
    eventually(lambda: stored_items(service) == 1, within=30, what="the item counted")
    assert canary not in service.client.get("/metrics").text
    assert service.stop() == 0
    assert canary not in service.log.read_text()
    assert all(
        canary.encode() not in path.read_bytes() for path in service.state.rglob("*") if path.is_file()
    )


def closed_buckets(service: RunningService) -> int:
    """Return how many buckets have been closed."""
    with sqlite3.connect(f"file:{service.state / 'seamark.sqlite3'}?mode=ro", uri=True) as state:
        (count,) = state.execute("select count(*) from buckets").fetchone()
    return int(count)
