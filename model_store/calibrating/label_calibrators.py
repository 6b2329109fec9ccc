"""Label calibrators: which calibration suits each label, where an item may have several?

Labels do not share a row's probability, so each gets the method that is best for it: a sigmoid with a bias
where it has positives enough, else the one scale that all labels share, or what the classifier says.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.calibrating.admission import CRITERION, Evidence, Excluded, admit_label, least
from model_store.calibrating.calibration import Calibration, Float64s, LogProbabilities, Method, two_sides
from model_store.calibrating.folds import out_of_fold
from model_store.calibrating.isotonic import fit_isotonic
from model_store.calibrating.onevsrest import UNCHANGED, Curve, calibration_of
from model_store.calibrating.reliability import class_log_loss
from model_store.calibrating.sigmoid import fit_beta, fit_platt, fit_scale
from model_store.data.indicators import LabelMatrix

# Fits the curves of all columns: float32 log-probabilities and truth, both of shape (n_items, n_classes).
FitCurves: TypeAlias = Callable[[LogProbabilities, LabelMatrix], list[Curve]]

# What a choice calls the method of each label, where a method of all classes would stand.
PER_LABEL: Final = "per_label"
_NAMED: Final = 5


def fit_labels(
    log_probabilities: LogProbabilities,
    matrix: LabelMatrix,
    fold_of: npt.NDArray[np.int64],
    names: Sequence[str],
    *,
    groups: npt.NDArray[np.integer[Any]] | None = None,
) -> Calibration:
    """Return the calibration in which every label has the method of least cross-validated log loss.

    Parameters
    ----------
    log_probabilities : float32 array of shape (n_items, n_classes)
        Of each label on its own.
    matrix : bool array of shape (n_items, n_classes)
    fold_of : int array of shape (n_items,)
    groups : int array of shape (n_items,), optional
        Rows of equal number count as one in what a label's rows admit.
    """
    evidence = Evidence.of(matrix, len(names), groups)
    admitted = [admit_label(evidence.of_class(k), name) for k, name in enumerate(names)]
    losses: list[dict[Method, float]] = [{} for _ in names]
    curves: list[dict[Method, Curve]] = [{} for _ in names]
    for method, fit in FIT_CURVES.items():
        columns = [k for k, (methods, _) in enumerate(admitted) if method in methods]
        if not columns:
            continue
        x, true = log_probabilities[:, columns], matrix[:, columns]
        held_out = class_log_loss(out_of_fold(_fitted(method), x, true, fold_of), true)
        for k, loss, curve in zip(columns, held_out.tolist(), fit(x, true), strict=True):
            losses[k][method], curves[k][method] = loss, curve
    chosen = [least(each) for each in losses]
    return calibration_of(
        Counter(chosen).most_common(1)[0][0],
        [curves[k][method] for k, method in enumerate(chosen)],
        "independent",
        _choice(chosen, losses, [excluded for _, excluded in admitted], names, len(matrix)),
    )


def _fitted(
    method: Method,
) -> Callable[[LogProbabilities, LabelMatrix], Callable[[LogProbabilities], LogProbabilities]]:
    return lambda x, true: calibration_of(method, FIT_CURVES[method](x, true), "independent", {}).apply


def _choice(
    chosen: Sequence[Method],
    losses: Sequence[Mapping[Method, float]],
    excluded: Sequence[Excluded],
    names: Sequence[str],
    n: int,
) -> dict[str, Any]:
    own = float(np.mean([each[method] for each, method in zip(losses, chosen, strict=True)]))
    before = float(np.mean([each["identity"] for each in losses]))
    return {
        "criterion": f"{CRITERION}, for each label",
        "chosen": PER_LABEL,
        "log_loss": {"identity": before, PER_LABEL: own},
        "labels": {
            name: {"chosen": method, "log_loss": dict(each), "excluded": dict(out)}
            for name, method, each, out in zip(names, chosen, losses, excluded, strict=True)
        },
        "n_items": n,
        "reason": _reason(chosen, excluded, before, own),
    }


def _reason(chosen: Sequence[Method], excluded: Sequence[Excluded], before: float, own: float) -> str:
    taken = ", ".join(f"{method} for {count}" for method, count in Counter(chosen).most_common())
    few = [each["platt"] for each in excluded if "platt" in each]
    more = f" and {len(few) - _NAMED} more" if len(few) > _NAMED else ""
    return (
        f"each label has the method of least log loss: {taken}; mean log loss {own:.4f}, the classifier's "
        f"own {before:.4f}" + (f"; no bias of its own where {', '.join(few[:_NAMED])}{more}" if few else "")
    )


def _identity(x: LogProbabilities, true: LabelMatrix) -> list[Curve]:  # noqa: ARG001
    return [UNCHANGED] * x.shape[1]


def _temperature(x: LogProbabilities, true: LabelMatrix) -> list[Curve]:
    return [fit_scale(_logits(x), true)] * x.shape[1]


def _platt(x: LogProbabilities, true: LabelMatrix) -> list[Curve]:
    return [fit_platt(*column) for column in zip(_logits(x).T, true.T, strict=True)]


def _beta(x: LogProbabilities, true: LabelMatrix) -> list[Curve]:
    log_p, log_rest = _sides(x)
    return [fit_beta(*column) for column in zip(log_p.T, log_rest.T, true.T, strict=True)]


def _isotonic(x: LogProbabilities, true: LabelMatrix) -> list[Curve]:
    return [fit_isotonic(*column) for column in zip(_logits(x).T, true.T, strict=True)]


FIT_CURVES: Final[Mapping[Method, FitCurves]] = {
    "identity": _identity,
    "temperature": _temperature,
    "platt": _platt,
    "beta": _beta,
    "isotonic": _isotonic,
}


def _logits(x: LogProbabilities) -> Float64s:
    log_p, log_rest = _sides(x)
    return log_p - log_rest


def _sides(x: LogProbabilities) -> tuple[Float64s, Float64s]:
    log_p, log_rest = two_sides(x)
    return log_p.astype(np.float64), log_rest.astype(np.float64)
