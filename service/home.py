"""Where do the metrics of this server's processes live? In memory, apart from every disk that may fill up.

prometheus_client maps its files into memory. A new page of such a file on a full disk is a SIGBUS: with the
files beside the state, the first promotion after the disk was full ended every worker, and none came back.
"""

import hashlib
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from service.settings import ServiceError, Settings

SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the directory in it is this user's alone
# A process takes up to a megabyte for 151 classes, and those of replaced workers stay until the server ends:
# the 64 MB that a container runtime gives by default would fill up.
LEAST_FREE_BYTES: Final = 256 * 2**20


class HomeUnusable(ServiceError):
    """There is no directory for the files of the server's processes."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: cannot hold this server's metrics ({self.reason}); set TMPDIR to a writable one"


@contextmanager
def server_home(settings: Settings, *, places: Sequence[Path] = (SHARED_MEMORY,)) -> Iterator[Path]:
    """Yield a directory for BentoML's own files and the metrics, and remove it afterwards.

    No two servers that run at once share one, since the second would delete the first one's metrics. A
    server that was killed finds its own again and clears it.

    Raises
    ------
    HomeUnusable
        No place takes it.
    """
    place = next((each for each in places if _has_room(each)), Path(tempfile.gettempdir()))
    home = place / f"seamark-{os.geteuid()}-{_name(settings)}"
    try:
        home.mkdir(mode=0o700, exist_ok=True)
        if not _is_ours(home):
            home = Path(tempfile.mkdtemp(prefix="seamark-", dir=place))
    except OSError as error:
        raise HomeUnusable(home, error.strerror or type(error).__name__) from None
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _name(settings: Settings) -> str:
    server = (socket.gethostname(), settings.host, str(settings.port), str(settings.state.absolute()))
    return hashlib.sha256("\0".join(server).encode()).hexdigest()[:12]


def _has_room(place: Path) -> bool:
    try:
        free = os.statvfs(place)
    except OSError:
        return False
    return os.access(place, os.W_OK | os.X_OK) and free.f_bavail * free.f_frsize >= LEAST_FREE_BYTES


def _is_ours(home: Path) -> bool:
    """Tell whether nobody else made the directory, as anybody may in a place for temporary files."""
    found = home.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
