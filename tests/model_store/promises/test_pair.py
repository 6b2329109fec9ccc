"""Tests of `model_store.promises.pair`."""

import numpy as np
import pytest
from scipy.stats import norm

from model_store.promises.bounds import lower_bound
from tests.support.rare_class import one_column, rare, truth, two_classes


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
        p, labels = two_classes(1_500, share=share, distance=distance, seed=seed)
        found = rare(p, labels, f"rare:recall={recall},precision={precision}")
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
    p, labels = two_classes(6_000, share=0.3, distance=4.0, seed=1)
    found = rare(p, labels, "rare:recall=0.85,precision=0.85")
    assert found.status == "certified"
    assert found.recall.lower >= 0.85
    assert found.precision.lower >= 0.85
    assert found.frontier is None


def test_a_certified_pair_spends_half_of_delta_on_each():
    """The recall's bound is the one that a recall alone would have at delta / 2."""
    p, labels = two_classes(6_000, share=0.3, distance=4.0, seed=1)
    pair = rare(p, labels, "rare:recall=0.85,precision=0.85", delta=0.1)
    alone = rare(p, labels, "rare:recall=0.85", delta=0.05)
    assert (pair.threshold, pair.recall) == (alone.threshold, alone.recall)
    assert pair.threshold < rare(p, labels, "rare:recall=0.85", delta=0.1).threshold


def test_a_certified_precision_bound_is_below_the_pointwise_one():
    """The exact bound pays for having chosen the threshold on the same rows."""
    p, labels = two_classes(6_000, share=0.3, distance=4.0, seed=1)
    found = rare(p, labels, "rare:recall=0.85,precision=0.85")
    flagged = p[:, 0] >= found.threshold
    hits = int((flagged & (labels == 0)).sum())
    assert found.precision.estimate == pytest.approx(hits / flagged.sum())
    assert found.precision.lower < float(lower_bound(hits, flagged.sum(), 0.05))


def test_a_pair_that_only_just_passes_is_empirical():
    """Without a proof the threshold with the largest smaller slack is taken, and the status says so."""
    p, labels = two_classes(1_000, share=0.3, distance=2.5, seed=4)
    found = rare(p, labels, "rare:recall=0.85,precision=0.8")
    assert found.status == "empirical"
    assert found.recall.estimate is not None
    assert found.recall.estimate >= 0.85
    assert found.precision.estimate is not None
    assert found.precision.estimate >= 0.8


def test_an_unreachable_pair_is_infeasible_with_its_frontier():
    """It acts recall-first at full delta and says what either target would cost."""
    p, labels = two_classes(3_000, share=0.06, distance=1.2, seed=3)
    found = rare(p, labels, "rare:recall=0.85,precision=0.6")
    alone = rare(p, labels, "rare:recall=0.85")
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


HARD = {"share": 0.06, "distance": 2.0}
NEITHER = "rare:recall=0.85,precision=0.6"


def test_precision_first_acts_on_the_precision_of_an_unreachable_pair():
    """Same frontier, same status as recall first; what is kept is the precision at full delta."""
    p, labels = two_classes(3_000, **HARD, seed=3)
    recall_first, found = rare(p, labels, NEITHER), rare(p, labels, f"{NEITHER},priority=precision_first")
    alone = rare(p, labels, "rare:precision=0.6")
    assert found.status == recall_first.status == "infeasible"
    assert found.frontier == recall_first.frontier
    assert (found.threshold, found.precision) == (alone.threshold, alone.precision)
    assert found.threshold > recall_first.threshold
    proved = rare(p, labels, f"{NEITHER},priority=precision_first,certify=true")
    assert (proved.status, proved.precision.lower) == ("infeasible", 0.6)


@pytest.mark.parametrize("priority", ["recall_first", "precision_first", "abstain"])
def test_a_priority_changes_nothing_where_both_can_be_had(priority: str):
    """It says what to give up, and here nothing is."""
    p, labels = two_classes(6_000, share=0.3, distance=4.0, seed=1)
    found = rare(p, labels, f"rare:recall=0.85,precision=0.85,priority={priority}")
    usual = rare(p, labels, "rare:recall=0.85,precision=0.85")
    assert (found.status, found.threshold, found.recall, found.precision) == (
        "certified",
        usual.threshold,
        usual.recall,
        usual.precision,
    )
    assert found.review_from is None


def test_abstaining_keeps_both_with_two_thresholds():
    """The upper one has the precision, the lower one the recall at delta / 2; people see what is between."""
    p, labels = two_classes(3_000, **HARD, seed=3)
    found = rare(p, labels, f"{NEITHER},priority=abstain,certify=true")
    low = rare(p, labels, "rare:recall=0.85", delta=0.05)
    high = rare(p, labels, "rare:precision=0.6,certify=true", delta=0.05)
    assert found.status == low.status == high.status == "certified"
    assert (found.review_from, found.recall) == (low.threshold, low.recall)
    assert (found.threshold, found.precision) == (high.threshold, high.precision)
    share = float(((p[:, 0] >= low.threshold) & (p[:, 0] < high.threshold)).mean())
    assert found.review_share is not None
    assert found.review_share.estimate == pytest.approx(share)
    assert 0 < found.review_share.lower < share < found.review_share.upper < 1


def test_abstaining_without_a_proof_is_empirical():
    """The recall is as exact as ever, but one status stands for both and is that of the weaker half."""
    p, labels = two_classes(3_000, **HARD, seed=3)
    found = rare(p, labels, f"{NEITHER},priority=abstain")
    assert found.status == "empirical"
    assert found.recall == rare(p, labels, "rare:recall=0.85", delta=0.05).recall
    assert found.threshold == rare(p, labels, "rare:precision=0.6", delta=0.05).threshold


def test_abstaining_from_a_precision_that_nothing_has_leaves_all_to_people():
    """Nothing short of certainty is called; the recall still holds for what is left to people."""
    p, labels = two_classes(3_000, share=0.06, distance=0.8, seed=3)
    found = rare(p, labels, "rare:recall=0.85,precision=0.9,priority=abstain")
    assert (found.status, found.threshold) == ("infeasible", 1.0)
    assert found.frontier
    assert found.review_from == rare(p, labels, "rare:recall=0.85", delta=0.05).threshold
    assert found.review_share is not None
    assert found.review_share.estimate == pytest.approx(float((p[:, 0] >= found.review_from).mean()))
    assert found.recall.lower >= 0.85


def test_abstaining_needs_no_second_threshold_where_the_precision_holds_low_enough():
    """The sequence certifies below the recall's threshold: the highest such threshold has both."""
    p, labels = two_classes(6_000, share=0.3, distance=4.0, seed=1)
    found = rare(p, labels, "rare:recall=0.85,precision=0.7,priority=abstain,certify=true")
    assert found.status == "certified"
    assert (found.review_from, found.review_share) == (None, None)
    low = rare(p, labels, "rare:recall=0.85", delta=0.05)
    assert found.threshold <= low.threshold
    assert found.recall.lower == low.recall.lower
    assert (found.recall.estimate or 0) >= (low.recall.estimate or 0)


def test_certified_abstentions_hold_on_a_known_population():
    """Recall of what is flagged or left to people and precision of what is flagged: both, within delta."""
    draws, claimed, wrong = 500, 0, 0
    for seed in range(draws):
        p, labels = two_classes(1_500, share=0.1, distance=2.0, seed=seed)
        found = rare(p, labels, "rare:recall=0.85,precision=0.65,priority=abstain,certify=true")
        if found.status != "certified":
            continue
        claimed += 1
        low = found.threshold if found.review_from is None else found.review_from
        recall, _ = truth(low, share=0.1, distance=2.0)
        _, precision = truth(found.threshold, share=0.1, distance=2.0)
        wrong += recall < 0.85 or precision < 0.65
    assert wrong / draws <= 0.1 + 3 * (0.1 * 0.9 / draws) ** 0.5
    assert claimed / draws > 0.7
    assert wrong > 0


def test_a_missed_positive_less_can_make_a_pair_possible():
    """Why `status never improves` stops at pairs: without its hard cases a class is an easier one."""
    easy, hard = np.full(100, 0.9), np.full(20, 0.05)
    others = np.concatenate([np.full(10, 0.9), np.full(400, 0.05)])
    p = np.concatenate([easy, hard, others]).astype(np.float32)
    labels = (np.arange(len(p)) >= 120).astype(np.int64)
    target = "rare:recall=0.9,precision=0.6"
    assert rare(one_column(p), labels, target).status == "infeasible"
    kept = np.r_[0:100, 120 : len(p)]
    assert rare(one_column(p[kept]), labels[kept], target).status == "certified"
