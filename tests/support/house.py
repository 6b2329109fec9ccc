"""One worker and one watcher over real stores, on one manual clock, behind the routes and without a port."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.testclient import TestClient

from model_store.store import ModelStore
from monitoring.clock import ManualClock
from monitoring.watcher import Watcher
from service.lane import Seat, show_problems
from service.metrics import WatcherMetrics, WorkerMetrics
from service.routes import routes
from service.settings import Settings
from service.watch import Watch
from service.worker import Worker

START = 1_700_000_000.0


@dataclass
class House:
    """Everything behind the routes; houses over one state need seeds of their own, as workers do."""

    settings: Settings
    seed: int = 0
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.worker = Worker(
            self.settings,
            WorkerMetrics(self.registry),
            clock=self.clock,
            generator=np.random.default_rng(self.seed),
        )
        self.seat = Seat(self.worker)
        self.watch = Watch(self.settings, WatcherMetrics(CollectorRegistry()), clock=self.clock)
        self.failures: list[str] = []
        app = Starlette(routes=routes(self.seat))
        show_problems(app)
        self.local = TestClient(app, "http://127.0.0.1:3000", client=("127.0.0.1", 1))
        self.remote = TestClient(app, "http://127.0.0.1:3000", client=("10.0.0.7", 1))
        asyncio.run(self.worker.poll())
        self.settle()

    @property
    def models(self) -> ModelStore:
        """Return the store of bundles."""
        return self.worker.models

    def settle(self) -> None:
        """Do the work of one second: export and flush."""
        asyncio.run(self.worker.tick())
        self.worker.flusher.flush_once()

    def answer(self, texts: Sequence[str], *, source: str = "email") -> None:
        """Let the worker answer these texts, store the counts and close the bucket."""
        self.answer_items([{"text": text, "source": source} for text in texts])

    def answer_items(self, items: Sequence[Mapping[str, object]]) -> None:
        """Let the worker answer these items, store the counts and close the bucket."""
        for at in range(0, len(items), 100):
            assert self.predict({"items": items[at : at + 100]}) == 200
        self.settle()
        self.clock.advance(self.settings.bucket_seconds)
        self.watcher().tick()

    def predict(self, body: object) -> int:
        """Return the status of a predict request."""
        content = json.dumps(body).encode()
        scope = {"headers": [(b"content-type", b"application/json")], "query_string": b""}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        reply = asyncio.run(self.worker.handler.answer(scope, receive))
        assert reply is not None
        return reply.status

    def watcher(self) -> Watcher:
        """Return a watcher over the same state; each is as good as the one before."""
        return Watcher(
            self.worker.state.store(),
            self.settings.monitoring().watcher,
            clock=self.clock,
            holder="tests",
            resolve=self.watch.facts,
            on_failure=self.failures.append,
            promises=self.watch.promises,
            promotions=self.watch.promotions,
        )
