"""What a worker does besides answering: flush, follow, export, and finish cleanly."""

import asyncio
import gc
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from model_store.store import ModelStore
from monitoring.clock import Clock, ManualClock, SystemClock
from monitoring.recording.recorder import Sealed
from monitoring.store import open_store
from service.metrics import WorkerMetrics
from service.settings import Settings
from service.worker import Worker, settle_memory
from tests.support import bundles

BODY = json.dumps({"items": [{"text": "billing"}, {"text": "login"}]}).encode()


@pytest.fixture
def collector() -> Iterator[None]:
    """Put the garbage collector back as it was."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.fixture
def registry() -> CollectorRegistry:
    """Return the worker's registry."""
    return CollectorRegistry()


@pytest.fixture
def make_worker(
    model_store: ModelStore, tmp_path: Path, registry: CollectorRegistry, collector: None
) -> Callable[..., Worker]:
    """Return a function that makes a worker over a tiny bundle."""

    def make(clock: Clock | None = None, **settings: Any) -> Worker:
        bundles.publish_tiny(model_store)
        given = {"store": model_store.root, "state": tmp_path / "state", **settings}
        return Worker(Settings(**given), WorkerMetrics(registry), clock=clock or ManualClock(1_000.0))

    return make


async def predict(worker: Worker, body: bytes = BODY) -> int:
    """Return the status of one request, by default of two items."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"headers": [(b"content-type", b"application/json")], "query_string": b""}
    reply = await worker.handler.answer(scope, receive)
    assert reply is not None
    return reply.status


def failures(registry: CollectorRegistry, stage: str) -> float | None:
    """Return how many failures of a stage were exported."""
    return registry.get_sample_value("seamark_monitoring_failures_total", {"stage": stage})


def test_everything_answered_is_stored_when_the_worker_stops(
    make_worker: Callable[..., Worker], tmp_path: Path, registry: CollectorRegistry
) -> None:
    """Between the last tick and the end nothing is lost; the worker's line in the roll call goes."""
    worker = make_worker()

    async def life() -> None:
        await worker.start(lane_installed=True)
        assert worker.is_ready
        for _ in range(5):
            assert await predict(worker) == 200
        await worker.stop()

    asyncio.run(life())
    store = open_store(tmp_path / "state", clock=SystemClock())
    assert store.counts.total("tiny@1").sum() == 10
    store.close()
    assert worker.roll_call.everyone() == []
    assert registry.get_sample_value("seamark_items_total") == 10
    assert registry.get_sample_value("seamark_lane_active") == 1


def test_without_a_store_predictions_go_on_and_failures_are_counted(
    make_worker: Callable[..., Worker], tmp_path: Path, registry: CollectorRegistry
) -> None:
    """The state directory cannot be made; every reply is 200 and counts wait for better times."""
    (tmp_path / "blocked").write_text("")
    worker = make_worker(state=tmp_path / "blocked" / "state")

    async def life() -> None:
        await worker.poll()
        assert await predict(worker) == 200
        await worker.tick()
        assert not worker.flusher.flush_once()
        await worker.tick()

    asyncio.run(life())
    assert failures(registry, "flush") == 1
    assert worker.flusher.lag_seconds() >= 0
    (tmp_path / "blocked").unlink()
    assert worker.flusher.flush_once()
    assert worker.state.store().counts.total("tiny@1").sum() == 2
    worker.state.close()


def test_what_was_sealed_is_exported_once_whenever_that_comes(
    make_worker: Callable[..., Worker], registry: CollectorRegistry
) -> None:
    """A worker that stops between the two turns of a second has told the store, and Prometheus in the end."""
    worker = make_worker()

    async def life() -> None:
        await worker.poll()
        for _ in range(3):
            assert await predict(worker) == 200
            worker.seal()
        await worker.stop()

    def exported() -> float:
        labels = [{"class": name, "decision": "accepted"} for name in ("billing", "login")]
        return sum(registry.get_sample_value("seamark_predictions_total", each) or 0 for each in labels)

    asyncio.run(life())
    assert exported() == 6
    asyncio.run(worker.tick())
    assert exported() == 6


def test_failing_metrics_sealing_and_store_of_bundles_are_counted(
    make_worker: Callable[..., Worker], registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None ends the loop of every second; each shows up with its stage."""
    worker = make_worker()
    asyncio.run(worker.poll())

    def broken(*_: object) -> None:
        raise OSError("disk")

    with monkeypatch.context() as patch:
        patch.setattr(worker.swapper, "next", broken)
        patch.setattr(worker.metrics, "count_decisions", broken)
        patch.setattr(worker.flusher, "submit", broken)
        asyncio.run(worker.poll())
        asyncio.run(worker.tick())
    asyncio.run(worker.tick())
    assert failures(registry, "swap") == 1
    assert failures(registry, "flush") == 1
    assert failures(registry, "metrics") == 1
    assert worker.is_ready
    worker.state.close()


def test_what_another_thread_notes_is_counted_in_the_next_second(
    make_worker: Callable[..., Worker], registry: CollectorRegistry
) -> None:
    """An embedding that fails while a batch is made by hand, for instance."""
    worker = make_worker()
    asyncio.run(worker.poll())
    worker.note_failure("wave")
    assert not failures(registry, "wave")
    asyncio.run(worker.tick())
    assert failures(registry, "wave") == 1
    worker.state.close()


def test_a_lane_that_was_not_taken_is_told(
    make_worker: Callable[..., Worker], registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning and a metric, unless the operator turned it off."""

    async def life(worker: Worker) -> None:
        await worker.start(lane_installed=False)
        await worker.stop()

    asyncio.run(life(make_worker()))
    assert "the ordinary route answers" in caplog.text
    assert registry.get_sample_value("seamark_lane_active") == 0


@pytest.mark.parametrize(("watch", "kept"), [((), 2), ((("login", 3.0),), 14)])
def test_more_is_kept_of_a_class_that_is_watched_with_more_weight(
    make_worker: Callable[..., Worker], watch: tuple[tuple[str, float], ...], kept: int
) -> None:
    """Of a hundred items the most probable ones of the class are candidates, as many as it has slots."""
    worker = make_worker(batch_size=10, watch=watch)
    items = [{"text": f"login {i}"} for i in range(100)]

    async def life() -> None:
        await worker.poll()
        assert await predict(worker, json.dumps({"items": items}).encode()) == 200

    asyncio.run(life())
    current = worker.swapper.current
    assert current is not None
    worker.handler.pass_on(current)
    candidates = current.recorder.seal(1_000.0).candidates
    assert sum("top:login" in one.kinds for one in candidates) == kept
    worker.state.close()


@pytest.mark.parametrize("away", [False, True])
def test_reports_grow_only_while_the_store_takes_them(
    make_worker: Callable[..., Worker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    """A minute later the slots are empty again, unless what was sealed before is not stored yet."""
    if away:
        (tmp_path / "blocked").write_text("")
    clock = ManualClock(1_200.0)
    worker = make_worker(state=tmp_path / "blocked" / "state", batch_size=10, clock=clock)
    items, reported = [{"text": f"login {i}"} for i in range(100)], list[int]()
    submit = worker.flusher.submit

    def watched(sealed: Sealed) -> None:
        reported.append(sum(one.scored for one in sealed.candidates))
        submit(sealed)

    monkeypatch.setattr(worker.flusher, "submit", watched)

    async def life() -> None:
        await worker.poll()
        for _ in range(3):
            assert await predict(worker, json.dumps({"items": items}).encode()) == 200
            worker.seal()
            assert worker.flusher.flush_once() != away
            clock.advance(61)
            for item in items:
                item["text"] += " again"

    asyncio.run(life())
    first, second, third = reported
    assert first > 10
    assert second == 0
    assert third == (0 if away else first)
    worker.state.close()


def test_each_worker_has_its_part_of_what_all_may_report(make_worker: Callable[..., Worker]) -> None:
    """The reservoir knows how many share the traffic."""
    worker = make_worker(workers=7)
    asyncio.run(worker.poll())
    assert worker.swapper.current is not None
    assert worker.swapper.current.recorder._reservoir._workers == 7
    worker.state.close()


def test_memory_is_settled_after_the_start(collector: None) -> None:
    """What was loaded is out of the collector's sight, and it looks rarely."""
    settle_memory()
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == (50_000, 20, 50)


def test_the_event_loop_is_uvloop_and_the_parser_httptools() -> None:
    """BentoML installs neither, and takes both when they are there: twice the throughput."""
    from uvicorn.config import Config

    config = Config(app="none")
    config.load_app = lambda: None  # type: ignore[method-assign]
    assert config.get_loop_factory().__module__.startswith("uvloop")
    assert __import__("uvicorn.protocols.http.auto", fromlist=["x"]).AutoHTTPProtocol.__module__.endswith(
        "httptools_impl"
    )
