"""How do a graph's answers become log-probabilities?

Graphs answer in five ways (`OutputKind`). Whatever the way, what calibration sees is the same: with one class
an item, rows whose probabilities sum to 1; with several labels, the probability of each on its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from model_store.fields import Fields

Task: TypeAlias = Literal["binary", "multiclass", "multilabel"]
OutputKind: TypeAlias = Literal[
    "logits", "probabilities", "positive_logit", "positive_probability", "label_pairs"
]
LogProbabilities: TypeAlias = npt.NDArray[np.float32]  # (n_items, n_classes)
Raw: TypeAlias = npt.NDArray[np.floating[Any]] | Sequence[npt.NDArray[np.floating[Any]]]
Decoder: TypeAlias = Callable[[Raw], LogProbabilities]

CLIP: Final = 1e-6
_SLACK: Final = 1e-3  # what rounding and an inexact softmax may leave outside [0, 1]


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """Which output of the graph is read, and what it says.

    Parameters
    ----------
    kind
        `logits`, `probabilities`: (n, K), a column a class in the order of the classes.
        `positive_logit`, `positive_probability`: (n,) or (n, 1), of the second of two classes or of the only
        label. `label_pairs`: (K, n, 2) or K times (n, 2), of each label without and with it.
    """

    name: str
    kind: OutputKind

    def to_json(self) -> dict[str, str]:
        """Return what the manifest says under ``output``."""
        return {"name": self.name, "kind": self.kind}

    @classmethod
    def from_fields(cls, fields: Fields) -> "OutputSpec":
        """Read what `to_json` wrote."""
        spec = cls(fields.label("name"), fields.one_of("kind", get_args(OutputKind)))
        fields.finish()
        return spec

    def problem(self, task: Task, n_classes: int) -> str | None:
        """Return why the kind cannot be that of `n_classes` classes of `task`, None if it can."""
        positive = self.kind in ("positive_logit", "positive_probability")
        if positive and n_classes != (1 if task == "multilabel" else 2):
            return f"{self.kind!r} is for two classes or one label, not for {n_classes} of a {task} model"
        if self.kind == "label_pairs" and task != "multilabel":
            return f"{self.kind!r} is for multilabel models, this one is {task}"
        return None

    @property
    def types(self) -> tuple[str, ...]:
        """ONNX types that the output may have; scikit-learn gives pairs as a sequence of tensors too."""
        tensors = ("tensor(float)", "tensor(double)")
        return (*tensors, *(f"seq({t})" for t in tensors)) if self.kind == "label_pairs" else tensors

    def shapes(self, n: int | None, n_classes: int) -> tuple[tuple[int | None, ...], ...]:
        """Return the shapes that the output may have for `n` items."""
        if self.kind in ("positive_logit", "positive_probability"):
            return (n,), (n, 1)
        return ((n_classes, n, 2),) if self.kind == "label_pairs" else ((n, n_classes),)

    def problem_of(self, raw: Raw, n: int, n_classes: int) -> str | None:
        """Return what the shape or the range of an answer to `n` items tells is wrong, None if nothing."""
        shape = np.shape(raw)
        if shape not in self.shapes(n, n_classes):
            return f"shape {shape}, expected {' or '.join(map(str, self.shapes(n, n_classes)))}"
        if self.kind in ("logits", "positive_logit"):
            return None
        lowest, highest = float(np.nanmin(raw)), float(np.nanmax(raw))
        if lowest < -_SLACK or highest > 1 + _SLACK:
            return f"numbers from {lowest:.4g} to {highest:.4g}, which are no probabilities; declare logits"
        return None

    def decoder(self, task: Task) -> Decoder:
        """Return the function from the output of a run to log-probabilities, float32 (n, K).

        Every result is finite for finite logits, and for probabilities whatever they are but NaN.
        """
        return (_OF_LABELS if task == "multilabel" else _OF_CLASSES)[self.kind]


LOGITS: Final = OutputSpec("logits", "logits")


def log_softmax(logits: Any) -> LogProbabilities:
    """Return the log of the softmax of each row."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    found: LogProbabilities = shifted.astype(np.float32, copy=False)
    return found


def _log_shares(probabilities: Any) -> LogProbabilities:
    clipped = np.clip(probabilities, CLIP, 1.0)
    clipped /= clipped.sum(axis=1, keepdims=True)
    found: LogProbabilities = np.log(clipped).astype(np.float32, copy=False)
    return found


def _log_each(probabilities: Any) -> LogProbabilities:
    found: LogProbabilities = np.log(np.clip(probabilities, CLIP, 1 - CLIP)).astype(np.float32, copy=False)
    return found


def _log_sigmoid(logits: Any) -> LogProbabilities:
    # min(z, 0) - log1p(exp(-|z|)) overflows nowhere.
    found: LogProbabilities = (np.minimum(logits, 0) - np.log1p(np.exp(-np.abs(logits)))).astype(
        np.float32, copy=False
    )
    return found


def _column(raw: Any) -> Any:
    return raw.reshape(-1, 1)


def _with_label(pairs: Any) -> Any:
    if isinstance(pairs, list):
        return np.stack([pair[:, 1] for pair in pairs], axis=1)
    return pairs[:, :, 1].T


_OF_CLASSES: Final[dict[OutputKind, Decoder]] = {
    "logits": log_softmax,
    "probabilities": _log_shares,
    "positive_logit": lambda raw: _log_sigmoid(np.hstack([-_column(raw), _column(raw)])),
    "positive_probability": lambda raw: _log_each(np.hstack([1 - _column(raw), _column(raw)])),
}
_OF_LABELS: Final[dict[OutputKind, Decoder]] = {
    "logits": _log_sigmoid,
    "probabilities": _log_each,
    "positive_logit": lambda raw: _log_sigmoid(_column(raw)),
    "positive_probability": lambda raw: _log_each(_column(raw)),
    "label_pairs": lambda raw: _log_each(_with_label(raw)),
}
