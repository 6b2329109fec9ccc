"""Calibrators: which calibration suits these rows, and with which constants?

Candidates are fitted on rows the classifier has not seen and chosen by cross-validated log loss, among those
that the number of classes and their sizes admit (`model_store.calibrating.admission`). With one label an item
there is one method for all classes; with several, one for each label. The choice, all losses and the reasons
go into the bundle.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from model_store.calibrating.admission import CRITERION, Evidence, Excluded, admit, least, summary
from model_store.calibrating.calibration import Calibration, Labels, LogProbabilities, Method
from model_store.calibrating.folds import folds, out_of_fold
from model_store.calibrating.label_calibrators import FIT_CURVES, fit_labels
from model_store.calibrating.onevsrest import calibration_of
from model_store.calibrating.reliability import log_loss
from model_store.calibrating.scaling import fit_bcts, fit_temperature, fit_vector
from model_store.data.indicators import AnyLabels, indicators
from model_store.graphs.outputs import Task

Fit: TypeAlias = Callable[[LogProbabilities, Labels], Calibration]


def fit_calibration(
    log_probabilities: LogProbabilities,
    labels: AnyLabels,
    *,
    seed: int,
    classes: Sequence[str] | None = None,
    task: Task = "multiclass",
    groups: npt.NDArray[np.integer[Any]] | None = None,
) -> Calibration:
    """Fit every method the class sizes admit and return the one with the least cross-validated log loss.

    Parameters
    ----------
    log_probabilities : float32 array of shape (n_items, n_classes)
        From rows the classifier was not trained on, and the thresholds will not be fitted on.
    labels : int array of shape (n_items,), or for `multilabel` bool array of shape (n_items, n_classes)
    seed : int
        Decides the stratified folds.
    classes : sequence of str, optional
        Names for the reasons; without it classes are numbered.
    task : str
        `binary`, `multiclass` or `multilabel`.
    groups : int array of shape (n_items,), optional
        Rows of one group stay in one fold, near-duplicates for instance, and count as one where sizes decide.

    Raises
    ------
    ValueError
        For labels that are not those of the task.
    """
    n, n_classes = log_probabilities.shape
    if (task == "multilabel") != (labels.ndim == 2):
        raise ValueError(
            f"labels have {labels.ndim} dimensions: expected 2 exactly for multilabel, not {task}"
        )
    names = tuple(map(str, range(n_classes))) if classes is None else tuple(classes)
    fold_of = folds(labels, n_classes=n_classes, rng=np.random.default_rng(seed), groups=groups)
    if labels.ndim == 2:
        return fit_labels(log_probabilities, indicators(labels, n_classes), fold_of, names, groups=groups)
    one = cast(Labels, labels)
    admitted, excluded = admit(Evidence.of(one, n_classes), names, Evidence.of(one, n_classes, groups))
    losses = {
        method: log_loss(out_of_fold(_applied(method), log_probabilities, one, fold_of), one)
        for method in admitted
    }
    best = least(losses)
    choice = {
        "criterion": CRITERION,
        "chosen": best,
        "log_loss": losses,
        "excluded": excluded,
        "n_items": n,
        "reason": _reason(best, losses, excluded),
    }
    return replace(fit_method(best, log_probabilities, one), choice=choice)


def fit_method(method: Method, log_probabilities: LogProbabilities, labels: Labels) -> Calibration:
    """Fit one method where an item has one label; the arrays are those of `fit_calibration`."""
    return _FIT[method](log_probabilities, labels)


def _applied(
    method: Method,
) -> Callable[[LogProbabilities, Labels], Callable[[LogProbabilities], LogProbabilities]]:
    return lambda x, labels: fit_method(method, x, labels).apply


def _reason(best: Method, losses: Mapping[Method, float], excluded: Excluded) -> str:
    others = ", ".join(f"{method} {loss:.4f}" for method, loss in losses.items() if method != best)
    least_loss = "the least log loss" if losses[best] == min(losses.values()) else "a log loss that ties"
    return "; ".join(
        [
            f"{best} has {least_loss}, {losses[best]:.4f}" + (f" (against {others})" if others else ""),
            *summary(excluded),
        ]
    )


def _identity(log_probabilities: LogProbabilities, labels: Labels) -> Calibration:  # noqa: ARG001
    return Calibration.identity(log_probabilities.shape[1])


def _one_against_the_rest(method: Method) -> Fit:
    def fit(log_probabilities: LogProbabilities, labels: Labels) -> Calibration:
        n_classes = log_probabilities.shape[1]
        matrix = indicators(labels, n_classes)
        if n_classes > 2:
            return calibration_of(method, FIT_CURVES[method](log_probabilities, matrix), "sigmoid", {})
        # Two classes are one question: the second class's curve is also the first one's, mirrored.
        (curve,) = FIT_CURVES[method](log_probabilities[:, 1:], matrix[:, 1:])
        if curve.line is not None:
            return calibration_of(method, [curve.mirrored, curve], "sigmoid", {})
        scale, bias = np.array([curve.rest, curve.scale]), np.array([0.0, curve.bias])
        return Calibration(method, scale, bias, "softmax", {})

    return fit


_FIT: Final[Mapping[Method, Fit]] = {
    "identity": _identity,
    "temperature": fit_temperature,
    "bcts": fit_bcts,
    "vector": fit_vector,
    "platt": _one_against_the_rest("platt"),
    "beta": _one_against_the_rest("beta"),
    "isotonic": _one_against_the_rest("isotonic"),
}
