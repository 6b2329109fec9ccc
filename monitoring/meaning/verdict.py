"""Verdict: what is to be told of a drift, in one sentence?"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scipy.special import ndtri

from model_store.policy import NO_CLASS
from monitoring.meaning.gate import Gate
from monitoring.meaning.proposal import ClaimStanding
from monitoring.meaning.wording import interval, number_of, share
from monitoring.scanning.streams import CLASSES

_DAY: Final = 86_400.0
_CHANCE: Final = 0.05  # probability of naming a class that did not move, all classes together
_TINY: Final = 1e-12


@dataclass(frozen=True, slots=True)
class ClassPrior:
    """What is estimated of one class: shares in [0, 1], `before` that of the validation rows.

    `error` is the standard error that the estimate would have if the share were still `before`, `caveat` a
    clause: what the estimate cannot say, empty where there is nothing to add.
    """

    name: str
    before: float
    estimate: float
    low: float
    high: float
    error: float
    caveat: str = ""

    @property
    def text(self) -> str:
        """The estimate with its interval."""
        return f"{share(self.estimate)} ({interval(self.low, self.high)})"


def verdict(
    finding: Mapping[str, Any] | None,
    priors: Mapping[str, ClassPrior],
    gate: Gate,
    claims: Sequence[ClaimStanding],
    *,
    differ: Sequence[str] = (),
    withheld: str = "",
    at: float | None = None,
) -> str:
    """Return the sentence.

    Parameters
    ----------
    finding : mapping, optional
        `Finding.to_json()`; without one live traffic is held against validation.
    priors : mapping of str to ClassPrior
        By class; empty where there are none.
    differ : sequence of str
        Classes for which two estimates contradict each other.
    withheld : str
        Why there are none.
    at : float, optional
        UTC seconds; a time of the same day is told without its date.
    """
    parts = [_seen(finding, at) if finding is not None else _mismatch(priors)]
    if not priors:
        parts.append(f"what it means cannot be said: {withheld}")
        return "; ".join(parts)
    shift = _leading(finding, priors)
    if gate.passed is None:
        parts.append(f"{_estimated(shift)}, if items of a class look as ever")
        parts.append("that cannot be tested, so no claim is judged")
    elif gate.passed:
        parts += [_consistent(finding, shift), *_claims(claims, shift)]
    else:
        parts.append(
            "not explained by another mix of the known classes: items look different (a new vocabulary, or "
            "of no known class)"
        )
        parts.append("every claim is stale until new items are labelled" if claims else "label new items")
    if differ:
        parts.append(f"two estimates of the share of {', '.join(differ[:3])} contradict each other")
    return "; ".join(parts)


def moment(seconds: float, at: float | None = None) -> str:
    """Return a UTC time, with its date unless `at` is of the same day.

    Examples
    --------
    >>> moment(51_000.0, 60_000.0), moment(51_000.0)
    ('14:10 UTC', '1970-01-01 14:10 UTC')
    """
    same_day = at is not None and seconds // _DAY == at // _DAY
    return time.strftime("%H:%M UTC" if same_day else "%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def _seen(finding: Mapping[str, Any], at: float | None) -> str:
    since = f"since {moment(finding['since_time'], at)}"
    if not finding["classes"]:
        return f"the mix of classes has moved as a whole, no single class stands out, {since}"
    first = finding["classes"][0]
    name, named = first["name"], first.get("stream", CLASSES)
    if name == NO_CLASS:
        subject = "items that pass no class are"
    elif named == CLASSES:
        subject = f"{name} is"
    else:
        subject = f"{name} holds for"
    return (
        f"{subject} {share(first['current'])} of traffic ({interval(first['low'], first['high'])}), "
        f"reference {share(first['reference'])}, {since}"
    )


def _mismatch(priors: Mapping[str, ClassPrior]) -> str:
    if not priors:
        return "live traffic against validation"
    moved = _most_moved(priors)
    if moved is None:
        return "live traffic has the classes of validation, as far as can be told"
    return f"{moved.name} is estimated at {moved.text} of live traffic, validation {share(moved.before)}"


def _leading(finding: Mapping[str, Any] | None, priors: Mapping[str, ClassPrior]) -> ClassPrior | None:
    """Return the class that the sentence is about: the alarm's first, else the one that moved most."""
    for each in () if finding is None else finding["classes"]:
        if each.get("stream", CLASSES) == CLASSES and each["name"] in priors:
            return priors[each["name"]]
    return _most_moved(priors)


def _most_moved(priors: Mapping[str, ClassPrior]) -> ClassPrior | None:
    """Return the class whose share moved most against its error; None if chance alone moves one as far."""
    bar = float(ndtri(1.0 - _CHANCE / (2 * len(priors))))

    def distance(prior: ClassPrior) -> float:
        return abs(prior.estimate - prior.before) / max(prior.error, _TINY)

    # Two classes move alike: the rarer is the one people ask about.
    most = max(priors.values(), key=lambda prior: (round(distance(prior), 6), -prior.before, prior.name))
    return most if distance(most) > bar else None


def _estimated(shift: ClassPrior | None) -> str:
    if shift is None:
        return "no class is estimated to have another share than in validation"
    return f"{shift.name} is estimated at {shift.text}, validation {share(shift.before)}"


def _consistent(finding: Mapping[str, Any] | None, shift: ClassPrior | None) -> str:
    if shift is None:
        return "consistent with the mix of validation rather than a new vocabulary"
    directions = {each["name"]: each["direction"] for each in ([] if finding is None else finding["classes"])}
    rose = directions.get(shift.name, "rise" if shift.estimate >= shift.before else "fall") == "rise"
    said = f"consistent with {'more' if rose else 'less'} {shift.name} rather than a new vocabulary"
    if finding is not None:
        said += f", estimated at {shift.text}, validation {share(shift.before)}"
    return f"{said}, but {shift.caveat}" if shift.caveat else said


def _claims(claims: Sequence[ClaimStanding], shift: ClassPrior | None) -> list[str]:
    """Say what has become of the class's own claim, and how many others promise too much."""
    own = next((claim for claim in claims if shift is not None and claim.old.class_name == shift.name), None)
    told = [_standing(own)] if own else [] if shift is None else [f"{shift.name} carries no claim"]
    others = [each.old.class_name for each in claims if each is not own and each.precision == "optimistic"]
    if len(others) == 1:
        told.append(f"precision claim of {others[0]} is now optimistic")
    elif others:
        told.append(f"precision claims of {number_of(len(others), 'other class')} are now optimistic")
    return told


def _standing(claim: ClaimStanding) -> str:
    told = []
    for what, standing in (("recall", claim.recall), ("precision", claim.precision)):
        if standing is not None:
            told.append(f"{what} claim {'stands' if standing == 'stands' else f'is now {standing}'}")
    return ", ".join(told)
