"""Proposal: what changes if a new version takes the place of the old one, and what of it is proved?

Both versions answer the same rows, which the new one was not trained on: explored labels, a sample of the
traffic, and held-out rows of the file. Intervals are those of `model_store.reports.metrics`. The two versions
are told apart by the items they answer differently (the sign test; McNemar 1947), since on the same items two
intervals that overlap can still belong to a clear difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr

from model_store.bundles.bundle import read_seen
from model_store.data.indicators import AnyLabels
from model_store.data.joining import at
from model_store.data.labelled import signatures_of
from model_store.data.rows import Rows
from model_store.data.signatures import THOROUGH_BANDS, partners
from model_store.errors import TrainingError
from model_store.graphs.scoring import inputs_of, score
from model_store.model import Model
from model_store.promises.claims import Claims
from model_store.promises.needs import need
from model_store.promises.targets import DEFAULT_RECALL, Target
from model_store.promises.thresholds import ClassThreshold
from model_store.reports.evaluate import answers_of
from model_store.reports.metrics import INTERVAL_CONFIDENCE, Bools, Share
from model_store.reports.slices import Answers

EvidenceName: TypeAlias = Literal["exploration", "validation"]
Told: TypeAlias = Literal["better", "worse", "not told apart", "no rows"]

_SIGNIFICANT: Final = 0.05


class ClassesDiffer(TrainingError):
    """Two versions do not know the same classes, so there is nothing to compare class by class."""

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        super().__init__(tuple(old), tuple(new))
        self.old, self.new = tuple(old), tuple(new)

    def __str__(self) -> str:
        added, gone = (
            ", ".join(sorted(set(one) - set(other))) or "none"
            for one, other in ((self.new, self.old), (self.old, self.new))
        )
        return (
            f"the rows have other classes than the model in force (new: {added}; missing: {gone}); "
            "labels that came back are of its classes: to add a class, label rows of it, fit without them "
            "and promote that version first"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Labelled rows that the new version was not trained on.

    Parameters
    ----------
    labels : int array of shape (n_rows,), or bool array of shape (n_rows, n_classes)
        In the order of the new version's classes; -1 for a row of none.
    weights : float64 array of shape (n_rows,), optional
        How many items of the traffic each row stands for.
    proving : int
        How many of the rows may carry a claim.
    proving_positives : tuple of int
        Of those, how many are of each class.
    """

    name: EvidenceName
    rows: Rows
    labels: AnyLabels
    weights: npt.NDArray[np.float64] | None = None
    proving: int = 0
    proving_positives: tuple[int, ...] = ()


def compare(old: Model, new: Model, evidence: Sequence[Evidence]) -> dict[str, Any]:
    """Return old against new as JSON: per kind of rows and class, and what each class may claim.

    Rows of `validation` that nearly repeat one the old version was fitted on are left out: they flatter it.

    Raises
    ------
    ClassesDiffer
    """
    check_classes(old.classes, new.classes)
    measured = [_measured(old, new, each) for each in evidence]
    return {
        "base": old.key,
        "candidate": new.key,
        "confidence": INTERVAL_CONFIDENCE,
        "evidence": measured,
        "claims": _claims(old, new, evidence, measured),
    }


def check_classes(old: Sequence[str], new: Sequence[str]) -> None:
    """Raise ClassesDiffer unless both are the same classes, in whatever order."""
    if set(old) != set(new):
        raise ClassesDiffer(old, new)


def explored_labels_needed(comparison: dict[str, Any]) -> int | None:
    """Return how many explored labels would certify every class with a declared target, or else every one.

    One draw serves all classes, so it is the largest of their needs; None where nothing is lacking or no
    number is known.
    """
    claims = comparison["claims"]
    asked = [claim for claim in claims if claim["declared"]] or claims
    numbers = [claim["needs"]["labels"] for claim in asked if claim["needs"] is not None]
    return max((n for n in numbers if n), default=None)


def _measured(old: Model, new: Model, evidence: Evidence) -> dict[str, Any]:
    used = _unseen(old, evidence) if evidence.name == "validation" else np.arange(len(evidence.rows))
    rows, labels = at(evidence.rows, used), evidence.labels[used]
    weights = None if evidence.weights is None else evidence.weights[used]
    before = _answers(old, rows, _in_order(labels, new.classes, old.classes), weights)
    after = _answers(new, rows, labels, weights)
    place = [old.classes.index(name) for name in new.classes]
    return {
        "name": evidence.name,
        "rows": len(used),
        "left_out": len(evidence.rows) - len(used),
        "of_no_class": 0 if labels.ndim == 2 else int((labels < 0).sum()),
        "weighted": weights is not None,
        "review_share": {"old": before.mean(before.review), "new": after.mean(after.review)},
        "classes": [_class(before, place[k], after, k) for k in range(len(new.classes))],
    }


def _class(old: Answers, o: int, new: Answers, n: int) -> dict[str, Any]:
    positive, was, now = new.positive[:, n], old.flags[:, o], new.flags[:, n]
    caught, lost = _counts(positive & now & ~was), _counts(positive & was & ~now)
    fewer, more = _counts(~positive & was & ~now), _counts(~positive & now & ~was)
    return {
        "class": new.classes[n],
        "positives": int(positive.sum()),
        "old": _side(old, o),
        "new": _side(new, n),
        "found": {"gained": caught, "lost": lost, "verdict": _told(caught, lost, int(positive.sum()))},
        "false_alarms": {"fewer": fewer, "more": more, "verdict": _told(fewer, more, int((~positive).sum()))},
    }


def _side(answers: Answers, k: int) -> dict[str, Any]:
    return {
        "recall": _share(answers.recall(k)),
        "precision": _share(answers.precision(k)),
        "flagged_share": answers.mean(answers.flags[:, k]),
    }


def _share(found: Share) -> dict[str, Any]:
    return {"estimate": found.estimate, "lower": found.lower, "upper": found.upper, "rows": found.rows}


def _told(better: int, worse: int, rows: int) -> Told:
    """Return whether so many items for and against are chance; two-sided sign test at 5 %."""
    if not rows:
        return "no rows"
    n = better + worse
    likely = 1.0 if n == 0 else 2 * float(bdtr(min(better, worse), n, 0.5))
    if likely > _SIGNIFICANT:
        return "not told apart"
    return "better" if better > worse else "worse"


def _claims(
    old: Model, new: Model, evidence: Sequence[Evidence], measured: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    before = {t.class_name: t for t in old.bundle.policy.thresholds}
    explored = next((each for each in evidence if each.name == "exploration"), None)
    declared = _declared(new)
    counts = (explored.proving_positives if explored else ()) or (0,) * len(new.classes)
    claims = []
    for k, t in enumerate(new.bundle.policy.thresholds):
        lacks = need(
            t,
            declared=t.class_name in declared,
            positives=counts[k],
            rows=explored.proving if explored else 0,
            caught=_caught(measured, k),
            prior=float(new.bundle.reference.priors[k]),
        )
        claims.append(
            _claim(
                before[t.class_name],
                t,
                lacks=None if t.status == "certified" else lacks.to_json(),
                declared=t.class_name in declared,
                explored=counts[k],
            )
        )
    return claims


def _claim(
    before: ClassThreshold,
    after: ClassThreshold,
    *,
    lacks: dict[str, Any] | None,
    declared: bool,
    explored: int,
) -> dict[str, Any]:
    target = {"recall": after.target.recall, "precision": after.target.precision}
    return {
        "class": after.class_name,
        "declared": declared,
        "target": {what: value for what, value in target.items() if value is not None},
        "confidence": round(1 - after.delta, 9),
        "old": _promise(before),
        "new": _promise(after),
        "explored_positives": explored,
        "needs": lacks,
    }


def _caught(measured: Sequence[dict[str, Any]], k: int) -> float | None:
    """Return the recall of the new version on all rows together: those of one kind alone are often few."""
    found = [kind["classes"][k]["new"]["recall"] for kind in measured]
    rows = sum(each["rows"] for each in found)
    return sum(each["estimate"] * each["rows"] for each in found if each["rows"]) / rows if rows else None


def _declared(model: Model) -> frozenset[str]:
    """Return the classes that their owner asked something of."""
    told = model.bundle.manifest.training.get("claims")
    if told is None:
        thresholds = model.bundle.policy.thresholds
        return frozenset(t.class_name for t in thresholds if t.target != Target(t.class_name, DEFAULT_RECALL))
    return frozenset(each.class_name for each in Claims.from_json(told, model.classes).targets)


def _promise(t: ClassThreshold) -> dict[str, Any]:
    return {
        "status": t.status,
        "threshold": t.threshold,
        "recall_lower": t.recall.lower,
        "precision_lower": t.precision.lower,
    }


def _answers(model: Model, rows: Rows, labels: AnyLabels, weights: npt.NDArray[np.float64] | None) -> Answers:
    raw = score(model.classifier, inputs_of(model.classifier, rows), lambda *_: None)
    policy = model.bundle.policy
    decided = policy.decide(model.bundle.calibration.apply(raw))
    return answers_of(decided, labels, policy=policy, weights=weights)


def _unseen(old: Model, evidence: Evidence) -> npt.NDArray[np.intp]:
    signatures = signatures_of(evidence.rows.contents(), lambda *_: None, exact=old.input_kind == "features")
    seen = read_seen(old.bundle).signatures
    if not len(seen) or not len(signatures):
        return np.arange(len(signatures))
    return np.flatnonzero(partners(signatures, seen, bands=THOROUGH_BANDS) < 0)


def _in_order(labels: AnyLabels, mine: Sequence[str], theirs: Sequence[str]) -> AnyLabels:
    """Return labels numbered as `mine` in the numbers of `theirs`."""
    place = np.array([*(theirs.index(name) for name in mine), -1])
    if labels.ndim == 2:
        return labels[:, np.argsort(place[:-1])]
    return place[labels]


def _counts(which: Bools) -> int:
    return int(np.count_nonzero(which))
