"""What runs in the watcher process: the watcher itself, and the export of what the store says."""

import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from model_store.bundles.bundle import read_bundle, read_manifest
from model_store.bundles.manifest import Manifest
from model_store.errors import ModelStoreError
from model_store.promotions import Promotion
from model_store.store import ModelStore
from monitoring.clock import Clock, SystemClock
from monitoring.delivering import deliver_next
from monitoring.errors import MonitoringError, UnknownModel
from monitoring.meaning.interpretation import Promises, promises_of
from monitoring.status import shown_status
from monitoring.store import Store
from monitoring.watcher import Watcher
from monitoring.waves.facts import ModelFacts, facts_of
from service.handler import log_place
from service.metrics import WatcherMetrics
from service.orphan import Orphan
from service.proving import SHADOW_SECONDS, Proving
from service.settings import Settings
from service.state import State
from service.swap import key_in_force, served_name

if TYPE_CHECKING:
    from service.webhook import Webhook

EXPORT_SECONDS: Final = 2.0
REOPEN_SECONDS: Final = 5.0
DELIVER_SECONDS: Final = 1.0

logger = logging.getLogger("seamark.watch")


class Watch:
    """Threads that do not wait for each other: for buckets, exports, proposed versions and the webhook."""

    def __init__(self, settings: Settings, metrics: WatcherMetrics, *, clock: Clock | None = None) -> None:
        self._settings, self._metrics, self._clock = settings, metrics, clock or SystemClock()
        self._models = ModelStore(settings.store)
        self._state = State(settings.state, clock=self._clock)
        # A published bundle never changes: it is read once.
        self._manifest = lru_cache(maxsize=8)(read_manifest)
        self._promises = lru_cache(maxsize=2)(lambda path: promises_of(read_bundle(path)))
        self._stopping = threading.Event()
        self._orphan = Orphan()
        self._holder = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        works = [self._watch, self._keep_exporting, self._keep_proving]
        if settings.webhook_url is not None:
            works.append(self._keep_delivering)
        self._threads = [
            threading.Thread(target=work, name=f"seamark-{work.__name__.strip('_')}", daemon=True)
            for work in works
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop the threads; the watcher finishes its bucket and gives the lease back."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self.close()

    def close(self) -> None:
        """Close the store; for a watch that was never started too."""
        self._state.close()

    def export(self) -> None:
        """Export what the store says now."""
        store, now = self._state.store(), self._clock.now()
        self._metrics.show_process()
        oldest = store.batches.oldest_open_at()
        self._metrics.show_batches(
            by_state=store.batches.items_by_state(),
            oldest_age_seconds=0.0 if oldest is None else now - oldest,
        )
        self._metrics.show_totals(
            alarms=store.alarms.count(),
            false_alarms=store.alarms.count_false(),
            batches=store.batches.counts_by_reason(),
        )
        self._metrics.show_outbox(store.deliveries.outbox(), now=now)
        key, manifest = self._current()
        if key is not None and manifest is not None:
            self._export_drift(store, key, manifest)

    def facts(self, model_key: str) -> ModelFacts:
        """Return what a wave needs to know of a model."""
        bundle = read_bundle(self._models.path_of(model_key))
        return facts_of(bundle, on_failure=self._metrics.count_failure)

    def promises(self, model_key: str) -> Promises:
        """Return what a model promises, read once a version."""
        return self._promises(self._models.path_of(model_key))

    def promotions(self) -> Sequence[Promotion]:
        """Return all promotions of the served bundle, oldest first."""
        name = served_name(self._models, self._settings.model)
        return self._models.history(name) if name else ()

    def proving(self) -> Proving:
        """Return what lets proposed versions answer."""
        return Proving(
            self._state.store(),
            self._models,
            self._settings,
            clock=self._clock,
            holder=self._holder,
            on_failure=self._metrics.count_failure,
        )

    def _watch(self) -> None:
        store = self._opened()
        if store is None:
            return
        watcher = Watcher(
            store,
            self._settings.monitoring().watcher,
            clock=self._clock,
            holder=self._holder,
            resolve=self.facts,
            on_failure=self._metrics.count_failure,
            promises=self.promises,
            promotions=self.promotions,
        )
        watcher.run(self._stopping)

    def _opened(self) -> Store | None:
        """Return the store once it opens, None when told to stop before."""
        while not self._stopping.is_set():
            try:
                return self._state.store()
            except MonitoringError as error:
                self._metrics.count_failure("close")
                logger.error("%s; trying again", error)
                self._stopping.wait(REOPEN_SECONDS)
        return None

    def _keep_exporting(self) -> None:
        while not self._stopping.is_set():
            self._orphan.check()
            self._observed(self.export)
            self._stopping.wait(EXPORT_SECONDS)

    def _keep_proving(self) -> None:
        if self._opened() is None:
            return
        proving = self.proving()
        while not self._stopping.is_set():
            try:
                proving.tick()
            except Exception as error:  # the observer boundary
                self._metrics.count_failure("shadow")
                log_place("asking a proposed version failed", error)
            self._stopping.wait(SHADOW_SECONDS)

    def _keep_delivering(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._webhook() as webhook:
                    self._deliver(webhook)
            except Exception as error:  # the observer boundary
                self._metrics.count_failure("deliver")
                log_place("telling the webhook failed", error)
                self._stopping.wait(REOPEN_SECONDS)

    @contextmanager
    def _webhook(self) -> "Iterator[Webhook]":
        from service.webhook import Webhook  # noqa: PLC0415 - its client takes memory that most spare

        settings = self._settings
        webhook = Webhook(settings.webhook_url or "", settings.webhook_secret or "", now=self._clock.now)
        try:
            yield webhook
        finally:
            webhook.close()

    def _deliver(self, webhook: "Webhook") -> None:
        while not self._stopping.is_set():
            outcome = deliver_next(self._state.store(), webhook.send, now=self._clock.now)
            if outcome is None:
                self._stopping.wait(DELIVER_SECONDS)
            else:
                self._metrics.count_delivery(outcome)

    def _observed(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # the observer boundary
            self._metrics.count_failure("metrics")
            log_place("exporting what the store says failed", error)

    def _current(self) -> tuple[str | None, Manifest | None]:
        try:
            key = key_in_force(self._models, self._settings.model)
            return key, self._manifest(self._models.path_of(key)) if key else None
        except ModelStoreError:
            # The workers say which bundle is refused; the one before it keeps answering.
            return None, None

    def _export_drift(self, store: Store, key: str, manifest: Manifest) -> None:
        try:
            row = store.detectors.get(key)
        except UnknownModel:
            row = None
        config, classes = self._settings.monitoring().watcher.detector, manifest.classes
        self._metrics.show_drift(shown_status(row, classes, config, task=manifest.task), classes=classes)
        self._metrics.show_meaning(None if row is None else row.meaning, classes=classes)
        newest = store.alarms.list(key, limit=1)
        self._metrics.show_alarm(
            acknowledged=any(each.is_open and each.acknowledged is not None for each in newest)
        )
