"""Tests of `model_store.promises.precision`."""

import numpy as np
import pytest

from model_store.promises.bounds import lower_bound
from model_store.promises.guarantees import fit_thresholds
from model_store.promises.sequence import sequence
from model_store.promises.targets import parse_target
from tests.support.rare_class import TWO, one_column, rare, truth, two_classes


def test_precision_is_not_certified_unless_asked():
    """It is read at many candidates: empirical at best, with the most recall that its bound allows."""
    p, labels = two_classes(4_000, share=0.3, distance=3.0, seed=6)
    found = rare(p, labels, "rare:precision=0.9")
    assert found.status == "empirical"
    assert found.precision.lower >= 0.9
    lower = np.unique(p[p[:, 0] < found.threshold, 0])
    for t in lower:
        flagged = p[:, 0] >= t
        assert float(lower_bound(int((flagged & (labels == 0)).sum()), flagged.sum(), 0.1)) < 0.9


def test_an_unreachable_precision_is_infeasible_and_acts_on_precision():
    """Asked for precision only, it does not flood: it takes the best bound there is."""
    p, labels = two_classes(2_000, share=0.1, distance=0.5, seed=7)
    found = rare(p, labels, "rare:precision=0.95")
    assert found.status == "infeasible"
    assert found.frontier is not None
    assert found.frontier[-1].goal == "highest_precision"


def test_a_certified_precision_takes_the_last_threshold_of_the_sequence_that_passes():
    """The most recall that is proved; its bound is what was tested and not what it looks like."""
    p, labels = two_classes(4_000, share=0.3, distance=3.0, seed=6)
    found = rare(p, labels, "rare:precision=0.9,certify=true")
    assert found.status == "certified"
    assert found.threshold in sequence(0.9)
    assert found.precision.lower == 0.9
    assert found.precision.estimate is not None
    assert found.precision.estimate > 0.9
    measured = rare(p, labels, "rare:precision=0.9")
    assert measured.status == "empirical"
    assert found.recall.estimate == pytest.approx(measured.recall.estimate, abs=0.05)


def test_a_precision_that_cannot_be_proved_is_measured():
    """Asked to certify with rows that are too few, it does what it does otherwise and says so."""
    p, labels = two_classes(120, share=0.3, distance=1.5, seed=2)
    proved, measured = (rare(p, labels, f"rare:precision=0.7{c}") for c in (",certify=true", ""))
    assert proved.status == measured.status == "empirical"
    assert (proved.threshold, proved.precision) == (measured.threshold, measured.precision)


def test_rows_that_are_no_sample_prove_no_precision():
    """However many they are: the same rows certify when they are a sample."""
    p, labels = two_classes(4_000, share=0.3, distance=3.0, seed=6)
    target = parse_target("rare:precision=0.9,certify=true")
    found = fit_thresholds(p, labels, TWO, [target], sample=False)[0]
    assert found.status == "empirical"
    assert fit_thresholds(p, labels, TWO, [target])[0].status == "certified"


def test_a_certified_precision_holds_on_a_known_population():
    """Over 600 draws the claim fails within delta and three standard errors, and is made in most."""
    draws, claimed, wrong = 600, 0, 0
    for seed in range(draws):
        p, labels = two_classes(1_500, share=0.1, distance=2.2, seed=seed)
        found = rare(p, labels, "rare:precision=0.7,certify=true")
        claimed += found.status == "certified"
        wrong += found.status == "certified" and truth(found.threshold, share=0.1, distance=2.2)[1] < 0.7
    assert wrong / draws <= 0.1 + 3 * (0.1 * 0.9 / draws) ** 0.5
    assert claimed / draws > 0.8
    assert wrong > 0


def test_a_precision_of_too_few_flagged_rows_is_infeasible_without_a_frontier():
    """Nine rows in all: there is nothing to read a precision at."""
    scores = np.linspace(0.9, 0.5, 9, dtype=np.float32)
    found = rare(one_column(scores), np.zeros(9, dtype=np.int64), "rare:precision=0.5")
    assert (found.status, found.frontier) == ("infeasible", ())


def test_a_confidence_of_its_own_moves_the_threshold():
    """A claim that may fail more seldom starts higher."""
    p, labels = two_classes(3_000, share=0.3, distance=2.5, seed=6)
    sure = rare(p, labels, "rare:precision=0.8,certify=true,confidence=0.99")
    usual = rare(p, labels, "rare:precision=0.8,certify=true")
    assert (sure.delta, usual.delta) == (0.01, 0.1)
    assert sure.threshold > usual.threshold
