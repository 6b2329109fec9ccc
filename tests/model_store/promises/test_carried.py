"""Tests of `model_store.promises.carried`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from model_store.promises.carried import LabelledScores, carried_thresholds
from model_store.promises.guarantees import fit_thresholds
from model_store.promises.targets import Target
from model_store.promises.thresholds import ClassThreshold

CLASSES = ("fraud", "ham")
KNOWN, MOVED, HAM = (6.0, 2.0), (3.0, 4.0), (2.0, 6.0)
DELTA = 0.1


def scores(rng: np.random.Generator, n: int, *, moved: float, fraud: float = 0.1) -> LabelledScores:
    """Return n rows, a share of them fraud, of which a share is worded so that the model is unsure."""
    labels = np.where(rng.random(n) < fraud, 0, 1)
    odd = rng.random(n) < moved
    p = np.where(labels == 1, rng.beta(*HAM, n), np.where(odd, rng.beta(*MOVED, n), rng.beta(*KNOWN, n)))
    return LabelledScores(np.stack([p, 1 - p], axis=1).astype(np.float32), labels)


def recall(threshold: float, *, moved: float) -> float:
    """Return the share of fraud that scores at least so much."""
    return float((1 - moved) * beta.sf(threshold, *KNOWN) + moved * beta.sf(threshold, *MOVED))


def carried(earlier: LabelledScores, explored: LabelledScores, *targets: Target) -> ClassThreshold:
    """Return the threshold of fraud."""
    return carried_thresholds(earlier, explored, CLASSES, targets, delta=DELTA)[0]


@pytest.mark.parametrize("targets", [(Target("fraud", recall=0.85),), ()], ids=["declared", "default"])
def test_a_certified_recall_is_wrong_as_rarely_as_it_says(targets: tuple[Target, ...]) -> None:
    """With half of the fraud worded anew, and rows of before that promise far too much."""
    rng, runs = np.random.default_rng(7), 400
    asked = targets[0].recall if targets else 0.8
    certified = violated = naive = 0
    for _ in range(runs):
        earlier, explored = scores(rng, 1_500, moved=0.0), scores(rng, 300, moved=0.5)
        found = carried(earlier, explored, *targets)
        before = fit_thresholds(earlier.probabilities, earlier.labels, CLASSES, targets, delta=DELTA)[0]
        certified += found.status == "certified"
        violated += found.status == "certified" and recall(found.threshold, moved=0.5) < asked
        naive += before.status == "certified" and recall(before.threshold, moved=0.5) < asked
    assert violated <= DELTA * runs + 2 * np.sqrt(runs * DELTA * (1 - DELTA))
    if targets:
        assert certified > 0.9 * runs
    assert naive > 0.9 * runs


def test_without_explored_rows_nothing_is_certified() -> None:
    """The thresholds are those of the rows of before, which is all that is known."""
    rng = np.random.default_rng(1)
    earlier, target = scores(rng, 2_000, moved=0.0), Target("fraud", recall=0.85)
    before = fit_thresholds(earlier.probabilities, earlier.labels, CLASSES, (target,))[0]
    found = carried(earlier, scores(rng, 0, moved=0.0), target)
    assert (before.status, found.status) == ("certified", "empirical")
    assert found.threshold == before.threshold


def test_too_few_explored_positives_leave_the_threshold() -> None:
    """Five of them would put it anywhere."""
    rng = np.random.default_rng(2)
    earlier, target = scores(rng, 2_000, moved=0.0), Target("fraud", recall=0.85)
    alone = carried(earlier, scores(rng, 0, moved=0.0), target)
    assert carried(earlier, scores(rng, 50, moved=0.5), target) == alone


def test_a_default_keeps_its_threshold_and_is_tested_there() -> None:
    """Nobody asked for another one; the positives it rests on are the explored ones."""
    rng = np.random.default_rng(3)
    earlier, explored = scores(rng, 2_000, moved=0.0), scores(rng, 1_000, moved=0.0)
    kept = carried(earlier, scores(rng, 0, moved=0.0))
    found = carried(earlier, explored)
    assert (found.status, found.threshold) == ("certified", kept.threshold)
    positives = int((explored.labels == 0).sum())
    assert found.n_positive == {"threshold": positives, "explored": positives}
    hits = (explored.probabilities[explored.labels == 0, 0] >= np.float32(kept.threshold)).mean()
    assert found.recall.estimate == pytest.approx(hits)
    assert found.recall.lower >= 0.8


def test_weights_that_differ_certify_nothing() -> None:
    """They make estimates."""
    rng = np.random.default_rng(4)
    earlier, explored = scores(rng, 500, moved=0.0), scores(rng, 400, moved=0.0)
    uneven = LabelledScores(explored.probabilities, explored.labels, rng.uniform(1, 2, len(explored)))
    found = carried_thresholds(earlier, uneven, CLASSES, (Target("fraud", recall=0.85),), delta=DELTA)
    assert {t.status for t in found} <= {"empirical", "insufficient_data"}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 200),
    recalled=st.sampled_from([0.6, 0.85, 0.95]),
    precise=st.sampled_from([None, 0.3, 0.8]),
)
def test_what_is_certified_is_shown_by_explored_rows(
    seed: int, n: int, recalled: float, precise: float | None
) -> None:
    """Its lower bound reaches what was asked, and there are explored positives behind it."""
    rng = np.random.default_rng(seed)
    target = Target("fraud", recall=recalled, precision=precise)
    for t in carried_thresholds(
        scores(rng, 300, moved=0.0), scores(rng, n, moved=0.5), CLASSES, (target,), delta=DELTA
    ):
        if t.status == "certified":
            assert t.n_positive["explored"] > 0
            assert t.recall.lower >= (t.target.recall or 0) - 1e-9
