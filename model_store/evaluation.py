"""Evaluation: how good is a model on rows it has never seen?"""

from dataclasses import dataclass

import numpy as np

from model_store.calibration import Float64s, Labels, Probabilities, log_loss
from model_store.metrics import average_precision, macro_f1
from model_store.policy import Decisions


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Figures from the test rows, which fitted nothing.

    Parameters
    ----------
    macro_f1 : float
        Of the most probable class.
    macro_f1_policy : float
        Of the policy's label; an item without one counts against the recall of its class.
    pr_auc, recall, precision : float64 array of shape (n_classes,)
        Average precision; recall and precision of the class's flag at its threshold. NaN where undefined.
    class_ece_before, class_ece_after : float64 array of shape (n_classes,)
        Class-wise calibration error of the classifier and of the calibrated probabilities.
    log_loss_before, log_loss_after : float
        In nats.
    review_share : float
        Share of items that no class passes.
    """

    macro_f1: float
    macro_f1_policy: float
    pr_auc: Float64s
    recall: Float64s
    precision: Float64s
    class_ece_before: Float64s
    class_ece_after: Float64s
    log_loss_before: float
    log_loss_after: float
    review_share: float


def evaluate(
    decisions: Decisions,
    labels: Labels,
    *,
    before: Probabilities,
    class_ece_before: Float64s,
    class_ece_after: Float64s,
) -> Evaluation:
    """Measure decisions on test rows.

    Parameters
    ----------
    before : float32 array of shape (n_items, n_classes)
        The classifier's own probabilities of the same rows.
    class_ece_before, class_ece_after : float64 array of shape (n_classes,)
        From `classwise_ece` on all rows that neither classifier nor calibration was fitted on: the test
        rows alone are few for 15 bins.
    """
    n_classes = decisions.probabilities.shape[1]
    positive = labels[:, None] == np.arange(n_classes)
    hits = (decisions.flags & positive).sum(axis=0)
    with np.errstate(invalid="ignore"):
        recall, precision = hits / positive.sum(axis=0), hits / decisions.flags.sum(axis=0)
    return Evaluation(
        macro_f1=macro_f1(labels, decisions.top, n_classes=n_classes),
        macro_f1_policy=macro_f1(labels, decisions.label, n_classes=n_classes),
        pr_auc=np.array(
            [average_precision(decisions.probabilities[:, k], positive[:, k]) for k in range(n_classes)]
        ),
        recall=recall,
        precision=precision,
        class_ece_before=class_ece_before,
        class_ece_after=class_ece_after,
        log_loss_before=log_loss(before, labels),
        log_loss_after=log_loss(decisions.probabilities, labels),
        review_share=float((decisions.label < 0).mean()),
    )
