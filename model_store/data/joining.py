"""Joining: how do rows of a file and rows from elsewhere become one table, and one table a part of it?"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from model_store.data.rows import Rows

_COLUMNS: Final = ("labels", "sources", "groups", "ids", "label_sets", "weights", "times", "strata")


def at(rows: Rows, which: Sequence[int] | npt.NDArray[np.intp]) -> Rows:
    """Return some of the rows, in this order."""
    places = [int(i) for i in which]

    def of(column: tuple[Any, ...] | None) -> Any:
        return None if column is None else tuple(column[i] for i in places)

    return replace(
        rows,
        texts=of(rows.texts) if rows.texts else (),
        features=None if rows.features is None else {name: of(each) for name, each in rows.features.items()},
        **{name: of(getattr(rows, name)) for name in _COLUMNS},
    )


def joined(rows: Rows, more: Rows) -> Rows:
    """Return the rows of a file and, behind them, returned ones; only columns that a fit needs are kept."""
    n = len(rows)
    features = rows.features and {
        name: (*cells, *(more.features or {})[name]) for name, cells in rows.features.items()
    }
    return Rows(
        texts=(*rows.texts, *more.texts),
        labels=None if rows.labels is None else (*rows.labels, *(more.labels or ())),
        label_sets=None if rows.label_sets is None else (*rows.label_sets, *(more.label_sets or ())),
        label_columns=rows.label_columns,
        sources=None if rows.sources is None else (*rows.sources, *(more.sources or ("",) * len(more))),
        groups=None if rows.groups is None else (*rows.groups, *("",) * len(more)),
        ids=(*(rows.ids or (f"row {i}" for i in range(1, n + 1))), *(more.ids or ())),
        path=rows.path,
        features=features,
    )
