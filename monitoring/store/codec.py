"""How do arrays become columns and come back equal, bit for bit?"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from monitoring.waves.batches import Label

Counts: TypeAlias = npt.NDArray[np.int64]


def sparse(counts: Counts) -> dict[str, list[int]]:
    """Return counts as JSON that stays small when most cells are zero: shape, flat positions, values."""
    flat = counts.reshape(-1)
    at = np.flatnonzero(flat)
    return {"shape": list(counts.shape), "at": at.tolist(), "n": flat[at].tolist()}


def dense(stored: dict[str, list[int]], *, columns: int = 0) -> Counts:
    """Return the array that `sparse` was given, with zeros up to `columns`: earlier releases stored fewer."""
    flat = np.zeros(int(np.prod(stored["shape"])), np.int64)
    flat[stored["at"]] = stored["n"]
    counts = flat.reshape(stored["shape"])
    missing = columns - counts.shape[-1]
    return np.pad(counts, ((0, 0), (0, missing))) if missing > 0 else counts


def floats(vector: npt.NDArray[np.float32] | Sequence[float]) -> bytes:
    """Return a probability vector as little-endian float32 bytes."""
    return np.asarray(vector, "<f4").tobytes()


def vector(stored: bytes) -> npt.NDArray[np.float32]:
    """Return the vector that `floats` was given."""
    return np.frombuffer(stored, "<f4").astype(np.float32)


def vectors(stored: Sequence[bytes], *, width: int) -> npt.NDArray[np.float32]:
    """Return vectors stacked, shape (n, width)."""
    return np.frombuffer(b"".join(stored), "<f4").astype(np.float32, copy=False).reshape(-1, width)


def words(signature: npt.NDArray[np.uint32]) -> bytes:
    """Return one near-duplicate signature as little-endian uint32 bytes."""
    return np.asarray(signature, "<u4").tobytes()


def signatures(stored: Sequence[bytes], *, width: int = 64) -> npt.NDArray[np.uint32]:
    """Return signatures stacked, shape (n, width)."""
    return np.frombuffer(b"".join(stored), "<u4").astype(np.uint32).reshape(-1, width)


def label_columns(name: str, label: Label | None) -> dict[str, str | list[str] | None]:
    """Return what two columns hold: `name` a class, `name`_names the names of any number of labels."""
    if isinstance(label, tuple):
        return {name: None, f"{name}_names": list(label)}
    return {name: label, f"{name}_names": None}


def label(one: str | None, names: Sequence[str] | None) -> Label | None:
    """Return the label that `label_columns` was given."""
    return one if names is None else tuple(names)
