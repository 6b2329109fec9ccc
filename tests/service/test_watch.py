"""The watcher's process: what it exports, and that it starts and stops."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def test_it_closes_buckets_and_gives_the_lease_back(house: House, registry: CollectorRegistry) -> None:
    """Started, it takes the lease; stopped, another may take it at once."""
    watch = Watch(house.settings, WatcherMetrics(registry), clock=SystemClock())
    watch.start()
    store = open_store(house.settings.state, clock=SystemClock())
    eventually(lambda: store.lease.status() is not None, within=10, what="the watcher holds the lease")
    watch.stop()
    assert store.lease.acquire("another", seconds=1.0) is not None
    store.close()
