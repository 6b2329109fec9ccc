"""Which worker runs which version? Each keeps one small file beside the state fresh; a stale one is gone."""

import json
import logging
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from monitoring.clock import Clock

STALE_SECONDS: Final = 30.0
DIRECTORY: Final = "workers"

logger = logging.getLogger("seamark.roll_call")


class RollCall:
    """The line of this worker, and those of all workers that share the state directory.

    Every method may wait for a disk; none belongs on the event loop.
    """

    def __init__(self, state: Path, worker_id: str, *, clock: Clock) -> None:
        self._directory, self._worker_id, self._clock = state / DIRECTORY, worker_id, clock
        self._path = self._directory / f"{worker_id}.json"

    def say(self, model_key: str | None) -> None:
        """Tell which version this worker runs, if the disk takes it: what follows in a tick must not wait."""
        line = {
            "worker": self._worker_id,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "model": model_key,
            "at": self._clock.now(),
        }
        draft = self._path.with_suffix(".draft")
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(line), encoding="utf-8")
            draft.replace(self._path)
        except OSError as error:
            logger.warning("cannot say which version runs here: %s: %s", self._path, error.strerror)

    def leave(self) -> None:
        """Take this worker's line away."""
        _remove(self._path)

    def everyone(self) -> list[Mapping[str, Any]]:
        """Return the line of every worker heard of in the last half minute; forget the others."""
        lines = []
        for path in sorted(self._directory.glob("*.json")):
            try:
                line = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if self._clock.now() - line["at"] <= STALE_SECONDS:
                lines.append(line)
            else:
                _remove(path)
        return lines


def _remove(path: Path) -> None:
    with suppress(OSError):  # a stale line on a disk that cannot be written is passed over as well
        path.unlink(missing_ok=True)
