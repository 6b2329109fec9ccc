"""Which process of this server has ended, and how? One that was killed cannot say so itself.

BentoML has circus watch over its processes, in the one that was started first. Circus calls hooks around the
end of each; BentoML has no argument for them, so they are added to whatever it lets circus watch over.
"""

import logging
import signal
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

SERVICE: Final = "service"  # what BentoML calls the workers; the others are named after their service

logger: Final = logging.getLogger("seamark.departed")


class Departures:
    """Logs a line for each process that ended while the server goes on."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}

    @property
    def hooks(self) -> dict[str, Callable[..., bool]]:
        """What circus is to call, by the names it has for them."""
        return {"before_reap": self._note_number, "after_reap": self._tell}

    # Circus gives its hooks more, which differs from one to the other.
    def _note_number(self, *, watcher: Any, process_pid: int, **_: Any) -> bool:
        """Keep the worker's number, which circus has forgotten afterwards."""
        self._numbers[process_pid] = watcher.processes[process_pid].wid
        return True

    def _tell(self, *, watcher: Any, process_pid: int, exit_code: int | None, **_: Any) -> bool:
        number = self._numbers.pop(process_pid, "of an unknown number")
        if watcher.is_stopping() or watcher.is_stopped():
            return True
        who = f"worker {number}" if watcher.name == SERVICE else "the watcher"
        then = "another takes its place" if watcher.respawn else "none takes its place"
        logger.error("%s, process %d, is gone: %s; %s", who, process_pid, how(exit_code), then)
        return True


def how(exit_code: int | None) -> str:
    """Return how a process ended, in words; a negative code is the signal that killed it.

    Examples
    --------
    >>> how(-9), how(1), how(None)
    ('killed by signal 9, SIGKILL', 'ended with code 1', 'nobody knows how')
    """
    if exit_code is None:
        return "nobody knows how"
    if exit_code >= 0:
        return f"ended with code {exit_code}"
    known = {each.value: f", {each.name}" for each in signal.Signals}
    return f"killed by signal {-exit_code}{known.get(-exit_code, '')}"


def tell_departures(serving: ModuleType) -> None:
    """Let processes that `serving`, BentoML's module of that name, has watched from now on be told of.

    Without what is known of that module, nothing is told, and all else is as before.
    """
    create = getattr(serving, "create_watcher", None)
    if create is None:
        logger.warning("BentoML starts its processes in another way; one that is killed is not logged")
        return
    departures = Departures()

    def create_told(*args: Any, **options: Any) -> Any:
        _give_voice()
        watcher = create(*args, **options)
        watcher.hooks.update(departures.hooks)
        return watcher

    serving.create_watcher = create_told  # type: ignore[attr-defined]


def _give_voice() -> None:
    """Let lines of this process look as those of the workers, and stand among them.

    BentoML sets up the log of those alone, and here it silences every logger there is when it starts.
    """
    logger.disabled = False
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(
            logging.Formatter("%(asctime)s [%(levelname)s] [server] %(message)s", "%Y-%m-%dT%H:%M:%S%z")
        )
        logger.addHandler(handler)
