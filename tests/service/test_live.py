"""The service under `bentoml serve`, with its real processes, port, log and signals."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from model_store.store import ModelStore
from monitoring.clock import SystemClock
from monitoring.store import open_store
from service.metrics import TABLE
from tests.support import bundles
from tests.support.running import eventually, free_port

pytestmark = pytest.mark.slow

CANARY = "xyzzy-canary-71f0"


@dataclass
class Live:
    """A running server and where it writes."""

    client: httpx.Client
    process: "subprocess.Popen[bytes]"
    models: ModelStore
    state: Path
    log: Path

    def workers(self, service: str) -> list[psutil.Process]:
        """Return the processes of one of the two services."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [each for each in children if service in " ".join(each.cmdline())]

    def metric(self, name: str) -> float:
        """Return the sum of the series of a metric."""
        found = re.findall(rf"^seamark_{name}(?:\{{.*\}})? (\S+)$", self.client.get("/metrics").text, re.M)
        return sum(map(float, found))


def serve(directory: Path, **settings: str) -> Live:
    """Start `bentoml serve` over a tiny bundle and wait until it is ready."""
    models, port = ModelStore(directory / "models"), free_port()
    bundles.publish_tiny(models)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SEAMARK_", "BENTOML_"))}
    environment |= {
        "SEAMARK_STORE": str(models.root),
        "SEAMARK_STATE": str(directory / "state"),
        "SEAMARK_PORT": str(port),
        "SEAMARK_WORKERS": "1",
        "SEAMARK_BUCKET_SECONDS": "0.5",
        "SEAMARK_FLUSH_SECONDS": "0.2",
        "BENTOML_HOME": str(directory / "home"),
        **settings,
    }
    log = directory / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "bentoml", "serve", "service.app:Seamark"],
            env=environment,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False)

    def ready() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    eventually(ready, within=60, what="the service is ready")
    return Live(client, process, models, directory / "state", log)


def stop(live: Live) -> int:
    """End the server and return its exit code."""
    live.client.close()
    if live.process.poll() is None:
        live.process.send_signal(signal.SIGTERM)
    try:
        return live.process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(live.process.pid, signal.SIGKILL)
        raise


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Yield a server for the tests that leave it as it is."""
    running = serve(tmp_path_factory.mktemp("live"))
    yield running
    stop(running)


def predict(live: Live, *texts: str) -> httpx.Response:
    """Send one request."""
    return live.client.post("/predict", json={"items": [{"text": text} for text in texts]})


def test_every_metric_of_the_table_is_exported(live: Live) -> None:
    """Worker and watcher together export the whole table, and the lane is up."""
    assert predict(live, "billing", "login").status_code == 200
    wanted = {f"seamark_{spec.name}" for spec in TABLE}

    def exported() -> bool:
        text = live.client.get("/metrics").text
        return all(re.search(rf"^{name}(_total|_count)?(\{{| )", text, re.M) for name in wanted)

    eventually(exported, within=10, what="every metric is there")
    assert live.metric("lane_active") == 1
    eventually(lambda: live.metric("items_total") == 2, within=5, what="two items are counted")
    assert not re.search(r"^seamark_.*pid=", live.client.get("/metrics").text, re.M)


def test_it_listens_on_loopback_only(live: Live) -> None:
    """Without being told otherwise no other host reaches it, unlike BentoML by itself."""
    addresses = {
        connection.laddr.ip
        for process in [psutil.Process(live.process.pid), *live.workers("service")]
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}


def test_the_watcher_is_not_needed_for_answers_and_readiness(live: Live) -> None:
    """With the watcher stopped /readyz is 200 in 100 ms and predict answers; the lag shows it."""
    (watcher,) = live.workers("Monitor")
    watcher.suspend()
    try:
        started = time.perf_counter()
        assert live.client.get("/readyz").status_code == 200
        elapsed = time.perf_counter() - started
        assert predict(live, "billing").status_code == 200
        eventually(lambda: live.metric("watcher_lag_seconds") > 0, within=15, what="the lag grows")
    finally:
        watcher.resume()
    assert elapsed < 0.1
    eventually(lambda: live.metric("watcher_lag_seconds") == 0, within=15, what="the watcher catches up")


def test_no_text_reaches_the_log_the_metrics_or_an_error(live: Live) -> None:
    """Whatever is wrong with a request, also on the ordinary route behind the lane."""
    answers = [
        predict(live, CANARY),
        live.client.post("/predict", json={"items": [{"text": CANARY, CANARY: CANARY}]}),
        live.client.post(
            "/predict",
            content=f'{{"items": [{{"text": "{CANARY}',
            headers={"Content-Type": "application/json"},
        ),
        live.client.post("/predict", data={"items": CANARY}),
        live.client.get(f"/{CANARY}"),
        live.client.post("/v1/drift/baseline", json={"by": [CANARY]}),
        live.client.post(f"/v1/batches/{CANARY}/labels", json={"labels": [{"key": CANARY}]}),
    ]
    assert [answer.status_code for answer in answers] == [200, 422, 400, 415, 404, 422, 404]
    # The last answer names the batch the client asked for, which is no item.
    assert all(CANARY not in answer.text for answer in answers[:-1])
    assert CANARY not in live.log.read_text()
    assert CANARY not in live.client.get("/metrics").text
    assert not [path for path in live.state.rglob("*") if CANARY in path.name]


def test_a_promotion_is_followed_while_requests_go_on(live: Live) -> None:
    """Within seconds the new version answers; no request in between fails."""
    bundles.publish_tiny(live.models, k=5, promote=False)
    change = {"who": "ada", "why": "more classes"}
    assert live.client.post("/v1/models/2/promote", json=change).status_code == 200
    seen = set()

    def followed() -> bool:
        answer = predict(live, "billing")
        assert answer.status_code == 200
        seen.add(answer.json()["model"]["version"])
        return "2" in seen

    eventually(followed, within=10, what="version 2 answers")
    assert seen <= {"1", "2"}
    assert live.client.post("/v1/models/rollback", json=change).status_code == 200


def test_sigterm_answers_what_is_in_flight_and_stores_what_was_counted(tmp_path: Path) -> None:
    """Every 200 that went out is in the state afterwards, exactly."""
    running = serve(tmp_path)
    answered = 0
    stopping = threading.Event()

    def traffic() -> None:
        nonlocal answered
        with httpx.Client(base_url=running.client.base_url, timeout=10, trust_env=False) as client:
            while not stopping.is_set():
                try:
                    answer = client.post("/predict", json={"items": [{"text": "billing"}] * 3})
                except httpx.TransportError:
                    return
                assert answer.status_code == 200
                answered += 3

    thread = threading.Thread(target=traffic)
    thread.start()
    eventually(lambda: answered > 300, within=20, what="traffic runs")
    code = stop(running)
    stopping.set()
    thread.join()
    assert code == 0
    store = open_store(running.state, clock=SystemClock())
    assert store.counts.total("tiny@1").sum() == answered
    store.close()


def test_the_ordinary_route_serves_when_the_lane_is_off(tmp_path: Path) -> None:
    """The same answers through BentoML's middleware, with its headers, and the metric says so."""
    running = serve(tmp_path, SEAMARK_LANE="off")
    try:
        answer = predict(running, "billing")
        assert answer.status_code == 200
        assert answer.headers["server"] == "BentoML Service/Seamark"
        assert answer.json()["predictions"][0]["label"] == "billing"
        assert running.metric("lane_active") == 0
        refused = running.client.post(
            "/predict", content=f"{CANARY}", headers={"Content-Type": "application/json"}
        )
        assert refused.status_code == 400
        assert CANARY not in running.log.read_text()
        assert "did not take the lane" not in running.log.read_text()
    finally:
        stop(running)
