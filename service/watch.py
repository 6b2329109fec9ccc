"""What runs in the watcher process, and what does it export?"""

import logging
import threading

from monitoring.clock import Clock, SystemClock
from service.metrics import WatcherMetrics
from service.settings import Settings

logger = logging.getLogger("seamark.watch")


class Watch:
    """The watcher in a thread of its own, and a second one that exports what the store says."""

    def __init__(self, settings: Settings, metrics: WatcherMetrics, *, clock: Clock | None = None) -> None:
        self._settings, self._metrics, self._clock = settings, metrics, clock or SystemClock()
        self._stop = threading.Event()

    def start(self) -> None:
        """Start both threads."""

    def stop(self) -> None:
        """Stop both threads and wait for them."""
        self._stop.set()
