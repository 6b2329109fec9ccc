"""Which items of a file may still be handed out? One of each near-duplicate group, none labelled yet.

An item is a text or the row of a table; of a table only equal rows are near-duplicates.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from model_store.data.contents import content_of
from model_store.data.csvfile import Progress, refuse, where
from model_store.data.features import inputs_of
from model_store.data.rows import read_rows
from model_store.data.signatures import PERMUTATIONS, Signatures, groups, matches, minhash
from model_store.graphs.columns import Column
from model_store.graphs.inputs import InputKind
from monitoring.plan.signs import silent
from monitoring.recording.candidate import item_key

ONE_SOURCE: Final = "all"
_AT_ONCE: Final = 2_000  # texts signed between two reports


@dataclass(frozen=True, slots=True)
class Pool:
    """The rows of a file; `keys` are the ids, or where there are none `item_key(source, text)`.

    The text of a table's row is its features as JSON, those that are missing left out.
    """

    path: Path
    texts: tuple[str, ...]
    sources: tuple[str, ...]
    ids: tuple[str, ...] | None
    keys: tuple[str, ...]
    input_kind: InputKind = "text"

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class Taken:
    """What needs no label: handed out before, by key and by text, or what a model was made from.

    Parameters
    ----------
    seen : uint32 array of shape (n_seen, 64)
        Near-duplicate signatures of the latter.
    """

    keys: frozenset[str] = frozenset()
    texts: tuple[str, ...] = ()
    seen: Signatures = field(default_factory=lambda: np.empty((0, PERMUTATIONS), np.uint32))


@dataclass(frozen=True, slots=True)
class Fresh:
    """What may be handed out.

    Parameters
    ----------
    rows : intp array of shape (n_groups,)
        The first row of each group of near-duplicates, in the order of the file.
    copies : int64 array of shape (n_groups,)
        How many rows each stands for, itself included.
    taken : int
        Rows left out because they, or a near-duplicate, were handed out before or a model was made from them.
    """

    rows: npt.NDArray[np.intp]
    copies: npt.NDArray[np.int64]
    taken: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def repeated(self) -> int:
        """How many rows another one stands for."""
        return int(self.copies.sum()) - len(self)


def read_pool(
    path: Path,
    *,
    text: str | None = None,
    columns: Sequence[Column] = (),
    source: str | None = None,
    id_: str | None = None,
    progress: Progress = silent,
) -> Pool:
    """Read a UTF-8 CSV file, plain or gzipped.

    Parameters
    ----------
    text : str
        Column with the text of each row; or
    columns : sequence of Column
        the columns of a table, as a model takes them.

    Raises
    ------
    RowsError
        In one line: a column that is not there, an empty file or cell, a value of another type than its
        column's, an id that is there twice.
    """
    names = [column.name for column in columns]
    rows = read_rows(path, text=text, features=names, source=source, id=id_, progress=progress)
    texts = tuple(map(content_of, inputs_of(rows, columns)))
    sources = rows.sources or (ONE_SOURCE,) * len(rows)
    empty = where(sources, lambda cell: not cell.strip())
    refuse(path, f"have an empty {source!r}", empty, remedy="fill it in, or leave the row out")
    keys = rows.ids or tuple(map(item_key, sources, texts))
    return Pool(path, texts, sources, rows.ids, keys, "features" if columns else "text")


def fresh(pool: Pool, taken: Taken, progress: Progress = silent) -> Fresh:
    """Return one row per group of near-duplicates, groups that hold something taken left out whole."""
    exact = pool.input_kind == "features"
    signatures = _signed(pool.texts, progress, exact=exact)
    group = groups(signatures)
    known = np.fromiter((key in taken.keys for key in pool.keys), np.bool_, len(pool))
    known |= matches(signatures, np.concatenate([minhash(taken.texts, exact=exact), taken.seen]))
    _, first, copies = np.unique(group, return_index=True, return_counts=True)
    out = np.zeros(len(first), dtype=np.bool_)
    out[group[known]] = True
    return Fresh(first[~out], copies[~out].astype(np.int64), int(copies[out].sum()))


def _signed(texts: tuple[str, ...], progress: Progress, *, exact: bool) -> Signatures:
    found = np.empty((len(texts), PERMUTATIONS), np.uint32)
    for at in range(0, len(texts), _AT_ONCE):
        found[at : at + _AT_ONCE] = minhash(texts[at : at + _AT_ONCE], exact=exact)
        progress("near-duplicates", min(at + _AT_ONCE, len(texts)), len(texts))
    return found
