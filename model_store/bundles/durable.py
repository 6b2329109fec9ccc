"""Make a change on disk survive a kill, exclude other writers, and say what the system refused."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from model_store.errors import StoreNotWritable


def sync(path: Path) -> None:
    """Return when the disk holds the file, or the entries of the directory, at `path`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: bytes) -> None:
    """Give `path` a new content; a reader, or a restart after a kill, sees all of the old or of the new."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_bytes(content)
        sync(fresh)
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink()
        raise
    sync(path.parent)


def append_line(path: Path, line: bytes) -> None:
    """Add `line` to the end of the file and sync it."""
    with path.open("ab") as file:
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())
    sync(path.parent)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock on the file at `path`, which is made if need be; a process that dies lets go of it."""
    with os_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        with os_errors(path):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def os_errors(path: Path) -> Iterator[None]:
    """Turn an error of the operating system into `StoreNotWritable` for `path`."""
    try:
        yield
    except OSError as error:
        raise StoreNotWritable(path, error.strerror or str(error)) from error
