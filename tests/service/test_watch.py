"""The watcher's process: what it exports, and that it starts and stops."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from prometheus_client import CollectorRegistry

from model_store.store import ModelStore
from monitoring.clock import ManualClock, SystemClock
from monitoring.store import open_store
from service.metrics import WatcherMetrics
from service.settings import Settings
from service.watch import Watch
from tests.support import bundles
from tests.support.house import House
from tests.support.running import eventually


@pytest.fixture
def registry() -> CollectorRegistry:
    """Return the watcher's registry."""
    return CollectorRegistry()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings for small batches and a quick baseline."""
    return Settings(
        store=tmp_path / "models",
        state=tmp_path / "state",
        baseline_items=300,
        baseline_seconds=0.0,
        batch_size=20,
    )


@pytest.fixture
def house(settings: Settings) -> Iterator[House]:
    """Yield a worker with a tiny bundle over these settings."""
    bundles.publish_tiny(ModelStore(settings.store))
    built = House(settings)
    yield built
    built.worker.state.close()


def sample(registry: CollectorRegistry, name: str, **labels: str) -> Any:
    """Return an exported value."""
    return registry.get_sample_value(f"seamark_{name}", labels)


def test_an_empty_state_exports_a_model_that_is_warming_up(house: House, registry: CollectorRegistry) -> None:
    """Before the first item there is a state, a threshold, and every class."""
    watch = Watch(house.settings, WatcherMetrics(registry), clock=house.clock)
    watch.export()
    assert sample(registry, "drift_state", state="warming") == 1
    assert sample(registry, "drift_threshold") > sample(registry, "drift_statistic") == 0
    assert sample(registry, "class_share_ratio", **{"class": "login", "kind": "current"}) == 0
    assert sample(registry, "alarms_total") == 0
    watch.close()


def test_an_embedding_that_fails_is_counted(house: House, registry: CollectorRegistry) -> None:
    """What a wave is told of a bundle counts as the watcher does."""
    watch = Watch(house.settings, WatcherMetrics(registry), clock=house.clock)
    view = watch.facts("tiny@1").view
    assert view is not None
    view.on_failure("wave")
    assert sample(registry, "monitoring_failures_total", stage="wave") == 1.0


def test_an_alarm_and_its_batch_are_exported(house: House, registry: CollectorRegistry) -> None:
    """State, statistic, since when, shares, batch and its age come from the store."""
    for _ in range(5):
        house.answer(["billing"] * 60 + ["login"] * 20)
    for _ in range(6):
        house.answer([f"login case {at}" for at in range(60)] + ["billing"] * 20)
    watch = Watch(house.settings, WatcherMetrics(registry), clock=house.clock)
    house.clock.advance(100.0)
    watch.export()
    assert sample(registry, "drift_state", state="drift") == 1
    assert sample(registry, "drift_statistic") > sample(registry, "drift_threshold")
    assert sample(registry, "drift_since_timestamp_seconds") > 1.6e9
    assert sample(registry, "class_share_ratio", **{"class": "login", "kind": "reference"}) == 0.25
    assert sample(registry, "alarms_total") == 1
    assert sample(registry, "batches_total", reason="alarm") == 1
    assert sample(registry, "batch_items", state="open") > 0
    assert sample(registry, "batch_oldest_age_seconds") >= 100
    watch.close()


def test_a_state_that_cannot_be_opened_is_counted_and_waited_for(
    tmp_path: Path, registry: CollectorRegistry
) -> None:
    """The process lives on without a store and without a bundle."""
    (tmp_path / "file").write_text("")
    settings = Settings(store=tmp_path / "none", state=tmp_path / "file" / "state")
    watch = Watch(settings, WatcherMetrics(registry), clock=ManualClock())
    watch.start()
    eventually(
        lambda: (
            sample(registry, "monitoring_failures_total", stage="close") > 0
            and sample(registry, "monitoring_failures_total", stage="metrics") > 0
        ),
        within=10,
        what="both failures are counted",
    )
    watch.stop()


class Hook(BaseHTTPRequestHandler):
    """Refuses the first request, takes the others, and keeps what it was told."""

    told: ClassVar[list[bytes]]

    def do_POST(self) -> None:
        """Answer 503, then 204."""
        self.told.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(503 if len(self.told) == 1 else 204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[str]:
    """Serve a webhook; yield its address."""
    Hook.told = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}/seamark"
    server.shutdown()
    server.server_close()
    serving.join()


def test_a_new_batch_is_told_to_the_webhook_until_it_takes_it(
    settings: Settings, registry: CollectorRegistry, hook: str
) -> None:
    """An alarm's batch is told; refused once, it is told again, the same, and counted."""
    secret = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    told = replace(settings, webhook_url=hook, webhook_secret=secret)
    bundles.publish_tiny(ModelStore(told.store))
    house = House(told)
    for _ in range(5):
        house.answer(["billing"] * 60 + ["login"] * 20)
    for _ in range(6):
        house.answer([f"login case {at}" for at in range(60)] + ["billing"] * 20)
    watch = Watch(told, WatcherMetrics(registry), clock=house.clock)
    watch.export()
    assert sample(registry, "webhook_waiting") == 1
    assert sample(registry, "webhook_oldest_age_seconds") >= 0
    watch.start()
    eventually(lambda: len(Hook.told) == 1, within=10, what="the webhook hears of the batch")
    eventually(
        lambda: sample(registry, "webhook_attempts_total", outcome="failed") == 1,
        within=10,
        what="the failure is counted",
    )
    house.clock.advance(6.0)
    eventually(
        lambda: sample(registry, "webhook_attempts_total", outcome="delivered") == 1,
        within=10,
        what="it is told again",
    )
    watch.stop()
    house.worker.state.close()
    first, second = map(json.loads, Hook.told)
    assert first == second
    assert (first["type"], first["data"]["reason"]) == ("batch.emitted", "alarm")


def test_it_closes_buckets_and_gives_the_lease_back(house: House, registry: CollectorRegistry) -> None:
    """Started, it takes the lease; stopped, another may take it at once."""
    watch = Watch(house.settings, WatcherMetrics(registry), clock=SystemClock())
    watch.start()
    store = open_store(house.settings.state, clock=SystemClock())
    eventually(lambda: store.lease.status() is not None, within=10, what="the watcher holds the lease")
    watch.stop()
    assert store.lease.acquire("another", seconds=1.0) is not None
    store.close()
