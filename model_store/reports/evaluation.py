"""Evaluation: which figures are kept of a model on labelled rows, and how are they written and read back?

The same record is in the bundle (`evaluation.json`, of the fit's own test rows), behind `seamark evaluate
--json`, and under every report. To change it: a new key gets a default, so that older files still read; a key
that changes its meaning gets a new name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, TypeAlias

import numpy as np

from model_store.bundles import records
from model_store.calibrating.calibration import Float64s
from model_store.calibrating.reliability import Curve
from model_store.promises.thresholds import Status
from model_store.reports.cost_report import ClassCost
from model_store.reports.metrics import Share, ThresholdCurve
from model_store.reports.slices import Slice
from model_store.reports.verdicts import Check

FileFormat: TypeAlias = Literal[1]

NO_ANSWER: Final = "no answer"


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Figures of one class on all rows.

    Parameters
    ----------
    positives, flagged : int
        Rows of the class, and rows flagged as it.
    prevalence : float
        Share of the class among the rows, by weight.
    status, threshold, review_from : optional
        As the bundle says; None without a policy. From `review_from` up to the threshold an item is left to
        people.
    pr_auc, roc_auc : float, optional
        None where they are undefined; `missing` says why.
    ece_before, ece_after : float, optional
        Class-wise calibration error of the classifier and of the calibrated probabilities.
    curve, reliability_before, reliability_after : optional
        None without rows of the class.
    """

    name: str
    positives: int
    flagged: int
    prevalence: float
    status: Status | None
    threshold: float | None
    review_from: float | None
    pr_auc: float | None
    roc_auc: float | None
    recall: Share
    precision: Share
    ece_before: float | None
    ece_after: float | None
    missing: str | None = None
    checks: tuple[Check, ...] = ()
    curve: ThresholdCurve | None = None
    reliability_before: Curve | None = None
    reliability_after: Curve | None = None


@dataclass(frozen=True, slots=True)
class Confusion:
    """What was answered to the items of each class.

    Parameters
    ----------
    columns : tuple of str
        The classes, then `NO_ANSWER`.
    counts : tuple of tuple of float
        Row: true class; column: answer. Sums of weights. With several labels an item, an item counts in the
        row of each of its labels and the column of each of its answers.
    """

    columns: tuple[str, ...]
    counts: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class CostLine:
    """What a way to decide costs per item, in the unit of the cost table, and what it leaves to people.

    `realised` by the true classes, `expected` by the probabilities: equal where calibration holds.
    """

    decides: str
    realised: float
    expected: float
    review_share: float


@dataclass(frozen=True, slots=True)
class CostFigures:
    """Ways to decide the same rows, and which class pays.

    Parameters
    ----------
    lines : tuple of CostLine
        The policy in force first.
    constant, threshold
        The one threshold for all leaves the answer `constant` from `threshold` on; None: never.
    """

    lines: tuple[CostLine, ...]
    classes: tuple[ClassCost, ...]
    constant: str
    threshold: float | None


@dataclass(frozen=True, slots=True)
class Overlap:
    """Rows that the bundle was fitted on, or near-duplicates of those.

    Parameters
    ----------
    found : int
        How many; they are left out of the verdicts.
    examples : tuple of str
        Ids of some of them, or row numbers where rows have no id.
    without : Slice, optional
        Figures of the other rows; None when none is left.
    """

    checked: int
    found: int
    examples: tuple[str, ...]
    without: Slice | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures from rows that fitted nothing.

    Parameters
    ----------
    macro_f1, macro_f1_policy : float, optional
        Of the most probable class and of the policy's answer, over the classes that have rows. An item
        without an answer counts against the recall of its class. None where no class has rows.
    log_loss_before, log_loss_after, brier_before, brier_after : float
        Of the classifier and of the calibrated probabilities, every row counted once; log loss in nats.
    decisions : mapping of str to float
        Share of items of each decision.
    review_share : float
        Share of items that go to a person.
    no_class : int
        With one label an item: rows of none of the classes. They are negatives of every class; what needs a
        true class leaves them out: log loss, Brier score, macro-F1, confusion and costs.
    """

    rows: int
    task: str
    weighted: bool
    delta: float | None
    macro_f1: float | None
    macro_f1_policy: float | None
    log_loss_before: float
    log_loss_after: float
    brier_before: float
    brier_after: float
    decisions: Mapping[str, float]
    review_share: float
    classes: tuple[ClassFigures, ...]
    confusion: Confusion
    sources: tuple[Slice, ...] = ()
    times: tuple[Slice, ...] = ()
    costs: CostFigures | None = None
    seen: Overlap | None = None
    model: str = ""
    data: str = ""
    no_class: int = 0
    format: FileFormat = 1

    @property
    def pr_auc(self) -> Float64s:
        """Average precision of each class, shape (n_classes,); NaN where undefined."""
        return _numbers(each.pr_auc for each in self.classes)

    @property
    def recall(self) -> Float64s:
        """Recall of each class's flag at its threshold, shape (n_classes,); NaN without rows."""
        return _numbers(each.recall.estimate for each in self.classes)

    @property
    def precision(self) -> Float64s:
        """Precision of each class's flag at its threshold, shape (n_classes,); NaN without flags."""
        return _numbers(each.precision.estimate for each in self.classes)

    @property
    def class_ece_before(self) -> Float64s:
        """Calibration error of each class in the classifier's probabilities, shape (n_classes,)."""
        return _numbers(each.ece_before for each in self.classes)

    @property
    def class_ece_after(self) -> Float64s:
        """Calibration error of each class in the calibrated probabilities, shape (n_classes,)."""
        return _numbers(each.ece_after for each in self.classes)

    def to_json(self) -> dict[str, Any]:
        """Return what evaluation.json holds and `seamark evaluate --json` prints."""
        written: dict[str, Any] = records.to_json(self)
        return written

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote; a ValueError says what is missing or malformed."""
        return records.from_json(cls, data)


def _numbers(values: Iterable[float | None]) -> Float64s:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
