"""The service with its real processes, port and log; what survives a kill is in end_to_end/test_kills.py."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
import pytest

from model_store.store import ModelStore
from service.metrics import TABLE
from tests.support import bundles
from tests.support.running import RunningService, eventually, launch

pytestmark = pytest.mark.slow

CANARY: Final = "xyzzy-canary-71f0"
BENTOML_SERVE: Final = (sys.executable, "-m", "bentoml", "serve", "service.app:Seamark")
SETTINGS: Final = {"SEAMARK_MODEL": "tiny", "SEAMARK_WORKERS": "1"}


@pytest.fixture(scope="module")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with one promoted tiny bundle."""
    store = ModelStore(tmp_path_factory.mktemp("tiny") / "models")
    bundles.publish_tiny(store)
    return store.root


@pytest.fixture(scope="module")
def live(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Yield a server for the tests that leave it as it is."""
    running = launch(tmp_path_factory.mktemp("live"), tiny_models, SETTINGS)
    yield running
    running.client.close()
    running.stop()


def test_every_metric_of_the_table_is_exported(live: RunningService) -> None:
    """Worker and watcher together export the whole table, and the lane is up."""
    assert live.predict("billing", "login").status_code == 200
    wanted = {f"seamark_{spec.name}" for spec in TABLE}

    def exported() -> bool:
        text = live.client.get("/metrics").text
        return all(re.search(rf"^{name}(_total|_count)?(\{{| )", text, re.M) for name in wanted)

    eventually(exported, within=10, what="every metric is there")
    assert live.metric("seamark_lane_active") == 1
    eventually(lambda: live.metric("seamark_items_total") == 2, within=5, what="two items are counted")
    assert not re.search(r"^seamark_.*pid=", live.client.get("/metrics").text, re.M)


def test_it_listens_on_loopback_only(live: RunningService) -> None:
    """Without being told otherwise no other host reaches it, unlike BentoML by itself."""
    first = psutil.Process(live.process.pid)
    addresses = {
        connection.laddr.ip
        for process in [first, *first.children(recursive=True)]
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}


def test_the_ordinary_route_serves_when_the_lane_is_off(tiny_models: Path, tmp_path: Path) -> None:
    """Started by BentoML's own command: the same answers with its headers, and no text in the log."""
    settings = {**SETTINGS, "SEAMARK_LANE": "off", "BENTOML_HOME": str(tmp_path / "home")}
    running = launch(tmp_path, tiny_models, settings, command=BENTOML_SERVE)
    try:
        answer = running.predict("billing")
        assert answer.status_code == 200
        assert answer.headers["server"] == "BentoML Service/Seamark"
        assert answer.json()["predictions"][0]["label"] == "billing"
        assert running.metric("seamark_lane_active") == 0
        refused = running.client.post(
            "/predict", content=CANARY, headers={"Content-Type": "application/json"}
        )
        assert refused.status_code == 400
        assert CANARY not in running.log.read_text()
        assert "did not take the lane" not in running.log.read_text()
    finally:
        running.client.close()
        running.stop()
