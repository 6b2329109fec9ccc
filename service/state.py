"""Where is the monitoring state, if it can be had now?"""

import threading
from collections.abc import Callable
from pathlib import Path

from monitoring.clock import Clock
from monitoring.recording.recorder import Sealed
from monitoring.store import Store, open_store


class State:
    """The monitoring store, opened when first needed: a worker answers whether or not it can be opened.

    Every method may wait for a disk; none belongs on the event loop.
    """

    def __init__(self, location: Path, *, clock: Clock, opener: Callable[..., Store] = open_store) -> None:
        self._location, self._clock, self._opener = location, clock, opener
        self._lock = threading.Lock()
        self._store: Store | None = None

    def store(self) -> Store:
        """Return the open store.

        Raises
        ------
        StateUnavailable
            It cannot be opened now; the next call tries again.
        """
        with self._lock:
            if self._store is None:
                self._store = self._opener(self._location, clock=self._clock)
            return self._store

    def flush(self, worker_id: str, seq: int, sealed: Sealed) -> bool:
        """Store one flush; False when it was there already."""
        return self.store().counts.flush(worker_id, seq, sealed)

    def close(self) -> None:
        """Close the store if it is open."""
        with self._lock:
            store, self._store = self._store, None
        if store is not None:
            store.close()
