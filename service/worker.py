"""What runs in a worker process besides requests, and how is it wired?

Once a second: seal what was counted and hand it to the flush thread, a third of a second later show it to
Prometheus, and after another third look whether another bundle was promoted. Nothing of it waits for a disk
on the event loop, and no failure here reaches a reply.
"""

import asyncio
import gc
import logging
import os
from collections import deque
from pathlib import Path
from typing import Final

import numpy as np

from model_store.model import Model
from model_store.store import ModelStore
from monitoring.clock import Clock, SystemClock
from monitoring.errors import MonitoringError
from monitoring.recording.flusher import Flusher
from monitoring.recording.recorder import Recorder, Sealed
from service.access import Access, read_keys
from service.handler import Handler, log_place
from service.metrics import WorkerMetrics, forget_dead_processes
from service.orphan import Orphan
from service.roll_call import RollCall
from service.settings import Settings
from service.state import State
from service.swap import Swapper, declared_sources, recorder_of
from service.tally import Stage, Tally

DRAIN_SECONDS: Final = 10.0
SLOW_TICKS: Final = 5  # what asks a disk or the kernel is done at every fifth tick

logger = logging.getLogger("seamark.worker")


class Worker:
    """One process's share of the service.

    Parameters
    ----------
    metrics
        Made once a process, since a registry takes each name once.
    generator
        Draws the worker's id, those of requests and the sample; seeded by the system when left out.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: WorkerMetrics,
        *,
        clock: Clock | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        clock, generator = clock or SystemClock(), generator or np.random.default_rng()
        self.settings, self.metrics, self.clock = settings, metrics, clock
        self.id = generator.bytes(16).hex()
        self.access = Access(read_keys(settings.keys_file) if settings.keys_file else ())
        self.models = ModelStore(settings.store)
        self.state = State(settings.state, clock=clock)
        self.tally = Tally()
        self.swapper = Swapper(self.models, settings.model, record=self._recorder)
        self.handler = Handler(
            current=lambda: self.swapper.current,
            access=self.access,
            tally=self.tally,
            clock=clock,
            generator=generator,
            max_body_bytes=settings.max_body_bytes,
        )
        self.roll_call = RollCall(settings.state, self.id, clock=clock)
        self.flusher = Flusher(self.state, self.id, clock=clock, on_failure=self.note_failure)
        # Filled by other threads; `tally` belongs to the event loop.
        self._noted: deque[Stage] = deque()
        self._unshown: list[Sealed] = []
        self._refused_shown = 0
        self._ticks = 0
        self._lane_active = False
        self._task: asyncio.Task[None] | None = None
        self._orphan = Orphan()

    @property
    def is_ready(self) -> bool:
        """Tell whether a bundle is loaded."""
        return self.swapper.current is not None

    async def start(self, *, lane_installed: bool) -> None:
        """Load the bundle in force and start the work of every second."""
        if directory := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            await asyncio.to_thread(forget_dead_processes, Path(directory))
        self._lane_active = lane_installed
        if not lane_installed and self.settings.lane == "on":
            logger.warning("BentoML did not take the lane; the ordinary route answers, some ten times slower")
        await self.poll()
        await self.tick()
        self.flusher.start()
        self._task = asyncio.create_task(self._every_second())
        settle_memory()

    async def stop(self) -> None:
        """Flush what was counted; requests in flight are answered by now."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.tick()
        self.handler.close()
        if not await asyncio.to_thread(self.flusher.close, DRAIN_SECONDS):
            logger.error("counts of the last %.0f s could not be stored", self.flusher.lag_seconds())
        await asyncio.to_thread(self.roll_call.leave)
        await asyncio.to_thread(self.state.close)

    async def tick(self) -> None:
        """Do the work of one second at once."""
        self.seal()
        await self.export()

    def seal(self) -> None:
        """Hand what was counted to the flush thread, and keep it for the next export."""
        try:
            sealed = self.swapper.seal(
                self.clock.now(), pass_on=self.handler.pass_on, forget=self.flusher.drained()
            )
            self._unshown += sealed
            for one in sealed:
                self.tally.failures["observe"] += one.meters_failed
                self.flusher.submit(one)
        except Exception as error:
            self.tally.failures["flush"] += 1
            log_place("sealing the counts failed", error)

    async def export(self) -> None:
        """Let Prometheus see what was counted."""
        while self._noted:
            self.tally.failures[self._noted.popleft()] += 1
        sealed, self._unshown = self._unshown, []
        try:
            await asyncio.to_thread(self._export, self.tally.drain(), sealed)
        except Exception as error:
            self.tally.failures["metrics"] += 1
            log_place("exporting metrics failed", error)

    async def poll(self) -> None:
        """Take the promoted bundle into service, if it is another one and can be."""
        try:
            new = await asyncio.to_thread(self.swapper.next)
        except Exception as error:
            self.tally.failures["swap"] += 1
            log_place("looking for the promoted bundle failed", error)
            return
        if new is not None:
            self.swapper.install(new)

    async def _every_second(self) -> None:
        """Do the work of a second in three turns, so that no request waits for all of them."""
        third = self.settings.flush_seconds / 3
        while True:
            await asyncio.sleep(third)
            self._orphan.check()
            self.seal()
            await asyncio.sleep(third)
            await self.export()
            await asyncio.sleep(third)
            await self.poll()

    def _export(self, tally: Tally, sealed: list[Sealed]) -> None:
        metrics, current = self.metrics, self.swapper.current
        if current is not None:
            metrics.show_model(current)
        metrics.count(tally)
        for one in sealed:
            metrics.count_decisions(one)
        metrics.count_refused(self.swapper.refused - self._refused_shown)
        self._refused_shown = self.swapper.refused
        metrics.show_candidates(
            held_bytes={"slots": self.swapper.held_bytes(), "pending": self.flusher.pending_bytes()},
            given_up={"slots": self.swapper.turned_away(), "pending": self.flusher.given_up},
        )
        self._ticks += 1
        due = self._ticks % SLOW_TICKS == 1
        if due:
            metrics.show_process(lane_active=self._lane_active)
            self.roll_call.say(current.model.key if current else None)
        metrics.show_lags(
            watcher_seconds=self._watcher_lag() if due else None, flush_seconds=self.flusher.lag_seconds()
        )

    def _watcher_lag(self) -> float | None:
        try:
            return self.state.store().lag()
        except MonitoringError:
            return None

    def _recorder(self, model: Model) -> Recorder:
        sources = declared_sources(self.settings.sources, model.bundle.manifest.sources)
        return recorder_of(
            model,
            sources=sources,
            batch_size=self.settings.batch_size,
            keep_text=self.settings.keep_text,
            deduplicate=self.settings.deduplicate,
            important=self.settings.monitoring().watcher.detector.important,
            workers=self.settings.workers,
        )

    def note_failure(self, stage: str) -> None:
        """Let a failure be counted in the next second; from any thread."""
        self._noted.append(stage)  # type: ignore[arg-type]


def settle_memory() -> None:
    """Take everything loaded so far out of the collector's sight, and let it look rarely.

    A collection that walks the model and the framework took p99 from 15 to 130 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
