"""How often does each class occur in the traffic, get missed and found wrongly, by the labels that came back?

Only explored items count, each with what it stands for: what was chosen by score says nothing about traffic,
so a mean over the items of a batch is never shown. All figures are shares of occurrences, with intervals
that hold with few positives (`monitoring.waves.intervals`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from model_store.policy import NO_LABEL, Policy
from model_store.promises.class_rows import INDEPENDENT
from monitoring.waves.batches import Batch, Label
from monitoring.waves.intervals import CONFIDENCE, Shares, Weighed, shares
from monitoring.waves.labels import NONE_OF_THESE
from monitoring.waves.pooling import Pool, pool
from monitoring.waves.steadiness import unsteady
from monitoring.waves.usable import Rules

# A recall rests on the positives alone, a few in a hundred labels; with fewer its interval says nothing.
RECALL_LABELS: Final = 150

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Quality:
    """How well one way of answering finds each class; arrays of shape (n_classes,).

    `recall` and `f1` are None below `RECALL_LABELS` explored labels.
    """

    precision: Shares
    recall: Shares | None
    f1: Shares | None

    def of_class(self, k: int) -> dict[str, Any]:
        """Return the figures of one class."""
        return {
            "precision": _interval(self.precision, k),
            "recall": _interval(self.recall, k),
            "f1": _interval(self.f1, k),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """What explored labels say of the traffic and of a model's answers to it.

    Parameters
    ----------
    prevalence : Shares of shape (n_classes + 1,)
        Of each class, then of the items that belong to none.
    positives : int array of shape (n_classes + 1,)
        Labelled items of each.
    flags, answers : Quality
        Of the classes whose threshold an item passes, and of the label that the policy makes of them; with
        several labels an item these are the same, and `answers` is None.
    unsteady : tuple of str
        Classes whose share differs from batch to batch by more than chance.
    """

    classes: tuple[str, ...]
    pool: Pool
    prevalence: Shares
    positives: npt.NDArray[np.intp]
    flags: Quality
    answers: Quality | None
    unsteady: tuple[str, ...]

    @property
    def labels_for_recall(self) -> int:
        """How many more explored labels a recall takes, 0 when there are enough."""
        return lacking(self.pool)

    def to_json(self) -> dict[str, Any]:
        """Return it as the service shows it."""
        used, labelled = self.pool.used, len(self.pool.items)
        return {
            "confidence": CONFIDENCE,
            "explored": {
                **{what: sum(getattr(line, what) for line in used) for what in _COUNTS},
                "labels_used": labelled,
                "effective_labels": round(self.pool.effective, 1),
                "occurrences": round(float(self.pool.weights.sum())),
            },
            "recall_takes": {"labels": RECALL_LABELS, "more": self.labels_for_recall},
            "classes": [self._of_class(k, name) for k, name in enumerate(self.classes)],
            NONE_OF_THESE: {
                "positives": int(self.positives[-1]),
                "prevalence": _interval(self.prevalence, len(self.classes)),
            },
            "unsteady": list(self.unsteady),
            "batches": [line.to_json() for line in (*used, *self.pool.unused)],
        }

    def _of_class(self, k: int, name: str) -> dict[str, Any]:
        return {
            "class": name,
            "positives": int(self.positives[k]),
            "prevalence": _interval(self.prevalence, k),
            "flags": self.flags.of_class(k),
            "answers": None if self.answers is None else self.answers.of_class(k),
        }


_COUNTS: Final[Sequence[str]] = ("drawn", "labelled", "skipped", "open", "left_out")


def estimate(
    batches: Iterable[Batch],
    *,
    rules: Rules,
    model_key: str,
    policy: Policy,
    others: Iterable[Batch] = (),
) -> Estimates:
    """Estimate prevalence, precision, recall and F1 of every class.

    Parameters
    ----------
    batches : iterable of Batch
        With all their items; which of them are used, and how, see `pool`.
    others : iterable of Batch
        Whose items may stand for draws of these, see `pool`.
    model_key, policy
        The version in question. Answers of another one that scores alike are made anew from its scores.
    """
    return _estimated(pool(batches, rules, others=others), model_key=model_key, policy=policy)


def lacking(pooled: Pool) -> int:
    """Return how many more explored labels a recall takes, more where unequal weights make each tell less."""
    draws = float(pooled.draws.sum())
    # A source with one draw of its own makes weights differ a little in nearly every batch.
    enough = min(draws, pooled.effective / INDEPENDENT)
    if enough >= RECALL_LABELS:
        return 0
    return ceil((RECALL_LABELS - enough) * (draws / enough if enough else 1.0) - 1e-9)


def _estimated(pooled: Pool, *, model_key: str, policy: Policy) -> Estimates:
    classes = policy.classes
    multilabel = policy.task == "multilabel"
    is_, none = _labelled([item.label for item in pooled.items], classes)
    flags, answers = _answered(pooled, model_key, policy)
    positive = np.column_stack([is_, none])
    everything = np.ones_like(positive)
    found = _Sums(pooled)
    many = lacking(pooled) == 0
    return Estimates(
        classes=classes,
        pool=pooled,
        prevalence=shares(found.of(positive, everything), found.of(~positive, everything)),
        positives=positive.sum(axis=0),
        flags=_quality(found, is_, flags, with_recall=many),
        answers=None if multilabel else _quality(found, is_, answers, with_recall=many),
        unsteady=unsteady(
            dict(zip((*classes, NONE_OF_THESE), positive.T, strict=True)), pooled.batch, pooled.draws
        ),
    )


class _Sums:
    """Adds up what items stand for."""

    def __init__(self, pooled: Pool) -> None:
        self._weights = pooled.weights
        self._beyond = np.maximum(pooled.weights / pooled.draws - 1, 0.0)

    def of(self, which: Flags, among: Flags) -> Weighed:
        """Weigh the items in each column of `which`; one more of them would be like one of those `among`."""
        return Weighed(self._weights @ which, (self._weights * self._beyond) @ which, self.further(among))

    def further(self, among: Flags) -> npt.NDArray[np.float64]:
        """Return what a typical draw of each column stands for beyond itself; of none, one of all."""
        total, beyond = self._weights @ among, (self._weights * self._beyond) @ among
        whole = float(self._weights.sum())
        typical = float(self._weights @ self._beyond) / whole if whole else 1.0
        further: npt.NDArray[np.float64] = np.divide(
            beyond, total, out=np.full(among.shape[1], typical), where=total > 0
        )
        return further


def _quality(found: _Sums, is_: Flags, said: Flags, *, with_recall: bool) -> Quality:
    right, missed, wrong = is_ & said, is_ & ~said, ~is_ & said
    won = found.of(right, said)
    precision = shares(won, found.of(wrong, said))
    if not with_recall:
        return Quality(precision, None, None)
    lost = found.of(missed | wrong, ~said)
    widest = np.maximum(lost.further, won.further)
    return Quality(
        precision,
        recall=shares(won, found.of(missed, ~said)),
        f1=shares(won, Weighed(lost.total, lost.variance, widest), worth=0.5),
    )


def _labelled(labels: Sequence[Label | None], classes: tuple[str, ...]) -> tuple[Flags, Flags]:
    """Return which items have each class, shape (n_items, n_classes), and which have none."""
    index = {name: k for k, name in enumerate(classes)}
    is_ = np.zeros((len(labels), len(classes)), np.bool_)
    for row, label in enumerate(labels):
        for name in (label,) if isinstance(label, str) else label or ():
            if name in index:
                is_[row, index[name]] = True
    none: Flags = np.logical_not(is_.any(axis=1))
    return is_, none


def _answered(pooled: Pool, model_key: str, policy: Policy) -> tuple[Flags, Flags]:
    """Return flags and answers of the policy, each of shape (n_items, n_classes)."""
    n = len(policy.classes)
    scores = np.array([item.probabilities for item in pooled.items], np.float32).reshape(-1, n)
    decided = policy.decide(scores)
    index: dict[Label | None, int] = {name: k for k, name in enumerate(policy.classes)}
    # What was served is on record; scores on record are rounded, which may turn a tie.
    label = np.array(
        [
            index.get(item.predicted, NO_LABEL) if version == model_key else made
            for item, version, made in zip(
                pooled.items, pooled.answered_by, decided.label.tolist(), strict=True
            )
        ],
        np.intp,
    )
    return decided.flags, label[:, None] == np.arange(n)


def _interval(found: Shares | None, k: int) -> Mapping[str, float | None] | None:
    if found is None:
        return None
    estimate = float(found.estimate[k])
    return {
        "estimate": None if np.isnan(estimate) else estimate,
        "low": float(found.low[k]),
        "high": float(found.high[k]),
    }
