"""Find out whether the files of a directory are exactly those that its manifest lists."""

import hashlib
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from model_store.bundles.manifest import MANIFEST, FileEntry
from model_store.errors import BundleCorrupt, BundleFileMissing, BundleInvalid

_BLOCK_BYTES: Final = 1 << 20
_MAX_JSON_BYTES: Final = 16 << 20


def verify_files(directory: Path, listed: Mapping[str, FileEntry]) -> None:
    """Check kind, size and digest of every listed file, and that there is none besides.

    Raises
    ------
    BundleFileMissing, BundleCorrupt
        If a listed file is not there, or has another size or digest.
    BundleInvalid
        If a file is not listed, or is a link or a directory.
    """
    for entry in sorted(directory.iterdir()):
        if entry.name != MANIFEST and entry.name not in listed:
            raise BundleInvalid(entry, "is not listed in the manifest; remove it or import the bundle again")
    for name, expected in listed.items():
        _verify_file(directory / name, expected)


def describe(file: Path) -> FileEntry:
    """Return the size and the digest of a file, read once, block by block."""
    digest, size = hashlib.sha256(), 0
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
            size += len(block)
    return FileEntry(size=size, sha256=digest.hexdigest())


def require_plain(file: Path) -> int:
    """Return the size of `file`, which must be a file itself and not a link to one."""
    try:
        status = file.lstat()
    except FileNotFoundError:
        raise BundleFileMissing(file) from None
    if not stat.S_ISREG(status.st_mode):
        raise BundleInvalid(file, "is not a plain file; links and directories are not followed")
    return status.st_size


def read_limited(file: Path) -> bytes:
    """Return the content of a JSON file of reasonable size."""
    with file.open("rb") as stream:
        content = stream.read(_MAX_JSON_BYTES + 1)
    if len(content) > _MAX_JSON_BYTES:
        raise BundleInvalid(file, f"is longer than {_MAX_JSON_BYTES} bytes")
    return content


def _verify_file(file: Path, expected: FileEntry) -> None:
    size = require_plain(file)
    if size != expected.size:
        raise BundleCorrupt(file, f"{expected.size} bytes", f"{size} bytes")
    digest = describe(file).sha256
    if digest != expected.sha256:
        raise BundleCorrupt(file, f"sha256 {expected.sha256[:12]}", f"sha256 {digest[:12]}")
