"""Turn texts into raw log probabilities: the front end and the ONNX graph behind it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime

from model_store.errors import BundleInvalid, ClassifierUnusable
from model_store.manifest import OUTPUTS
from model_store.text import Ids, TextFrontEnd, Weights

LogProbabilities: TypeAlias = npt.NDArray[np.float32]  # (n_items, n_classes)

_INPUTS: Final = {"ids": "tensor(int64)", "weights": "tensor(float)"}
_OUTPUT_TYPE: Final = "tensor(float)"
_LOGITS: Final = ["logits"]
# The graph gathers rows x columns x classes floats. 256 texts, 151 classes: 37 us a text in groups of 1 MB
# that stay in the cache of a core, 50 us as one group. A single long text may exceed it.
_BUDGET_FLOATS: Final = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """A front end and a session; `open` makes one that fits together."""

    front_end: TextFrontEnd
    session: Any
    n_classes: int

    @classmethod
    def open(cls, path: Path, front_end: TextFrontEnd, *, n_classes: int, threads: int = 1) -> "Classifier":
        """Return the classifier of the graph at `path`.

        Parameters
        ----------
        threads
            Threads within one operator. Workers are the parallelism for small models: 1.

        Raises
        ------
        BundleInvalid
            If the graph cannot be loaded, or its inputs or outputs are not those of `n_classes`.
        """
        session = _session(path, threads)
        _check_signature(path, session, n_classes)
        return cls(front_end, session, n_classes)

    def log_probabilities(self, texts: Sequence[str]) -> LogProbabilities:
        """Return the log softmax of the logits, float32 of shape (n_texts, n_classes), rows in order.

        A row depends on its own text only; padding to batch mates moves it by rounding, below 1e-5.
        """
        vectors = self.front_end.vectorize(texts)
        if len(vectors) == 1:
            return _log_softmax(self._logits_of_one(*vectors[0]))
        logits = np.empty((len(vectors), self.n_classes), dtype=np.float32)
        for rows in self._groups([len(ids) for ids, _ in vectors]):
            logits[rows] = self._logits([vectors[row] for row in rows])
        return _log_softmax(logits)

    def warm_up(self) -> None:
        """Run the graph once alone and once padded, so that first requests are not slow.

        Raises
        ------
        ClassifierUnusable
            If the graph has not exactly one row of weights for each column of the front end, or
            gives anything but finite numbers of the right shape.
        """
        known = next(iter(self.front_end.word), "")
        for texts in ([known], [known, "", f"{known} {known}"]):
            found = self.log_probabilities(texts)
            if found.shape != (len(texts), self.n_classes) or not np.isfinite(found).all():
                raise ClassifierUnusable("gives logits that are not finite, or not one for each class")
        last = self.front_end.n_columns - 1
        if not self._has_column(last) or self._has_column(last + 1):
            raise ClassifierUnusable(f"has not exactly the {last + 1} rows of weights the front end needs")

    def _has_column(self, column: int) -> bool:
        vector = np.array([column], dtype=np.int32), np.ones(1, dtype=np.float32)
        try:
            return bool(np.isfinite(self._logits([vector])).all())
        except Exception:  # ORT's exceptions share no base but Exception
            return False

    def _logits(self, vectors: Sequence[tuple[Ids, Weights]]) -> npt.NDArray[np.float32]:
        ids, weights = self.front_end.pad(vectors)
        return self._run(ids, weights)

    def _logits_of_one(self, ids: Ids, weights: Weights) -> npt.NDArray[np.float32]:
        if not len(ids):
            return self._logits([(ids, weights)])
        return self._run(ids.astype(np.int64)[None], weights[None])

    def _run(self, ids: npt.NDArray[np.int64], weights: Weights) -> npt.NDArray[np.float32]:
        logits: npt.NDArray[np.float32] = self.session.run(_LOGITS, {"ids": ids, "weights": weights})[0]
        return logits

    def _groups(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Yield rows of similar length, as many as the budget holds and at least one."""
        group: list[int] = []
        for row in sorted(range(len(lengths)), key=lengths.__getitem__):
            if group and (len(group) + 1) * lengths[row] * self.n_classes > _BUDGET_FLOATS:
                yield group
                group = []
            group.append(row)
        if group:
            yield group


def check_graph(path: Path) -> None:
    """Run the checker of the `onnx` package over a graph; where it is not installed, do nothing.

    A serving image leaves `onnx` out: then the session that `Classifier.open` makes is the check.

    Raises
    ------
    BundleInvalid
        If the checker finds the graph invalid.
    """
    try:
        from onnx import checker  # noqa: PLC0415 - a train-time dependency
    except ImportError:
        return
    try:
        checker.check_model(path)
    except Exception as error:  # the errors of protobuf and of the checker share no base but Exception
        raise BundleInvalid(path, f"is not a valid ONNX graph ({_first_line(error)})") from error


def _session(path: Path, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A spinning thread takes the core its neighbour worker needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Both keep memory for shapes that never come again; as fast without, and a long text leaves nothing.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 4  # what fails is raised, and told once
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ORT's exceptions share no base but Exception
        raise BundleInvalid(path, f"cannot be loaded by ONNX Runtime ({_first_line(error)})") from error


def _check_signature(path: Path, session: Any, n_classes: int) -> None:
    inputs = {node.name: node.type for node in session.get_inputs()}
    if inputs != _INPUTS:
        raise BundleInvalid(path, f"takes {inputs}, expected {_INPUTS}")
    for node in session.get_inputs():
        if len(node.shape) != 2 or any(isinstance(size, int) for size in node.shape):
            raise BundleInvalid(
                path, f"input {node.name!r} has shape {node.shape}, expected any rows and columns"
            )
    outputs = {node.name: node for node in session.get_outputs()}
    for name in OUTPUTS:
        if name not in outputs:
            raise BundleInvalid(path, f"has no output {name!r}, only {', '.join(outputs)}")
        node = outputs[name]
        if node.type != _OUTPUT_TYPE or len(node.shape) != 2 or node.shape[1] not in (n_classes, None):
            raise BundleInvalid(
                path, f"output {name!r} is {node.type} of shape {node.shape}, expected (rows, {n_classes})"
            )


def _log_softmax(logits: npt.NDArray[np.float32]) -> LogProbabilities:
    shifted: LogProbabilities = logits - logits.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:300]
