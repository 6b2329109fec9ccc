"""Bytes of a text log, plain or gzipped, and how far one has read; its errors in one line."""

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from model_store.data.csvfile import os_reason, unzipped
from monitoring.logs.chunk import Progress
from monitoring.logs.problems import LogRefused

EMPTY: Final = "the file is empty; expected a log with a timestamp and a predicted label a row"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


class TextFile:
    """An open text log; `lines` are texts, undecodable bytes in them as surrogates."""

    def __init__(self, path: Path, raw: BinaryIO, progress: Progress | None) -> None:
        self._raw, self._progress = raw, progress
        self._total = path.stat().st_size
        stream = unzipped(raw)
        # surrogateescape: only a label that is really used has to be UTF-8, and it costs nothing a row.
        self.lines = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")

    def tell(self) -> None:
        """Report how far the file has been read."""
        if self._progress is not None:
            self._progress("read", self._raw.tell(), self._total)


@contextmanager
def open_text(path: Path, progress: Progress | None = None) -> Iterator[TextFile]:
    """Open a text log; what goes wrong while it is read is a `LogRefused` too."""
    with refusing(path), path.open("rb") as raw:
        if raw.read(2) in _UTF_16:
            raise LogRefused(path, "is UTF-16; save it as UTF-8")
        raw.seek(0)
        file = TextFile(path, raw, progress)
        with file.lines:
            yield file


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn what the system says of a file into a `LogRefused`."""
    try:
        yield
    except OSError as error:
        raise LogRefused(path, os_reason(error).replace("CSV file", "log")) from error
    except (zlib.error, EOFError) as error:
        raise LogRefused(path, "the gzip stream is damaged or cut short; copy the file again") from error


def printable(text: str) -> bool:
    """Return whether a text was UTF-8: bytes that were not are surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
