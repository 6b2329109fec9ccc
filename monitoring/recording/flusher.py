"""How do a worker's counts reach the store exactly once, whatever the store does meanwhile?

One flush is sealed under its sequence number, and its counts are retried unchanged until the store has them;
to repeat a committed one does nothing. Meanwhile later seconds merge into the next, so that a store that is
away for hours costs a few flushes of memory and never a prediction.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from monitoring.clock import Clock
from monitoring.errors import MonitoringError
from monitoring.recording.recorder import Sealed

FIRST_RETRY_SECONDS: Final = 0.5
LAST_RETRY_SECONDS: Final = 30.0
MAX_PENDING_CANDIDATES: Final = 20_000
MAX_PENDING_BYTES: Final = 64 * 2**20
MOST_REFUSALS: Final = 5


class FlushSink(Protocol):
    """Where flushes go: `monitoring.store.Store.counts`, or a fake."""

    def flush(self, worker_id: str, seq: int, sealed: Sealed) -> bool:
        """Store one flush for good; False when it was there already."""
        ...


class Flusher:
    """The thread that carries sealed counts of one worker process to the store.

    `given_up` is how many candidates never reached it.

    Parameters
    ----------
    sink : FlushSink
    worker_id : str
        New for every process start: sequence numbers begin at 1.
    clock : Clock
    on_failure : callable
        Told `"flush"` for every attempt that failed.
    wait : callable, optional
        Waits up to so many seconds and returns early when there is news; tests pass their own.
    max_pending_candidates, max_pending_bytes : int
        What may wait for a store that is away; beyond either the oldest candidates are given up.
    """

    def __init__(
        self,
        sink: FlushSink,
        worker_id: str,
        *,
        clock: Clock,
        on_failure: Callable[[str], None],
        wait: Callable[[float | None], object] | None = None,
        max_pending_candidates: int = MAX_PENDING_CANDIDATES,
        max_pending_bytes: int = MAX_PENDING_BYTES,
    ) -> None:
        self.worker_id = worker_id
        self._sink = sink
        self._clock = clock
        self._on_failure = on_failure
        self._max_pending_candidates = max_pending_candidates
        self._max_pending_bytes = max_pending_bytes
        self.given_up = 0
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._news = threading.Event()
        self._wait = wait if wait is not None else self._news.wait
        self._pending: deque[Sealed] = deque()
        self._in_flight: Sealed | None = None
        self._seq = 0
        self._refusals = 0
        self._covered_until = clock.now()
        self._deadline: float | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="seamark-flush", daemon=True)
        self._thread.start()

    def submit(self, sealed: Sealed) -> None:
        """Take over what was sealed; empty ones too, since they say up to when everything is known."""
        with self._lock:
            last = self._pending[-1] if self._pending else None
            if last is not None and _belong_together(last, sealed):
                self._pending[-1] = last.merge(sealed)
            else:
                self._pending.append(sealed)
            self._bound_memory()
        self._news.set()

    def flush_once(self) -> bool:
        """Send the flush in flight, or seal the oldest pending one; True when the store has it.

        With nothing to send it returns True: everything submitted is stored.
        """
        with self._flushing:
            sealed = self._seal()
            if sealed is None:
                return True
            try:
                self._sink.flush(self.worker_id, self._seq, sealed)
            except MonitoringError:
                self._on_failure("flush")
                return False
            except Exception:  # the observer boundary: whatever it is, it is counted and tried again
                self._on_failure("flush")
                self._suspect_candidates()
                return False
            self._refusals = 0
            with self._lock:
                self._in_flight = None
                self._covered_until = max(self._covered_until, sealed.sealed_at)
            return True

    def lag_seconds(self) -> float:
        """Return the age of the oldest item that a kill could lose now, in seconds."""
        with self._lock:
            waiting = [self._in_flight, *self._pending]
            firsts = [
                sealed.first_at for sealed in waiting if sealed is not None and sealed.first_at is not None
            ]
            return max(0.0, self._clock.now() - min([self._covered_until, *firsts]))

    def pending_bytes(self) -> int:
        """Return about how much memory the candidates take that the store does not have yet."""
        with self._lock:
            waiting = [self._in_flight, *self._pending]
            return sum(sealed.candidates_bytes for sealed in waiting if sealed is not None)

    def drained(self) -> bool:
        """Return whether everything submitted is stored."""
        with self._lock:
            return self._in_flight is None and not self._pending

    def close(self, timeout: float) -> bool:
        """Stop; return whether everything submitted was stored within `timeout` seconds."""
        self._deadline = self._clock.monotonic() + timeout
        self._news.set()
        if self._thread is not None:
            self._thread.join(timeout)
        else:
            self._run()
        return self.drained()

    def _seal(self) -> Sealed | None:
        """Return what goes under the current sequence number, the next one when nothing is in flight."""
        with self._lock:
            while self._in_flight is None and self._pending:
                sealed = self._pending.popleft()
                if sealed.items == 0:
                    self._covered_until = max(self._covered_until, sealed.sealed_at)
                    continue
                self._seq += 1
                self._in_flight = sealed
            return self._in_flight

    def _suspect_candidates(self) -> None:
        """Give up candidates that the store cannot take: one odd text must not stop the counts."""
        self._refusals += 1
        with self._lock:
            if self._refusals >= MOST_REFUSALS and self._in_flight is not None:
                self._in_flight = self._give_up(self._in_flight)

    def _bound_memory(self) -> None:
        """Give up the oldest candidates beyond the limits; counts only ever merge."""
        while (
            sum(len(sealed.candidates) for sealed in self._pending) > self._max_pending_candidates
            or sum(sealed.candidates_bytes for sealed in self._pending) > self._max_pending_bytes
        ):
            oldest = next(at for at, sealed in enumerate(self._pending) if sealed.candidates)
            self._pending[oldest] = self._give_up(self._pending[oldest])
        if len(self._pending) < 2:
            return
        first, second = self._pending[0], self._pending[1]
        # Epochs that lost candidates are no samples any more: nothing is lost by merging two of them.
        if first.model_key == second.model_key and first.candidates_lost and second.candidates_lost:
            self._pending.popleft()
            self._pending[0] = first.merge(second)

    def _give_up(self, sealed: Sealed) -> Sealed:
        self.given_up += len(sealed.candidates)
        return sealed.without_candidates()

    def _run(self) -> None:
        delay = FIRST_RETRY_SECONDS
        while True:
            stored = self.flush_once()
            if self._deadline is not None and (
                self.drained() or (not stored and self._clock.monotonic() >= self._deadline)
            ):
                return
            if not stored:
                self._pause(delay)
                delay = min(delay * 2, LAST_RETRY_SECONDS)
            else:
                delay = FIRST_RETRY_SECONDS
                if self.drained() and self._deadline is None:
                    self._pause(None)

    def _pause(self, seconds: float | None) -> None:
        if seconds is not None and self._deadline is not None:
            seconds = max(0.0, min(seconds, self._deadline - self._clock.monotonic()))
        self._wait(seconds)
        self._news.clear()


def _belong_together(first: Sealed, second: Sealed) -> bool:
    return (first.model_key, first.epoch) == (second.model_key, second.epoch)
