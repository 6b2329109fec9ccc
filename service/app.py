"""The two BentoML services and their wiring, nothing else.

`Seamark` answers; `Monitor` runs the watcher in a process of its own, started and supervised by BentoML
because it is a dependency, and never called.
"""

import logging
import os
from functools import cache
from typing import Any

import bentoml
from starlette.applications import Starlette
from starlette.responses import Response

from service.lane import Seat, lane_service, show_problems
from service.metrics import WatcherMetrics, WorkerMetrics
from service.openapi import document_route
from service.ordinary import RawBody, respond_ordinarily
from service.routes import routes
from service.settings import read_settings
from service.watch import Watch
from service.worker import Worker, settle_memory

# BentoML reports every start to its makers otherwise.
os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

logging.getLogger("seamark").setLevel(logging.INFO)
# A level does not spare it: uvicorn formats every access for a logger that has a handler anywhere above.
logging.getLogger("uvicorn.access").propagate = False

SETTINGS = read_settings()
SEAT = Seat()
V1 = routes(SEAT)
ROUTES = Starlette(routes=[*V1, document_route(V1)])
show_problems(ROUTES)

# Tracing costs 300 us a request and the access log 200, whether or not anybody reads them.
QUIET: dict[str, Any] = {
    "logging": {"access": {"enabled": False}},
    "tracing": {"sample_rate": 0.0, "excluded_urls": ".*"},
    "monitoring": {"enabled": False},
}

worker_metrics = cache(WorkerMetrics)
watcher_metrics = cache(WatcherMetrics)


@bentoml.service(name="Monitor", workers=1, metrics={"enabled": True}, **QUIET)
class Monitor:
    """The watcher: closes buckets, detects drift, emits batches, exports what the store says."""

    @bentoml.on_startup
    def start(self) -> None:
        """Start the watcher's thread; only in a process of its own, where BentoML calls this.

        Where processor time is short, answers come first.
        """
        os.nice(SETTINGS.watcher_nice)
        self._watch = Watch(SETTINGS, watcher_metrics())
        settle_memory()
        self._watch.start()

    @bentoml.on_shutdown
    def stop(self) -> None:
        """Finish the bucket in hand and give the lease back."""
        self._watch.stop()


@bentoml.service(
    name="Seamark",
    service_class=lane_service(SEAT, ROUTES, enabled=SETTINGS.lane == "on"),
    workers=SETTINGS.workers,
    http={"host": SETTINGS.host, "port": SETTINGS.port},
    # The watcher may be away: what it does is late then, and answers are not.
    runner_probe={"enabled": False},
    **QUIET,
)
class Seamark:
    """Classifies items with the bundle in force and counts what it decided."""

    monitor = bentoml.depends(Monitor)

    @bentoml.on_startup
    async def start(self) -> None:
        """Load the bundle in force and take the seat that lane and routes look at."""
        SEAT.worker = Worker(SETTINGS, worker_metrics())
        await SEAT.worker.start(lane_installed=SEAT.lane_installed)

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """Store what was counted last."""
        worker, SEAT.worker = SEAT.worker, None
        if worker is not None:
            await worker.stop()

    async def __is_ready__(self) -> bool:
        """Tell /readyz whether a bundle is loaded."""
        return SEAT.worker is not None and SEAT.worker.is_ready

    @bentoml.api(route="/predict", input_spec=RawBody, output_spec=RawBody)
    async def predict(self, ctx: bentoml.Context) -> Response:
        """Decide the items of the request; the lane answers first where it is installed."""
        return await respond_ordinarily(SEAT, ctx)


# Where BentoML did not take the lane, it still finds our routes.
Seamark.mount_asgi_app(ROUTES, path="/", name="v1")  # type: ignore[attr-defined]
