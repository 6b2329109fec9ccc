"""One sentence, for every kind of alarm."""

from typing import Any

import pytest

from model_store.promises.thresholds import ClassThreshold, Interval, Target
from monitoring.meaning.gate import Gate
from monitoring.meaning.proposal import ClaimStanding
from monitoring.meaning.verdict import ClassPrior, moment, verdict
from tests.support.shifts import finding_of

PASSED, FAILED, UNTESTED = Gate(True, 0.4, 0.08), Gate(False, 0.001, 0.08), Gate(None, None, None)
FRAUD = ClassPrior("fraud", 0.02, 0.031, 0.026, 0.037, 0.003)
OTHER = ClassPrior("other", 0.98, 0.969, 0.963, 0.974, 0.003)
PRIORS = {"fraud": FRAUD, "other": OTHER}
LATER = 60_000.0
SEEN = "fraud is 2.9 % of traffic (2.4-3.5), reference 1.0 %, since 14:10 UTC"


def claim_of(name: str, **standing: Any) -> ClaimStanding:
    """Return what has become of a claim."""
    whole = Interval(0.9, 0.8)
    threshold = ClassThreshold(name, 0.5, "certified", Target(name, recall=0.8), {}, whole, whole)
    return ClaimStanding(threshold, **({"recall": None, "precision": None} | standing))


CLAIMS = (claim_of("fraud", recall="stands", precision="conservative"),)


def test_a_moved_mix_says_what_stands():
    """Share, since when, what it is, and the class's own claims."""
    assert verdict(finding_of("fraud"), PRIORS, PASSED, CLAIMS, at=LATER) == (
        f"{SEEN}; consistent with more fraud rather than a new vocabulary, estimated at 3.1 % (2.6-3.7), "
        "validation 2.0 %; recall claim stands, precision claim is now conservative"
    )


def test_a_fall_that_is_not_measured_says_so():
    """The caveat of the estimate is part of the sentence."""
    fallen = ClassPrior("fraud", 0.02, 0.004, 0.0, 0.01, 0.003, "how far it has fallen cannot be measured")
    told = verdict(finding_of("fraud", direction="fall"), {"fraud": fallen}, PASSED, (), at=LATER)
    assert "consistent with less fraud rather than a new vocabulary" in told
    assert "but how far it has fallen cannot be measured; fraud carries no claim" in told


def test_the_direction_is_that_of_the_alarm():
    """Validation may hold more of a class than traffic ever did."""
    enriched = {"fraud": ClassPrior("fraud", 0.1, 0.031, 0.026, 0.037, 0.003)}
    assert "consistent with more fraud" in verdict(finding_of("fraud"), enriched, PASSED, ())


def test_another_kind_of_item_makes_claims_stale():
    """No estimate is told where the mixture does not fit."""
    told = verdict(finding_of("fraud"), PRIORS, FAILED, CLAIMS, at=LATER)
    assert told == (
        f"{SEEN}; not explained by another mix of the known classes: items look different (a new vocabulary, "
        "or of no known class); every claim is stale until new items are labelled"
    )


def test_an_alarm_of_scores_names_the_class_that_moved():
    """What is seen is the score; what it means is read off the priors."""
    finding = finding_of("top probability <= 0.62", stream="scores")
    told = verdict(finding, PRIORS, PASSED, CLAIMS, at=LATER)
    assert told.startswith("top probability <= 0.62 holds for 2.9 % of traffic (2.4-3.5), reference 1.0 %")
    assert "consistent with more fraud" in told


def test_an_alarm_of_inputs_without_a_moved_class_says_that():
    """Longer texts of the same classes."""
    same = {"fraud": ClassPrior("fraud", 0.02, 0.021, 0.015, 0.027, 0.003)}
    told = verdict(finding_of("characters <= 40", stream="inputs:length"), same, PASSED, CLAIMS, at=LATER)
    assert told.endswith("consistent with the mix of validation rather than a new vocabulary")


def test_items_that_pass_no_class_are_called_that():
    """The category is no class."""
    told = verdict(finding_of("no_class_passes"), PRIORS, FAILED, (), at=LATER)
    assert told.startswith("items that pass no class are 2.9 % of traffic")
    assert told.endswith("label new items")


def test_a_mix_moved_as_a_whole_names_no_class():
    """And says since when."""
    told = verdict({"since_time": 51_000.0, "classes": []}, PRIORS, PASSED, ())
    assert told.startswith(
        "the mix of classes has moved as a whole, no single class stands out, since 1970-01-01"
    )


def test_without_priors_the_reason_is_told():
    """Nothing is made up."""
    told = verdict(finding_of("fraud"), {}, UNTESTED, (), withheld="40 items are too few", at=LATER)
    assert told == f"{SEEN}; what it means cannot be said: 40 items are too few"


def test_what_cannot_be_tested_judges_no_claim():
    """The estimate is told with its condition."""
    told = verdict(finding_of("fraud"), PRIORS, UNTESTED, (), at=LATER)
    assert told.endswith(
        "fraud is estimated at 3.1 % (2.6-3.7), validation 2.0 %, if items of a class look as ever; "
        "that cannot be tested, so no claim is judged"
    )


def test_without_an_alarm_traffic_is_held_against_validation():
    """A class that moved is named, and none where chance moves one as far."""
    assert verdict(None, PRIORS, PASSED, CLAIMS).startswith(
        "fraud is estimated at 3.1 % (2.6-3.7) of live traffic, validation 2.0 %; consistent with more fraud "
        "rather than a new vocabulary; recall claim stands"
    )
    same = {"fraud": ClassPrior("fraud", 0.02, 0.021, 0.015, 0.027, 0.003)}
    assert verdict(None, same, PASSED, CLAIMS).startswith("live traffic has the classes of validation")
    assert verdict(None, {}, UNTESTED, (), withheld="no rows").startswith("live traffic against validation;")


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("spam",), "precision claim of spam is now optimistic"),
        (("spam", "ham"), "precision claims of 2 other classes are now optimistic"),
    ],
    ids=["one", "two"],
)
def test_other_claims_that_promise_too_much_are_counted(names: tuple[str, ...], told: str):
    """The class that rose is not the one whose precision suffers."""
    others = tuple(claim_of(name, precision="optimistic") for name in names)
    assert verdict(finding_of("fraud"), PRIORS, PASSED, (*CLAIMS, *others)).endswith(f"conservative; {told}")


def test_estimates_that_contradict_each_other_are_named():
    """At the end of the sentence."""
    told = verdict(finding_of("fraud"), PRIORS, PASSED, CLAIMS, differ=("fraud",))
    assert told.endswith("; two estimates of the share of fraud contradict each other")


def test_times_are_written_for_people():
    """Those of the same day lose their date."""
    assert (moment(51_000.0, 51_001.0), moment(51_000.0, 90_000.0)) == ("14:10 UTC", "1970-01-01 14:10 UTC")
