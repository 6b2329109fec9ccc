"""Is the process that started this one still there? Without it nobody restarts or stops this one.

A server whose first process was killed would go on answering on its port, and no new one could start there.
"""

import logging
import os
import signal
from collections.abc import Callable
from typing import Final

logger: Final = logging.getLogger("seamark.orphan")


class Orphan:
    """Ends this process in good order once its parent is gone."""

    def __init__(
        self, *, parent: Callable[[], int] = os.getppid, end: Callable[[int], None] = signal.raise_signal
    ) -> None:
        self._parent, self._end = parent, end
        self._started_by = parent()
        self._told = False

    def check(self) -> None:
        """Ask this process to end if its parent has changed; once."""
        if not self._told and self._parent() != self._started_by:
            self._told = True
            logger.error("the process that started this one (%d) is gone; ending", self._started_by)
            self._end(signal.SIGTERM)
