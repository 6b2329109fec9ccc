"""Expected precision, recall and F1 under a moved mix, against what labels then say."""

import numpy as np
import pytest

from model_store.promises.thresholds import Target
from model_store.shift_reference import ShiftReference, build_shift_reference
from monitoring.meaning.both_sides import MixtureFit
from monitoring.meaning.expected import Flagged, reweighted
from monitoring.meaning.priors import Priors
from tests.support.shifts import Answered, made_up, meters_of, policy_of

OLD, NEW = [0.1, 0.3, 0.6], [0.3, 0.2, 0.5]
TARGETS = (Target("class0", recall=0.8), Target("class2", precision=0.8))


def truly(flags: np.ndarray, labels: np.ndarray, k: int) -> tuple[float, float]:
    """Return precision and recall of the flags of class k."""
    hits = (flags[:, k] & (labels == k)).sum()
    return hits / flags[:, k].sum(), hits / (labels == k).sum()


def referred(rows: Answered) -> ShiftReference:
    """Return what validation rows say."""
    return build_shift_reference(rows.probabilities, rows.labels, rows.classes)


def estimated(reference: ShiftReference, rows: Answered, live: Answered) -> Priors:
    """Estimate the priors of live items."""
    return Priors.of(
        MixtureFit.of(reference, meters_of(rows.probabilities, live.probabilities)["joint"], seed=0)
    )


def test_without_a_shift_it_is_what_validation_shows():
    """Reweighting by the old priors changes nothing."""
    rows = made_up(1_000, OLD, seed=1)
    policy, reference = policy_of(rows, TARGETS), referred(rows)
    flagged = Flagged.of(reference, policy)
    flags = policy.decide(rows.probabilities).flags
    for k in range(3):
        precision, recall = truly(flags, rows.labels, k)
        assert flagged.precision(reference.priors)[k] == pytest.approx(precision)
        assert flagged.recall[k] == pytest.approx(recall)


def test_intervals_hold_what_labels_say_later():
    """Precision and recall of 20,000 labelled items of the new mix, in 90 % of the cases or more."""
    truth = made_up(20_000, NEW, calibrated_at=OLD, seed=2)
    held = []
    for seed in range(60):
        rows = made_up(1_500, OLD, seed=100 + seed)
        policy, reference = policy_of(rows, TARGETS), referred(rows)
        priors = estimated(reference, rows, made_up(1_000, NEW, calibrated_at=OLD, seed=200 + seed))
        found = reweighted(Flagged.of(reference, policy), priors, rows.classes)
        flags = policy.decide(truth.probabilities).flags
        for k, each in enumerate(found):
            precision, recall = truly(flags, truth.labels, k)
            held.append(each.precision.low <= precision <= each.precision.high)
            held.append(each.recall.low <= recall <= each.recall.high)
            assert each.f1.low <= each.f1.estimate <= each.f1.high
    assert np.mean(held) >= 0.9


def test_no_false_flag_is_no_certainty():
    """A precision of 1 on validation rows has an interval below it."""
    rows = made_up(400, [0.5, 0.5], seed=3, apart=8.0)
    policy, reference = policy_of(rows), referred(rows)
    priors = estimated(reference, rows, made_up(400, [0.5, 0.5], seed=4, apart=8.0))
    found = reweighted(Flagged.of(reference, policy), priors, rows.classes)[0]
    assert found.precision.estimate == 1
    assert 0.9 < found.precision.low < 1


def test_a_class_without_rows_is_not_expected_anything():
    """None, between 0 and 1."""
    rows = made_up(400, [0.5, 0.5, 0.0], seed=5)
    policy, reference = policy_of(rows), referred(rows)
    priors = estimated(reference, rows, made_up(300, [0.5, 0.5, 0.0], seed=6))
    found = reweighted(Flagged.of(reference, policy), priors, rows.classes)[2]
    assert (found.recall.estimate, found.recall.low, found.recall.high) == (None, 0.0, 1.0)
    assert found.f1.estimate is None
