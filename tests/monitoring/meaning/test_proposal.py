"""What a moved mix does to claims, and which thresholds would keep them."""

import numpy as np
import pytest

from model_store.policy import Policy
from model_store.promises.thresholds import Target
from model_store.shift_reference import ShiftReference, build_shift_reference
from monitoring.meaning.both_sides import MixtureFit
from monitoring.meaning.expected import Flagged
from monitoring.meaning.priors import Priors
from monitoring.meaning.proposal import ClaimStanding, stale, standings
from tests.support.shifts import Answered, made_up, meters_of, policy_of

OLD, FALL, RISE = [0.3, 0.7], [0.1, 0.9], [0.6, 0.4]
TARGETS = (Target("class0", precision=0.8), Target("class1", recall=0.9))


@pytest.fixture(scope="module")
def rows() -> Answered:
    """Return 4,000 validation rows."""
    return made_up(4_000, OLD, seed=1, apart=1.5)


def judged(
    rows: Answered, new: list[float], targets: tuple[Target, ...] = TARGETS, *, items: int = 4_000
) -> dict[str, ClaimStanding]:
    """Judge the claims for items of another mix."""
    reference, policy = _referred(rows), policy_of(rows, targets)
    live = made_up(items, new, calibrated_at=OLD, seed=2, apart=1.5)
    fit = MixtureFit.of(reference, meters_of(rows.probabilities, live.probabilities)["joint"], seed=0)
    found = standings(reference, policy, Priors.of(fit), Flagged.of(reference, policy))
    return {each.old.class_name: each for each in found}


def _referred(rows: Answered) -> ShiftReference:
    return build_shift_reference(rows.probabilities, rows.labels, rows.classes)


def precision_at(threshold: float, new: list[float]) -> float:
    """Return the precision of class 0 among many items of a mix."""
    truth = made_up(100_000, new, calibrated_at=OLD, seed=3, apart=1.5)
    flagged = truth.probabilities[:, 0] >= np.float32(threshold)
    return float((truth.labels[flagged] == 0).mean())


def test_a_recall_stands(rows: Answered):
    """It says nothing of other classes, and no threshold is proposed for it."""
    for new in (FALL, RISE):
        claim = judged(rows, new)["class1"]
        assert (claim.recall, claim.precision, claim.new) == ("stands", None, None)


def test_a_falling_class_makes_its_precision_optimistic(rows: Answered):
    """The threshold that is proposed keeps the precision, and the old one does not."""
    claim = judged(rows, FALL)["class0"]
    assert claim.precision == "optimistic"
    assert precision_at(claim.old.threshold, FALL) < 0.7
    assert claim.new.threshold > claim.old.threshold
    assert claim.new.status == "empirical"
    assert precision_at(claim.new.threshold, FALL) >= 0.8


def test_a_rising_class_makes_its_precision_conservative(rows: Answered):
    """A lower threshold would do, and it has the precision too."""
    claim = judged(rows, RISE)["class0"]
    assert claim.precision == "conservative"
    assert claim.new.threshold < claim.old.threshold
    assert precision_at(claim.new.threshold, RISE) >= 0.8


def test_without_a_shift_everything_stands(rows: Answered):
    """And nothing is proposed."""
    for claim in judged(rows, OLD).values():
        assert {claim.recall, claim.precision} <= {"stands", None}
        assert claim.new is None


def test_recall_and_precision_are_solved_together(rows: Answered):
    """Where no threshold has both any more it says so, and the recall stands."""
    both = (Target("class0", recall=0.5, precision=0.7),)
    claim = judged(rows, [0.02, 0.98], both)["class0"]
    assert (claim.recall, claim.precision, claim.new) == ("stands", "optimistic", None)
    assert "class0:recall=0.5,precision=0.7" in claim.why


def test_a_class_that_may_be_gone_gets_no_threshold(rows: Answered):
    """At a prior of 0 no precision is above 0."""
    claim = judged(rows, [0.0, 1.0], items=500)["class0"]
    assert claim.new is None
    assert claim.why == "its prior may be 0"


def test_a_class_without_a_claim_is_left_out():
    """With too few rows nothing was promised."""
    rows = made_up(60, [0.1, 0.9], seed=4, apart=1.5)
    assert "class0" not in judged(rows, [0.1, 0.9])


def test_all_claims_are_stale_where_the_mix_explains_nothing(rows: Answered):
    """Recall and precision alike, old thresholds beside no new ones, as JSON."""
    policy: Policy = policy_of(rows, TARGETS)
    told = [each.to_json() for each in stale(policy)]
    assert [(each["class"], each["recall"], each["precision"]) for each in told] == [
        ("class0", None, "stale"),
        ("class1", "stale", None),
    ]
    assert all(each["new"] is None for each in told)
    assert told[0]["claim"] == "class0:precision=0.8"
