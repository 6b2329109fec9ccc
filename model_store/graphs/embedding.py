"""What is an item like, whatever the answer? The direction of a vector that a graph makes of it.

A bundle may bring this graph beside the one that answers. It is a file of its own, with nothing but what
computes the vectors: ONNX Runtime runs all nodes of a graph for every output, so a second output would cost
each request what nobody asked for. Nothing of it is loaded to answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.bundles.fields import Fields
from model_store.errors import BundleInvalid, ClassifierUnusable
from model_store.graphs.inputs import Feeds, FrontEnd, Input
from model_store.graphs.session import check_inputs, first_line, fits, names_of, open_session, shown

Vectors: TypeAlias = npt.NDArray[np.float32]  # (n_items, dimensions), of length 1 or 0

MAX_DIMENSIONS: Final = 16_384
_BUDGET_FLOATS: Final = 1 << 18  # values of one group of items, padding included


@dataclass(frozen=True, slots=True)
class EmbeddingSpec:
    """Which output of the embedding graph holds the vectors, and how long they are."""

    name: str
    dimensions: int

    def to_json(self) -> dict[str, Any]:
        """Return what the manifest says under ``embedding``."""
        return {"name": self.name, "dimensions": self.dimensions}

    @classmethod
    def from_fields(cls, fields: Fields) -> Self:
        """Read what `to_json` wrote."""
        spec = cls(fields.label("name"), fields.integer("dimensions", low=1))
        if spec.dimensions > MAX_DIMENSIONS:
            raise fields.invalid("dimensions", f"{spec.dimensions}, allowed: 1 to {MAX_DIMENSIONS}")
        fields.finish()
        return spec


@dataclass(frozen=True, slots=True)
class EmbeddingGraph:
    """The serialised ONNX model that makes vectors, and its output."""

    onnx: bytes
    spec: EmbeddingSpec


@dataclass(frozen=True, slots=True, eq=False)
class Embedder:
    """A front end and the session of an embedding graph; `open` makes one that fits together."""

    front_end: FrontEnd
    session: Any
    spec: EmbeddingSpec

    @classmethod
    def open(cls, path: Path, front_end: FrontEnd, spec: EmbeddingSpec, *, threads: int = 1) -> Self:
        """Return the embedder of the graph at `path`.

        Raises
        ------
        BundleInvalid
            If the graph cannot be loaded, takes other inputs than the front end feeds, or its output is not
            one of vectors of the declared length.
        """
        session = open_session(path, threads)
        check_inputs(path, session, front_end)
        _check_output(path, session, spec)
        return cls(front_end, session, spec)

    def vectors(self, inputs: Sequence[Input]) -> Vectors:
        """Return a vector of length 1 of each item, float32 of shape (n_items, dimensions), rows in order.

        Memory is bounded by the result: many items run in groups.

        Raises
        ------
        FeatureInvalid
            For the first item that is not one the model takes.
        ClassifierUnusable
            If a vector is not finite, or of another length.
        """
        found = np.empty((len(inputs), self.spec.dimensions), np.float32)
        cells = max(1, _BUDGET_FLOATS // self.spec.dimensions)
        for rows, feeds in self.front_end.batches(inputs, cells):
            found[rows] = self._run(feeds)
        norms = np.linalg.norm(found, axis=1, keepdims=True)
        found /= np.where(norms > 0.0, norms, 1.0)
        return found

    def warm_up(self) -> None:
        """Run the graph on a few items.

        Raises
        ------
        ClassifierUnusable
            If it fails on an item that the front end allows, or gives anything but finite vectors of the
            declared length.
        """
        for probe in self.front_end.probes():
            try:
                self._run(self.front_end.feeds([probe.item]))
            except Exception as error:  # ORT's exceptions share no base but Exception
                if probe.needed:
                    raise ClassifierUnusable(
                        f"cannot embed {probe.about} as output {self.spec.name!r} ({first_line(error)})"
                    ) from error

    def _run(self, feeds: Feeds) -> npt.NDArray[Any]:
        raw = np.asarray(self.session.run([self.spec.name], feeds)[0])
        n = len(next(iter(feeds.values())))
        if raw.shape != (n, self.spec.dimensions):
            raise ClassifierUnusable(f"gives shape {raw.shape}, expected {(n, self.spec.dimensions)}")
        if not np.isfinite(raw).all():
            raise ClassifierUnusable("gives numbers that are not finite")
        return raw


def _check_output(path: Path, session: Any, spec: EmbeddingSpec) -> None:
    nodes = {node.name: node for node in session.get_outputs()}
    if spec.name not in nodes:
        raise BundleInvalid(path, f"has no embedding output {spec.name!r}, only {names_of(nodes)}")
    node, shape = nodes[spec.name], (None, spec.dimensions)
    if node.type != "tensor(float)" or not fits(node.shape, shape) or node.shape[1] != spec.dimensions:
        raise BundleInvalid(
            path,
            f"embedding output {spec.name!r} is {node.type} of shape {node.shape}, "
            f"expected {shown(shape)} of tensor(float)",
        )
