"""Answers: what does a graph from elsewhere say about the rows of a file, and on which scale?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime

from model_store.data.csvfile import Progress, refuse
from model_store.errors import ImportRefused
from model_store.foreign.graph import PlainGraph
from model_store.foreign.onnxfile import GraphRefused, first_line
from model_store.foreign.recognise import Given
from model_store.graphs.inputs import Feeds, FrontEnd, Input
from model_store.graphs.outputs import OutputKind

Scores: TypeAlias = npt.NDArray[np.floating[Any]]  # (n,), (n, K), or (K, n, 2) of pairs

_CELLS: Final = 1 << 18
_SLACK: Final = 1e-3  # what float32 and an inexact softmax leave outside [0, 1], and of a sum of 1
_KINDS: Final = (
    "logits and probabilities are (n, K), positive ones (n,) or (n, 1), label_pairs (K, n, 2): "
    "declare another --output-kind, or --output"
)
_CHECK_VALUES: Final = "check their values against those of training, or leave them out"
_ALL_CHECKED: Final = 20  # a graph that refuses this many rows refuses them all


class ScaleUnclear(ImportRefused):
    """The values of the scores fit no kind of output, or several; the message says what to declare."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What the graph says about each row.

    Parameters
    ----------
    scores : float array of shape (n,), (n, K) or, for pairs, (K, n, 2)
    labels : array of shape (n,) or (n, K), optional
        What the exporter would choose.
    """

    scores: Scores
    labels: npt.NDArray[Any] | None

    def finite(self) -> npt.NDArray[np.bool_]:
        """Return for each row whether all of its scores are finite numbers."""
        items = 1 if self.scores.ndim == 3 else 0
        others = tuple(axis for axis in range(self.scores.ndim) if axis != items)
        return np.asarray(np.isfinite(self.scores).all(axis=others))


def open_session(graph: PlainGraph) -> Any:
    """Return a session that gives every output of the simplified graph.

    Raises
    ------
    GraphRefused
        If ONNX Runtime cannot load it; it names the operators that are missing.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what fails is raised, and told once
    try:
        return onnxruntime.InferenceSession(graph.content(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ORT's exceptions share no base but Exception
        told = str(error)
        missing = [each for each in graph.foreign_operators() if each.rpartition(":")[2] in told]
        if missing:
            raise GraphRefused(
                graph.path,
                f"uses operators that ONNX Runtime does not have: {', '.join(missing)}; "
                "export the model without them",
            ) from error
        raise GraphRefused(
            graph.path,
            f"cannot be loaded by ONNX Runtime {onnxruntime.__version__} ({first_line(error)}); "
            "export it for an older operator set, or upgrade onnxruntime",
        ) from error


def answers_to(
    session: Any,
    front_end: FrontEnd,
    items: Sequence[Input],
    given: Given,
    *,
    path: Path | None,
    report: Progress,
) -> Answers:
    """Run the graph on every row of a file.

    Parameters
    ----------
    path : Path, optional
        The file, for errors.

    Raises
    ------
    RowsInvalid
        For rows that the graph refuses.
    ScaleUnclear
        If it refuses them all, or gives another number of answers than there are rows.
    """
    names = [given.scores.name] + ([given.label.name] if given.label else [])
    parts: list[list[npt.NDArray[Any]]] = []
    refused: list[int] = []
    done = 0
    for _, feeds in front_end.batches(items, _CELLS):
        report("run", done, len(items))
        try:
            parts.append(session.run(names, feeds))
        except Exception as error:  # ORT's exceptions share no base but Exception
            alone = _refused(session, names, feeds, error)
            if not alone:
                raise
            refused += [done + row for row in alone]
        done += len(next(iter(feeds.values())))
    report("run", len(items), len(items))
    refuse(path, "are refused by the graph", refused, remedy=_CHECK_VALUES)
    axis = 1 if parts[0][0].ndim == 3 else 0
    scores = np.concatenate([part[0] for part in parts], axis=axis)
    if scores.shape[axis] != len(items):
        raise ScaleUnclear(
            f"output {given.scores} gives {scores.shape[axis]} answers to {len(items)} rows; "
            "a classifier gives one row of scores an item: name the right output with --output"
        )
    labels = np.concatenate([part[1] for part in parts]) if given.label else None
    return Answers(scores, labels)


def kind_of(
    scores: Scores, given: Given, *, multilabel: bool, declared: OutputKind | None = None
) -> OutputKind:
    """Return what scores are, by their shape and their values; what is declared must fit both.

    Parameters
    ----------
    multilabel : bool
        Whether an item may carry several labels.

    Raises
    ------
    ScaleUnclear
    """
    kind = declared or _told(scores, given, multilabel=multilabel)
    single = scores.ndim == 1 or (scores.ndim == 2 and scores.shape[1] == 1)
    pairs = scores.ndim == 3 and scores.shape[2] == 2
    fits = pairs if kind == "label_pairs" else single if kind.startswith("positive") else scores.ndim == 2
    if not fits:
        raise ScaleUnclear(f"output {given.scores} has shape {scores.shape}, which {kind} have not; {_KINDS}")
    if kind not in ("logits", "positive_logit") and not _ratios(scores):
        raise ScaleUnclear(
            f"output {given.scores} holds numbers from {scores.min():.4g} to {scores.max():.4g}, "
            f"which {kind} are not; declare --output-kind logits or positive_logit"
        )
    return kind


def _told(scores: Scores, given: Given, *, multilabel: bool) -> OutputKind:
    """Return what the scores themselves tell they are."""
    if scores.ndim > 2:
        return "label_pairs"
    if scores.ndim == 1 or scores.shape[1] == 1:
        return _single(scores, given, multilabel=multilabel)
    if not _ratios(scores):
        return "logits"
    sums = scores.sum(axis=1)
    if multilabel or np.abs(sums - 1).max() <= _SLACK * np.sqrt(scores.shape[1]):
        return "probabilities"
    raise ScaleUnclear(
        f"the scores of output {given.scores} lie in [0, 1] but do not sum to 1, they sum to "
        f"{sums.min():.3g} up to {sums.max():.3g}: declare --output-kind probabilities to have them divided "
        "by their sum, logits if they are none, or --multilabel if an item carries several labels"
    )


def _single(scores: Scores, given: Given, *, multilabel: bool) -> OutputKind:
    """Return what one column is: it speaks of the second of two classes, or of the only label."""
    if _ratios(scores):
        return "positive_probability"
    if given.label is None and not multilabel and len(given.classes) != 2:
        raise ScaleUnclear(
            f"output {given.scores} is one number an item, outside [0, 1], and there is no label output: a "
            "regression model predicts no class; if it is the logit of the second of two classes, declare "
            "--output-kind positive_logit"
        )
    return "positive_logit"


def _ratios(scores: Scores) -> bool:
    return bool(scores.min() >= -_SLACK and scores.max() <= 1 + _SLACK)


def _refused(session: Any, names: list[str], feeds: Feeds, error: Exception) -> list[int]:
    """Return the rows, from 1, that the graph refuses one by one; ScaleUnclear if it refuses all."""
    size = len(next(iter(feeds.values())))
    refused: list[int] = []
    for row in range(size):
        try:
            session.run(names, {name: array[row : row + 1] for name, array in feeds.items()})
        except Exception:  # ORT's exceptions share no base but Exception
            refused.append(row + 1)
        if len(refused) == row + 1 == min(size, _ALL_CHECKED):
            raise ScaleUnclear(
                f"the graph refuses every row ({first_line(error)}); "
                "check the order and the number of the columns that were assumed or named"
            ) from error
    return refused
