"""Verdicts: does what a bundle says of a class stand on these rows?"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from model_store.promises.thresholds import ClassThreshold, Interval, Status
from model_store.reports.metrics import Share

Aspect: TypeAlias = Literal["recall", "recall with review", "precision"]
Verdict: TypeAlias = Literal["confirmed", "stands", "contradicted", "no claim", "not measured"]


@dataclass(frozen=True, slots=True)
class Check:
    """What was asked of one class, and what the rows say about it.

    Parameters
    ----------
    aspect : str
        `recall with review` where the class leaves a band of probabilities to people: its claim is about the
        items that are flagged or left to them.
    basis : str
        The class's status. Only `certified` is a claim and `empirical` an expectation; the others promise
        nothing, and the verdict is `no claim`.
    confidence : float
        With which the bundle makes the claim.
    bound : float
        The lower bound that the bundle found on its own threshold rows.
    verdict : str
        `confirmed`: the whole interval is at or above what was asked. `stands`: the interval reaches it.
        `contradicted`: the whole interval is below. `not measured`: no row to measure it on.
    """

    aspect: Aspect
    asked: float
    basis: Status
    confidence: float
    bound: float
    measured: Share
    verdict: Verdict


def checks(threshold: ClassThreshold, *, caught: Share, precision: Share) -> tuple[Check, ...]:
    """Return a check of the recall and of the precision asked of a class, as far as they were asked.

    Parameters
    ----------
    caught : Share
        Of the class's items those that are flagged or, where the class has a band for it, left to people.
    """
    recall: Aspect = "recall" if threshold.review_from is None else "recall with review"
    asked: tuple[tuple[Aspect, float | None, Interval, Share], ...] = (
        (recall, threshold.target.recall, threshold.recall, caught),
        ("precision", threshold.target.precision, threshold.precision, precision),
    )
    return tuple(
        Check(
            aspect,
            value,
            threshold.status,
            round(1 - threshold.delta, 9),
            found.lower,
            measured,
            _verdict(value, threshold.status, measured),
        )
        for aspect, value, found, measured in asked
        if value is not None
    )


def _verdict(asked: float, basis: Status, measured: Share) -> Verdict:
    if measured.estimate is None:
        return "not measured"
    if basis not in ("certified", "empirical"):
        return "no claim"
    if measured.lower >= asked:
        return "confirmed"
    return "stands" if measured.upper >= asked else "contradicted"
