"""How does a command write files: each whole or not at all, and none over what was filled in meanwhile?"""

from collections.abc import Mapping
from pathlib import Path

from model_store.bundles.durable import replace_file


class FileRefused(Exception):
    """A file cannot be written, or must not be; the message names it and what to do."""


def write(path: Path, content: bytes, *, option: str = "--to") -> Path:
    """Write a file whole or not at all, in the place of one that is there; `option` is what names it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        raise _unwritable(path, error, option) from error
    return path


def write_new(files: Mapping[Path, bytes], *, option: str = "--to") -> list[Path]:
    """Write files that people fill in; one that is there with the same content is left as it is.

    All are looked at before one is written; a repeat completes what a full disk left undone.

    Raises
    ------
    FileRefused
        One is there with other content, which may be somebody's labels, or cannot be written.
    """
    missing = [path for path, content in files.items() if not _is_there(path, content, option)]
    for path in missing:
        write(path, files[path], option=option)
    return list(files)


def _is_there(path: Path, content: bytes, option: str) -> bool:
    """Tell whether a file has this content already; raise `FileRefused` where it has another one."""
    try:
        there = path.read_bytes()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unwritable(path, error, option) from error
    if there != content:
        raise FileRefused(
            f"{path}: is there already, with other content; choose another {option}, or move it away"
        )
    return True


def _unwritable(path: Path, error: OSError, option: str) -> FileRefused:
    return FileRefused(f"{path}: cannot be written ({error.strerror or error}); choose another {option}")
