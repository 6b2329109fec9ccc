"""Tests of `model_store.guarantees`."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from model_store.bounds import lower_bound
from model_store.guarantees import fit_thresholds
from model_store.thresholds import ClassThreshold, Target, parse_target

TWO = ("rare", "rest")


def _two_classes(
    n: int, *, share: float, distance: float, seed: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return calibrated probabilities of a rare class whose scores lie `distance` s.d. above the others'."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) >= share).astype(np.int64)
    x = rng.normal(0, 1, n) + distance * (labels == 0)
    odds = share / (1 - share) * np.exp(distance * x - distance**2 / 2)
    p = (odds / (1 + odds)).astype(np.float32)
    return np.stack([p, 1 - p], axis=1), labels


def _rare(
    p: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], target: str, *, delta: float = 0.1
) -> ClassThreshold:
    return fit_thresholds(p, labels, TWO, [parse_target(target)], delta=delta)[0]


@pytest.mark.parametrize("target", ["rare:recall=0.85", "rare:recall=0.85,precision=0.5"])
def test_a_text_sent_over_and_over_is_flagged_however_its_probability_rounds(target: str):
    """Forty of a hundred positives are one text, and the threshold ties with it: alone it may round lower."""
    p = np.repeat(np.array([0.9, 0.3, 0.1], np.float32), [60, 40, 100])
    labels = (np.arange(200) >= 100).astype(np.int64)
    found = _rare(np.stack([p, 1 - p], axis=1), labels, target)
    assert found.status == "certified"
    alone = np.nextafter(p, np.float32(0))
    assert (alone[:100] >= np.float32(found.threshold)).all()
    assert not (p[100:] >= np.float32(found.threshold)).any()


@given(seed=st.integers(0, 1_000), exponent=st.integers(-8, -1))
@settings(max_examples=30, deadline=None)
def test_thresholds_follow_a_monotone_change_of_scores(seed: int, exponent: int):
    """Flags and statuses depend on the order of scores only, whatever was asked."""
    p, labels = _two_classes(800, share=0.2, distance=1.5, seed=seed)
    changed = np.ldexp(p, exponent)  # exact in float32, so the order and the ties are the same
    for target in ("rare:recall=0.85", "rare:recall=0.7,precision=0.5", "rare:precision=0.7"):
        before, after = _rare(p, labels, target), _rare(changed, labels, target)
        assert before.status == after.status
        assert ((p[:, 0] >= before.threshold) == (changed[:, 0] >= after.threshold)).all()


@given(seed=st.integers(0, 1_000), positives=st.integers(0, 60), removed=st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_a_recall_status_never_improves_when_positives_are_removed(seed: int, positives: int, removed: int):
    """Fewer positives can only turn a certified recall into insufficient data."""
    rng = np.random.default_rng(seed)
    p = rng.random(positives + 100).astype(np.float32)
    labels = (np.arange(positives + 100) >= positives).astype(np.int64)
    both = np.stack([p, 1 - p], axis=1)
    order = ("insufficient_data", "certified")
    before = _rare(both, labels, "rare:recall=0.85").status
    after = (
        _rare(both[removed:], labels[removed:], "rare:recall=0.85").status
        if removed <= positives
        else order[0]
    )
    assert order.index(after) <= order.index(before)
    assert before == order[positives >= 15]


@pytest.mark.parametrize("share", [0.1, 0.3], ids=["rare", "less rare"])
def test_a_certified_pair_holds_on_a_known_population(share: float):
    """Recall and precision claimed together both hold in all but delta of the draws that claim them.

    The precision asked for is the true precision at the typical threshold, where errors are likeliest.
    """
    recall, distance, draws = 0.8, 2.0, 600
    typical = norm.isf(0.86)
    rate = norm.sf(typical + distance)
    precision = round(share * 0.86 / (share * 0.86 + (1 - share) * rate), 3)
    claimed = wrong = 0
    for seed in range(draws):
        p, labels = _two_classes(1_500, share=share, distance=distance, seed=seed)
        found = _rare(p, labels, f"rare:recall={recall},precision={precision}")
        if found.status != "certified":
            continue
        claimed += 1
        odds = np.log(found.threshold / (1 - found.threshold)) - np.log(share / (1 - share))
        x = (odds + distance**2 / 2) / distance
        true_recall, false_alarms = norm.sf(x - distance), norm.sf(x)
        true_precision = share * true_recall / (share * true_recall + (1 - share) * false_alarms)
        wrong += true_recall < recall or true_precision < precision
    assert wrong / draws <= 0.1 + 3 * (0.1 * 0.9 / draws) ** 0.5
    assert 0 < wrong < claimed < draws  # the target is hard enough for the test to mean something


def test_a_reachable_pair_is_certified():
    """Well separated classes with rows enough get both."""
    p, labels = _two_classes(6_000, share=0.3, distance=4.0, seed=1)
    found = _rare(p, labels, "rare:recall=0.85,precision=0.85")
    assert found.status == "certified"
    assert found.recall.lower >= 0.85
    assert found.precision.lower >= 0.85
    assert found.frontier is None


def test_a_certified_pair_spends_half_of_delta_on_each():
    """The recall's bound is the one that a recall alone would have at delta / 2."""
    p, labels = _two_classes(6_000, share=0.3, distance=4.0, seed=1)
    pair = _rare(p, labels, "rare:recall=0.85,precision=0.85", delta=0.1)
    alone = _rare(p, labels, "rare:recall=0.85", delta=0.05)
    assert (pair.threshold, pair.recall) == (alone.threshold, alone.recall)
    assert pair.threshold < _rare(p, labels, "rare:recall=0.85", delta=0.1).threshold


def test_a_certified_precision_bound_is_below_the_pointwise_one():
    """The exact bound pays for having chosen the threshold on the same rows."""
    p, labels = _two_classes(6_000, share=0.3, distance=4.0, seed=1)
    found = _rare(p, labels, "rare:recall=0.85,precision=0.85")
    flagged = p[:, 0] >= found.threshold
    hits = int((flagged & (labels == 0)).sum())
    assert found.precision.estimate == pytest.approx(hits / flagged.sum())
    assert found.precision.lower < float(lower_bound(hits, flagged.sum(), 0.05))


def test_a_pair_that_only_just_passes_is_empirical():
    """Without a proof the threshold with the largest smaller slack is taken, and the status says so."""
    p, labels = _two_classes(1_000, share=0.3, distance=2.5, seed=4)
    found = _rare(p, labels, "rare:recall=0.85,precision=0.8")
    assert found.status == "empirical"
    assert found.recall.estimate is not None
    assert found.recall.estimate >= 0.85
    assert found.precision.estimate is not None
    assert found.precision.estimate >= 0.8


def test_an_unreachable_pair_is_infeasible_with_its_frontier():
    """It acts recall-first at full delta and says what either target would cost."""
    p, labels = _two_classes(3_000, share=0.06, distance=1.2, seed=3)
    found = _rare(p, labels, "rare:recall=0.85,precision=0.6")
    alone = _rare(p, labels, "rare:recall=0.85")
    assert found.status == "infeasible"
    assert (found.threshold, found.recall) == (alone.threshold, alone.recall)
    assert alone.status == "certified"
    assert found.frontier is not None
    at_recall, at_precision = found.frontier
    assert at_recall.goal == "best_precision_at_recall"
    assert at_recall.recall.estimate is not None
    assert at_recall.recall.estimate >= 0.85
    assert at_recall.precision.estimate is not None
    assert at_recall.precision.estimate < 0.6
    for point in found.frontier:
        flagged = p[:, 0] >= point.threshold
        hits = int((flagged & (labels == 0)).sum())
        assert point.precision.estimate == pytest.approx(hits / flagged.sum())
        assert point.recall.lower == pytest.approx(float(lower_bound(hits, (labels == 0).sum(), 0.1)))
    assert at_precision.goal in ("best_recall_at_precision", "highest_precision")


def test_the_frontier_cannot_be_beaten():
    """No threshold with the recall has more precision, none with the precision more recall."""
    p, labels = _two_classes(2_000, share=0.1, distance=1.5, seed=5)
    found = _rare(p, labels, "rare:recall=0.85,precision=0.5")
    assert found.frontier is not None
    at_recall, at_precision = found.frontier
    positive = labels == 0
    for t in np.unique(p[:, 0]):
        flagged = p[:, 0] >= t
        hits, recall = int((flagged & positive).sum()), (flagged & positive).sum() / positive.sum()
        if flagged.sum() < 10:
            continue
        if recall >= 0.85:
            assert hits / flagged.sum() <= (at_recall.precision.estimate or 0) + 1e-12
        if hits / flagged.sum() >= 0.5:
            assert recall <= (at_precision.recall.estimate or 0) + 1e-12


def test_precision_alone_is_never_certified():
    """It is read at many candidates: empirical at best, with the most recall that its bound allows."""
    p, labels = _two_classes(4_000, share=0.3, distance=3.0, seed=6)
    found = _rare(p, labels, "rare:precision=0.9")
    assert found.status == "empirical"
    assert found.precision.lower >= 0.9
    lower = np.unique(p[p[:, 0] < found.threshold, 0])
    for t in lower:
        flagged = p[:, 0] >= t
        assert float(lower_bound(int((flagged & (labels == 0)).sum()), flagged.sum(), 0.1)) < 0.9


def test_an_unreachable_precision_is_infeasible_and_acts_on_precision():
    """Asked for precision only, it does not flood: it takes the best bound there is."""
    p, labels = _two_classes(2_000, share=0.1, distance=0.5, seed=7)
    found = _rare(p, labels, "rare:precision=0.95")
    assert found.status == "infeasible"
    assert found.frontier is not None
    assert found.frontier[-1].goal == "highest_precision"


def test_too_few_positives_claim_nothing_and_say_how_many_more():
    """Ten positives where fifteen are the least: no bound, a shrunk threshold, five further needed."""
    rng = np.random.default_rng(9)
    p = rng.dirichlet(np.ones(3), 500).astype(np.float32)
    labels = np.concatenate([np.zeros(10, dtype=np.int64), rng.integers(1, 3, 490)])
    found = fit_thresholds(p, labels, ("a", "b", "c"), [Target("a", recall=0.85)])
    assert found[0].status == "insufficient_data"
    assert found[0].n_needed == 5
    assert (found[0].recall.lower, found[0].precision.lower) == (0, 0)
    assert [t.status for t in found[1:]] == ["certified", "certified"]


def test_a_shrunk_threshold_lies_between_its_own_and_its_siblings():
    """With n positives of its own a class weighs n against 20 for the others, in logits."""
    own, other = 0.3, 0.7
    scores_a, scores_b = np.full(10, own), np.full(100, other)
    p = np.zeros((110, 2), dtype=np.float32)
    p[:10, 0], p[10:, 1] = scores_a, scores_b
    p[:10, 1], p[10:, 0] = 1 - own, 1 - other
    labels = np.repeat([0, 1], [10, 100])
    found = fit_thresholds(p, labels, TWO, [Target("rare", recall=0.8)])[0]
    z = (10 * np.log(own / (1 - own)) + 20 * np.log(other / (1 - other))) / 30
    assert found.threshold == pytest.approx(1 / (1 + np.exp(-z)), abs=1e-6)


def test_a_class_without_any_positive_gets_the_threshold_of_its_siblings():
    """Nothing of its own to weigh; the estimate is None, not a number."""
    p = np.full((50, 2), 0.5, dtype=np.float32)
    found = fit_thresholds(p, np.ones(50, dtype=np.int64), TWO)[0]
    assert found.status == "insufficient_data"
    assert found.threshold == pytest.approx(0.5)
    assert found.recall.estimate is None
    assert found.n_needed == 11


@given(seed=st.integers(0, 500))
@settings(max_examples=25, deadline=None)
def test_every_threshold_is_a_float32(seed: int):
    """A threshold read back from JSON compares with float32 probabilities as it did when it was fitted."""
    p, labels = _two_classes(200, share=0.1, distance=1.0, seed=seed)
    for target in ("rare:recall=0.85", "rare:recall=0.6,precision=0.5", "rare:precision=0.5"):
        for found in fit_thresholds(p, labels, TWO, [parse_target(target)]):
            assert float(np.float32(found.threshold)) == found.threshold
            assert 0 < found.threshold <= 1


def test_an_undeclared_class_passes_at_even_odds_and_keeps_its_claim():
    """Where the default target would allow a higher threshold, one half is used."""
    labels = np.repeat(np.array([0, 1]), 200)
    p = np.where(labels == 1, 0.95, 0.02).astype(np.float32) + np.linspace(0, 0.04, 400, dtype=np.float32)
    probabilities = np.stack([1 - p, p], axis=1).astype(np.float32)
    classes = ("common", "rare")
    (_, default) = fit_thresholds(probabilities, labels, classes)
    (_, declared) = fit_thresholds(probabilities, labels, classes, (Target("rare", recall=0.8),))
    assert default.threshold == 0.5
    assert declared.threshold > 0.95
    assert default.status == declared.status == "certified"
    assert default.recall.lower == declared.recall.lower
    assert default.recall.estimate == 1.0
