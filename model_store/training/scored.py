"""What is a bundle made from: a graph, and what it says about rows that it was not trained on?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from model_store.bundles.bundle import MODEL_FILE, AnyFrontEnd, Bundle, read_embedding, read_front_end
from model_store.calibrating.calibration import AnyLabels, Float64s, LogProbabilities
from model_store.graphs.embedding import EmbeddingGraph
from model_store.graphs.outputs import LOGITS, OutputSpec

# Of rows a graph was not trained on. A claim needs positives among the threshold rows more than all else.
HELD_OUT: Final[Mapping[str, float]] = {"calibration": 0.3, "threshold": 0.5, "test": 0.2}


@dataclass(frozen=True, slots=True)
class Graph:
    """What answers: the serialised ONNX model, what fills its inputs, and which output says what.

    `embedding` makes vectors of the same inputs, if anything does.
    """

    onnx: bytes
    front_end: AnyFrontEnd
    output: OutputSpec = LOGITS
    embedding: EmbeddingGraph | None = None

    @classmethod
    def of(cls, bundle: Bundle) -> "Graph":
        """Return what a bundle answers with, for another version of the same."""
        onnx = (bundle.path / MODEL_FILE).read_bytes()
        return cls(onnx, read_front_end(bundle), bundle.manifest.output, read_embedding(bundle))


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Rows the graph was not trained on, and what it says about them.

    Parameters
    ----------
    log_probabilities : float32 array of shape (n_items, n_classes)
    labels : int array of shape (n_items,), or bool array of shape (n_items, n_classes)
        -1 for a row of no class; the second form for a multi-label model.
    weights : float64 array of shape (n_items,), optional
        How many items of the traffic each row stands for.
    groups : int array of shape (n_items,), optional
        Rows of equal number are alike: cross-validation keeps them together, and claims count them as one.
    inputs : sequence of inputs
        The items of new rows, in any order; the threshold rows need them.
    """

    log_probabilities: LogProbabilities
    labels: AnyLabels
    weights: Float64s | None = None
    groups: npt.NDArray[np.integer[Any]] | None = None
    inputs: Sequence[Any] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def known(self) -> "Part":
        """Return the rows that are of a class: a calibration has no probability for none of them."""
        if self.labels.ndim == 2 or (self.labels >= 0).all():
            return self
        at = np.flatnonzero(self.labels >= 0)
        weights = None if self.weights is None else self.weights[at]
        groups = None if self.groups is None else self.groups[at]
        return Part(self.log_probabilities[at], self.labels[at], weights, groups)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Three disjoint parts, each with one purpose; rows of a group are all in one of them."""

    calibration: Part
    threshold: Part
    test: Part
