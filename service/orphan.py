"""Is the process that started this one still there? Without it nobody restarts or stops this one.

A server whose first process was killed would go on answering on its port, and no new one could start there.
`seamark serve` leaves its own number in the environment of those it starts: one that is killed while they
still load would be gone before they could ask for their parent.
"""

import logging
import os
import signal
from collections.abc import Callable, Mapping
from typing import Final

SERVER_PID: Final = "SEAMARK_SERVER_PID"

logger: Final = logging.getLogger("seamark.orphan")


class Orphan:
    """Ends this process in good order once its parent is gone."""

    def __init__(
        self,
        *,
        parent: Callable[[], int] = os.getppid,
        end: Callable[[int], None] = signal.raise_signal,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._parent, self._end = parent, end
        server = environment.get(SERVER_PID, "")
        # What the server itself runs has it for itself, not for its parent.
        is_told = server.isdecimal() and int(server) != os.getpid()
        self._started_by = int(server) if is_told else parent()
        self._told = False

    def check(self) -> None:
        """Ask this process to end if its parent has changed; once."""
        if not self._told and self._parent() != self._started_by:
            self._told = True
            logger.error("the process that started this one (%d) is gone; ending", self._started_by)
            self._end(signal.SIGTERM)
