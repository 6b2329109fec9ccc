"""What time is it: wall time for buckets, monotonic time for durations, both injected."""

import time
from typing import Protocol


class Clock(Protocol):
    """The two readings of time that monitoring needs."""

    def now(self) -> float:
        """Return UTC seconds since the epoch; may step backwards when the host's clock is set."""
        ...

    def monotonic(self) -> float:
        """Return seconds since an arbitrary point; never steps backwards."""
        ...


class SystemClock:
    """The host's clocks."""

    def now(self) -> float:
        """Return the host's UTC time in seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return the host's monotonic time in seconds."""
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told to: for tests and for replays of past traffic."""

    def __init__(self, now: float = 0.0) -> None:
        self._now = now
        self._elapsed = 0.0

    def now(self) -> float:
        """Return the set wall time in seconds."""
        return self._now

    def monotonic(self) -> float:
        """Return the sum of all advances in seconds; `set_now` does not touch it."""
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Move both readings forward; a negative step is a ValueError (see `set_now`)."""
        if seconds < 0:
            raise ValueError(
                f"advance by {seconds} s: time only moves forward; use set_now to set a clock back"
            )
        self._now += seconds
        self._elapsed += seconds

    def set_now(self, now: float) -> None:
        """Set the wall time alone, as an operator or NTP does; it may go back."""
        self._now = now
