"""How do a graph's answers become log-probabilities?

Graphs answer in five ways (`OutputKind`). Whatever the way, what calibration sees is the same: with one class
an item, rows whose probabilities sum to 1; with several labels, the probability of each on its own.

A share of votes can be exactly 0 or 1, and so has no logarithm; probabilities are clipped first. How far
matters, since calibration is affine in the logarithm: a clip of 1e-7 puts a forest's 0 six decades below its
1 %, one of 1e-2 makes everything equal that a boosted model says about a rare class. So `measured_clip`
looks: half of the least probability that is not 0, where there are zeros at all. Worst class's calibration
error of 3 classes, the rarest 3 %, fitted on 2,000 rows and measured on 4,000, mean of four seeds:

=====================  ======  ======  ========
graph                  1e-7    1e-2    measured
=====================  ======  ======  ========
forest of 100 trees    .0205   .0179   .0180
one tree               .0763   .0254   .0237
10 nearest neighbours  .0695   .0217   .0140
boosted trees          .0147   .0340   .0147
=====================  ======  ======  ========
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from model_store.bundles.fields import Fields

Task: TypeAlias = Literal["binary", "multiclass", "multilabel"]
OutputKind: TypeAlias = Literal[
    "logits", "probabilities", "positive_logit", "positive_probability", "label_pairs"
]
LogProbabilities: TypeAlias = npt.NDArray[np.float32]  # (n_items, n_classes)
Raw: TypeAlias = npt.NDArray[np.floating[Any]] | Sequence[npt.NDArray[np.floating[Any]]]
Decoder: TypeAlias = Callable[[Raw], LogProbabilities]

# The nearest that a float32 comes to 1 from below is 6e-8.
CLIP: Final = 1e-7
LARGEST_CLIP: Final = 0.05
_SLACK: Final = 1e-3  # what rounding and an inexact softmax may leave outside [0, 1]


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """Which output of the graph is read, and what it says.

    Parameters
    ----------
    kind
        `logits`, `probabilities`: (n, K), a column a class in the order of the classes.
        `positive_logit`, `positive_probability`: (n,) or (n, 1), of the second of two classes or of the only
        label. `label_pairs`: (K, n, 2) or K times (n, 2), the probability of each label not to hold and to.
    clip : float
        Probabilities below it count as it, in (0, 0.05]; logits need none.
    """

    name: str
    kind: OutputKind
    clip: float = CLIP

    @property
    def gives_logits(self) -> bool:
        """Whether the output is on the scale where nothing is clipped."""
        return self.kind in ("logits", "positive_logit")

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

    def problem(self, task: Task, n_classes: int) -> str | None:
        """Return why the kind cannot be that of `n_classes` classes of `task`, None if it can."""
        positive = self.kind in ("positive_logit", "positive_probability")
        if positive and n_classes != (1 if task == "multilabel" else 2):
            return f"{self.kind!r} is for two classes or one label, not for {n_classes} of a {task} model"
        if self.kind == "label_pairs" and task != "multilabel":
            return f"{self.kind!r} is for multilabel models, this one is {task}"
        return None

    def problem_of(self, raw: Raw, n: int, n_classes: int) -> str | None:
        """Return what the shape or the range of an answer to `n` items tells is wrong, None if nothing."""
        shape = np.shape(raw)
        if shape not in self.shapes(n, n_classes):
            return f"shape {shape}, expected {' or '.join(map(str, self.shapes(n, n_classes)))}"
        found = np.asarray(raw)
        if self.gives_logits or not ((found < -_SLACK) | (found > 1 + _SLACK)).any():
            return None
        return (
            f"numbers from {found.min():.4g} to {found.max():.4g}, which are no probabilities; declare logits"
        )

    def columns(self, raw: Raw) -> npt.NDArray[np.floating[Any]]:
        """Return the answer as one column a class or label, on the scale it has."""
        columns: npt.NDArray[np.floating[Any]] = _COLUMNS[self.kind](raw)
        return columns

    def decoder(self, task: Task) -> Decoder:
        """Return the function from the output of a run to log-probabilities, float32 (n, K).

        Every result is finite for finite logits, and for probabilities whatever they are but NaN.
        """
        columns, clip, several = _COLUMNS[self.kind], self.clip, task == "multilabel"
        if self.kind == "positive_logit":
            return lambda raw: _log_sigmoid(columns(raw) if several else _two_sides(columns(raw)))
        if self.kind == "positive_probability":
            return lambda raw: _log_each(columns(raw) if several else _against(columns(raw)), clip)
        if self.kind == "logits":
            return _log_sigmoid if several else log_softmax
        return lambda raw: (_log_each if several else _log_shares)(columns(raw), clip)

    def to_json(self) -> dict[str, Any]:
        """Return what the manifest says under ``output``."""
        said: dict[str, Any] = {"name": self.name, "kind": self.kind}
        return said if self.gives_logits else said | {"clip": self.clip}

    @classmethod
    def from_fields(cls, fields: Fields) -> "OutputSpec":
        """Read what `to_json` wrote."""
        spec = cls(fields.label("name"), fields.one_of("kind", get_args(OutputKind)))
        if not spec.gives_logits:
            spec = cls(spec.name, spec.kind, fields.ratio("clip", high=LARGEST_CLIP))
        fields.finish()
        return spec


LOGITS: Final = OutputSpec("logits", "logits")


def measured_clip(probabilities: Iterable[npt.NDArray[np.floating[Any]]]) -> float:
    """Return half of the least probability that is not 0, `CLIP` where none is 0; at most `LARGEST_CLIP`.

    A value of 0 then stays below every other, by a factor of two instead of by decades. Half of the detection
    limit is what measurements below it are usually replaced by (Hornung and Reed 1990).

    Parameters
    ----------
    probabilities : iterable of float arrays
        All that a graph says about some rows, in parts of any shape.

    Examples
    --------
    >>> measured_clip([np.array([[0.0, 1.0], [0.04, 0.96]])])
    0.02
    >>> measured_clip([np.array([[0.3, 0.7], [0.04, 0.96]])])
    1e-07
    """
    least, zeros = 1.0, False
    for part in probabilities:
        above = part[part > 0]
        zeros = zeros or len(above) < part.size
        least = min(least, float(above.min(initial=1.0)))
    return min(max(least / 2, CLIP), LARGEST_CLIP) if zeros else CLIP


def log_softmax(logits: Any) -> LogProbabilities:
    """Return the log of the softmax of each row."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return _single(shifted)


def _log_shares(probabilities: Any, clip: float) -> LogProbabilities:
    clipped = np.maximum(probabilities, clip)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return _single(np.log(clipped))


def _log_each(probabilities: Any, clip: float) -> LogProbabilities:
    return _single(np.log(np.clip(probabilities, clip, 1 - clip)))


def _log_sigmoid(logits: Any) -> LogProbabilities:
    # min(z, 0) - log1p(exp(-|z|)) overflows nowhere.
    return _single(np.minimum(logits, 0) - np.log1p(np.exp(-np.abs(logits))))


def _single(array: Any) -> LogProbabilities:
    found: LogProbabilities = array if array.dtype == np.float32 else array.astype(np.float32)
    return found


def _two_sides(logits: Any) -> Any:
    return np.hstack([-logits, logits])


def _against(probabilities: Any) -> Any:
    return np.hstack([1 - probabilities, probabilities])


def _as_column(raw: Any) -> Any:
    return raw.reshape(-1, 1)


def _with_label(pairs: Any) -> Any:
    return np.stack([pair[:, 1] for pair in pairs], axis=1)


_COLUMNS: Final[dict[OutputKind, Callable[[Any], Any]]] = {
    "logits": lambda raw: raw,
    "probabilities": lambda raw: raw,
    "positive_logit": _as_column,
    "positive_probability": _as_column,
    "label_pairs": _with_label,
}
