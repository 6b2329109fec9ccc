"""Meaning: what does a drift say about the classes, and which promises does it leave standing?

Pure: counts of live items since the change go in, JSON comes out. Nothing is put in force.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.meters import MASS_UNIT
from model_store.policy import Policy
from model_store.shift_reference import ShiftReference
from monitoring.meaning.both_sides import MixtureFit
from monitoring.meaning.expected import Flagged, reweighted
from monitoring.meaning.gate import Gate, gate
from monitoring.meaning.label_shift import LabelShares, label_shares
from monitoring.meaning.meant import Meant
from monitoring.meaning.priors import ENOUGH_POSITIVES, Priors, as_estimate
from monitoring.meaning.proposal import stale, standings
from monitoring.meaning.shift import Z95, Estimate, bbse_priors, disagreement
from monitoring.meaning.verdict import ClassPrior, verdict
from monitoring.meaning.wording import number_of, share

Meters: TypeAlias = Mapping[str, npt.NDArray[Any]]

MIN_ITEMS: Final = 100
_REPEAT: Final = 1  # index into `deduplicated`: items whose id was counted before


def meaning_of(
    reference: ShiftReference,
    policy: Policy,
    meters: Meters,
    finding: Mapping[str, Any] | None,
    *,
    seed: int,
    at: float | None = None,
    dispersion: float = 1.0,
) -> dict[str, Any]:
    """Return, as JSON, the new priors, whether they explain the traffic, and what follows; times are UTC.

    Parameters
    ----------
    meters : mapping of str to int64 array
        Counts of the items since the change: `joint` of shape (MOST_BINS * n_classes,), and `mass` of shape
        (n_classes,) or, with several labels an item, `labels` of shape (n_classes + 1,) and `mass`. With
        `deduplicated`, items are worth no more than there are different ones. What is missing is said in the
        answer, never an error.
    finding : mapping, optional
        `Finding.to_json()`; None where no alarm asks, for a baseline that differs from validation.
    seed : int
        The same counts and seed give the same answer.
    at : float, optional
        UTC seconds of the alarm, for the sentence.
    dispersion : float
        By how much the variance of live counts exceeds that of independent items, at least 1.
    """
    dispersion = max(dispersion, 1.0, _repeats(meters))
    said = (_of_labels if reference.multilabel else _of_classes)(
        reference, policy, meters, seed=seed, dispersion=dispersion
    )
    priors = {prior.name: prior for prior in said.priors}
    return said.to_json() | {
        "seed": seed,
        "verdict": verdict(
            finding, priors, said.gate, said.claims, differ=said.differ, withheld=said.withheld, at=at
        ),
    }


def _of_classes(
    reference: ShiftReference, policy: Policy, meters: Meters, *, seed: int, dispersion: float
) -> Meant:
    joint = meters.get("joint", np.zeros(0, np.int64))
    items = int(joint.sum())
    said = Meant(items, round(items / dispersion))
    if why := _withheld(said, reference.histograms.shape[1], len(joint), reference):
        return Meant(items, said.effective, why)
    fit = MixtureFit.of(reference, joint, seed=seed, dispersion=dispersion)
    found, fitted = Priors.of(fit), gate(fit)
    second = _bbse(fit, meters)
    differ = [] if second is None else disagreement(as_estimate(found, fit), second)
    flagged = Flagged.of(reference, policy)
    k = len(reference.classes)
    priors = _class_priors(found, fit.items, (*reference.classes, "none of the classes"))
    expected = None
    claims = stale(policy) if fitted.passed is False else ()
    if fitted.passed:
        expected = reweighted(flagged, found, reference.classes)
        claims = standings(reference, policy, found, flagged)
    return Meant(
        items,
        fit.items,
        method="em",
        priors=priors[:k],
        second=second,
        differ=tuple(reference.classes[i] for i in differ),
        gate=fitted,
        gate_why=_power(fitted),
        expected=expected,
        expected_why=_withdrawn(fitted),
        claims=claims,
        none_of_them=priors[k] if len(priors) > k else None,
        caveats=_caveats(reference, second, differ),
    )


def _bbse(fit: MixtureFit, meters: Meters) -> Estimate | None:
    mass, soft = meters.get("mass"), fit.reference.soft
    if soft is None or mass is None or len(mass) != len(soft.means):
        return None
    shares = mass / max(float(mass.sum()), 1.0)
    return bbse_priors(shares, soft, fit.reference.counts, items=fit.items)


def _of_labels(
    reference: ShiftReference, policy: Policy, meters: Meters, *, seed: int, dispersion: float
) -> Meant:
    del policy, seed  # nothing is drawn, and no claim is judged without a goodness of fit
    even, mass = meters.get("labels"), meters.get("mass")
    k = len(reference.classes)
    if even is None or mass is None:
        return Meant(0, 0, "these items were not counted by label and by probability")
    items = int(even[-1])
    said = Meant(items, round(items / dispersion))
    if why := _withheld(said, 2 * k + 1, len(even) + len(mass), reference):
        return Meant(items, said.effective, why)
    shares = label_shares(reference, even, mass / (MASS_UNIT * items), items=items / dispersion)
    differ = disagreement(shares.soft, shares.hard)
    why = "two counts a label leave no goodness of fit to test"
    return Meant(
        items,
        said.effective,
        method="bbse",
        priors=_label_priors(reference, shares),
        second=shares.hard,
        differ=tuple(reference.classes[i] for i in differ),
        gate_why=why,
        expected_why=why,
        caveats=_caveats(reference, shares.hard, differ),
    )


def _withheld(said: Meant, expected: int, given: int, reference: ShiftReference) -> str:
    if given == 0:
        return "these items were not counted by class and confidence"
    if given != expected:
        return (
            f"{given} counts came with these items, {expected} fit the bundle; another release counted them"
        )
    if len(reference.labels) == 0:
        return "the bundle keeps no validation rows"
    if said.effective < MIN_ITEMS:
        few = number_of(said.items, "item is", "items are")
        return f"{few} too few; {MIN_ITEMS} independent ones are needed"
    return ""


def _class_priors(found: Priors, items: int, names: Sequence[str]) -> tuple[ClassPrior, ...]:
    caveats = [
        f"with fewer than {ENOUGH_POSITIVES} validation rows the estimate is drawn to the old share"
        if shrunk
        else "how far it has fallen cannot be measured without labels"
        if unmeasured
        else ""
        for shrunk, unmeasured in zip(found.shrunk, found.unmeasured_falls, strict=True)
    ]
    fallen = np.maximum(found.before - found.estimate, 0.0)  # a larger share scatters by that much more
    errors = np.sqrt(found.errors**2 + fallen / items)
    columns = [each.tolist() for each in (found.before, found.estimate, found.low, found.high, errors)]
    return tuple(map(ClassPrior, names, *columns, caveats))


def _label_priors(reference: ShiftReference, shares: LabelShares) -> tuple[ClassPrior, ...]:
    soft = shares.soft
    low = np.where(shares.told, np.maximum(soft.priors - Z95 * soft.errors, 0.0), 0.0)
    high = np.where(shares.told, np.minimum(soft.priors + Z95 * soft.errors, 1.0), 1.0)
    caveats = ["" if told else "the model does not tell its items from others" for told in shares.told]
    columns = [each.tolist() for each in (reference.priors, soft.priors, low, high, soft.errors)]
    return tuple(map(ClassPrior, reference.classes, *columns, caveats))


def _withdrawn(fitted: Gate) -> str:
    if fitted.passed is None:
        return "whether the class mix alone has moved cannot be tested"
    return "" if fitted.passed else "the class mix alone does not explain the traffic"


def _power(fitted: Gate) -> str:
    if fitted.passed is None:
        return "the bundle keeps too few validation rows"
    if fitted.unfamiliar is None:
        return "unfamiliar items would not be noticed by these counts, whatever their share"
    return (
        f"unfamiliar items would be noticed half of the time if they were {share(fitted.unfamiliar)} of "
        "traffic; fewer hardly"
    )


def _caveats(reference: ShiftReference, second: Estimate | None, differ: Sequence[int]) -> tuple[str, ...]:
    told = []
    if not reference.sample:
        told.append("validation rows are no sample of traffic: items of a class may look different in it")
    if second is None:
        told.append("only one estimate could be made, so there is none to compare it with")
    elif differ:
        told.append("two estimates from the same items differ by more than their errors: trust neither")
    return tuple(told)


def _repeats(meters: Meters) -> float:
    """Return how many items there are for each different one, 1 where nobody looked."""
    origins = meters.get("deduplicated")
    if origins is None or len(origins) <= _REPEAT:
        return 1.0
    items = float(origins.sum())
    return items / max(items - float(origins[_REPEAT]), 1.0) if items else 1.0
