"""Which output of a graph from elsewhere makes vectors of items, and how long are they?"""

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

import numpy as np

from model_store.errors import ImportRefused
from model_store.foreign.graph import PlainGraph, Port
from model_store.foreign.onnxfile import first_line
from model_store.graphs.embedding import MAX_DIMENSIONS, EmbeddingGraph, EmbeddingSpec
from model_store.graphs.inputs import FrontEnd, Input

_CELLS: Final = 1 << 16
_ALLOWED: Final = (
    "an embedding is an output of floats of shape (items, d), with the same d for every item, "
    f"from 1 to {MAX_DIMENSIONS:,}"
)


class EmbeddingRefused(ImportRefused):
    """An output that is declared as the embedding cannot be one; the message says why and what can."""


def declared_embedding(graph: PlainGraph, name: str) -> Port:
    """Return the output that is called so, which may hold vectors as far as the file tells.

    Raises
    ------
    EmbeddingRefused
    """
    found = next((port for port in graph.outputs if port.name == name), None)
    if found is None:
        given = ", ".join(map(str, graph.outputs)) or "nothing"
        raise EmbeddingRefused(f"the graph has no output {name!r} for --embedding; it gives {given}")
    if not found.is_float or found.rank not in (2, None):
        raise EmbeddingRefused(f"output {found} is no embedding: {_ALLOWED}; name another with --embedding")
    return found


def embedding_of(
    graph: PlainGraph, port: Port, session: Any, front_end: FrontEnd, items: Sequence[Input]
) -> EmbeddingGraph:
    """Return the graph that makes vectors of items, and nothing else; a few items tell how long they are.

    Raises
    ------
    EmbeddingRefused
        If what it gives for them is not one finite vector each.
    """
    lengths = set()
    for rows, feeds in islice(front_end.batches(items, _CELLS), 2):
        n = len(range(len(items))[rows]) if isinstance(rows, slice) else len(rows)
        try:
            raw = np.asarray(session.run([port.name], feeds)[0])
        except Exception as error:  # ORT's exceptions share no base but Exception
            raise EmbeddingRefused(f"output {port} cannot be computed ({first_line(error)})") from error
        if raw.ndim != 2 or len(raw) != n or not 1 <= raw.shape[1] <= MAX_DIMENSIONS:
            raise EmbeddingRefused(f"output {port} gives shape {raw.shape} for {n} items: {_ALLOWED}")
        if not np.isfinite(raw).all():
            raise EmbeddingRefused(f"output {port} gives numbers that are not finite: {_ALLOWED}")
        lengths.add(raw.shape[1])
    if len(lengths) != 1:
        raise EmbeddingRefused(f"output {port} gives vectors of several lengths: {_ALLOWED}")
    spec = EmbeddingSpec(port.name, lengths.pop())
    return EmbeddingGraph(graph.served(port.name, (None, spec.dimensions)), spec)
