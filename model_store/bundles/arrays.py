"""Keep named numeric arrays in a file that cannot run code when it is read."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.errors import BundleInvalid

Array: TypeAlias = npt.NDArray[Any]
Layout: TypeAlias = Mapping[str, tuple[str, int]]  # name -> (dtype, number of dimensions)

_SUFFIX: Final = ".npy"


def save_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write `arrays` to an uncompressed npz; equal arrays give equal bytes."""
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_arrays(path: Path, layout: Layout, optional: Layout = MappingProxyType({})) -> dict[str, Array]:
    """Return exactly the arrays of `layout`, and those of `optional` that the file has.

    Raises
    ------
    BundleInvalid
        If the file is not an npz, is compressed, or an array is missing, unexpected, of another
        type, of another number of dimensions, or holds Python objects.
    """
    try:
        layout = {**layout, **_present(path, optional)}
        _check_members(path, layout)
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in layout}
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError) as error:
        raise BundleInvalid(path, f"cannot be read as an npz of plain arrays ({error})") from error
    for name, (dtype, dimensions) in layout.items():
        found = arrays[name]
        if found.dtype != np.dtype(dtype) or found.ndim != dimensions:
            problem = f"array {name!r} is {found.dtype} of {found.ndim} dimensions"
            raise BundleInvalid(path, f"{problem}, expected {dtype} of {dimensions}")
    return arrays


def _present(path: Path, optional: Layout) -> Layout:
    if not optional:
        return optional
    with zipfile.ZipFile(path) as archive:
        members = set(archive.namelist())
    return {name: what for name, what in optional.items() if name + _SUFFIX in members}


def _check_members(path: Path, layout: Layout) -> None:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    found = sorted(member.filename for member in members)
    expected = sorted(name + _SUFFIX for name in layout)
    if found != expected:
        raise BundleInvalid(path, f"holds {', '.join(found) or 'nothing'}, expected {', '.join(expected)}")
    # Stored members cannot unpack to more than the size the manifest lists.
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise BundleInvalid(path, "is compressed; arrays of a bundle are stored uncompressed")
