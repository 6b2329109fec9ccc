"""The thresholds of a fixed sequence have their precision, whatever the population looks like."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import binom

from model_store.promises.bounds import lower_bound
from model_store.promises.class_rows import ClassRows
from model_store.promises.sequence import certified_thresholds, sequence
from model_store.promises.targets import Target
from tests.support.rare_class import truth, two_classes

Scores = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


def rows(scores: Scores, positive: Flags, precision: float) -> ClassRows:
    """Return what is asked on these rows; delta is passed to the sequence itself."""
    return ClassRows(
        name="a",
        scores=scores,
        positive=positive,
        target=Target("a", precision=precision, certify=True),
        delta=0.1,
        proves=True,
    )


def limit(draws: int, delta: float = 0.1) -> float:
    """Return delta and three standard errors."""
    return delta + 3 * (delta * (1 - delta) / draws) ** 0.5


def test_the_sequence_falls_from_half_a_logit_above_the_precision():
    """It depends on what is asked and on nothing else, and holds float32 values without repeats."""
    tested = sequence(0.6)
    assert tested.dtype == np.float32
    assert (np.diff(tested) < 0).all()
    assert tested[0] == pytest.approx(float(expit(np.log(0.6 / 0.4) + 0.5)), abs=1e-6)
    assert tested[-1] < 0.01
    assert ((sequence(0.999) > 0) & (sequence(0.999) <= 1)).all()


def test_a_sequence_by_hand():
    """Thirty hits of thirty pass at the first threshold; five misses below it end the walk."""
    tested = sequence(0.8)
    scores = np.concatenate([np.full(30, 0.95), np.full(5, float(tested[4]))]).astype(np.float32)
    positive = np.arange(35) < 30
    assert binom.sf(29, 30, 0.8) <= 0.1 < binom.sf(29, 35, 0.8)
    assert certified_thresholds(rows(scores, positive, 0.8), 0.8, 0.1).tolist() == tested[:4].tolist()
    # At delta .0001 thirty hits prove nothing: .8 ** 30 is .0012.
    assert len(certified_thresholds(rows(scores, positive, 0.8), 0.8, 0.0001)) == 0


def test_without_a_row_above_the_start_nothing_is_certified():
    """Too few flagged is a failed test, not one that is skipped: skipping would choose by the rows."""
    scores = np.full(500, 0.5, dtype=np.float32)
    assert len(certified_thresholds(rows(scores, np.ones(500, np.bool_), 0.8), 0.8, 0.1)) == 0


@given(seed=st.integers(0, 1_000), precision=st.sampled_from([0.5, 0.7, 0.9]))
@settings(max_examples=30, deadline=None)
def test_every_certified_threshold_is_of_the_sequence_and_passes_alone(seed: int, precision: float):
    """Each is rejected at the full delta, so its pointwise bound reaches the precision as well."""
    p, labels = two_classes(1_500, share=0.2, distance=2.5, seed=seed)
    tested = sequence(precision)
    found = certified_thresholds(rows(p[:, 0], labels == 0, precision), precision, 0.1)
    assert found.tolist() == tested[: len(found)].tolist()
    for threshold in found:
        flagged = p[:, 0] >= threshold
        assert lower_bound(int((flagged & (labels == 0)).sum()), int(flagged.sum()), 0.1) >= precision - 1e-9


@given(seed=st.integers(0, 1_000), which=st.data())
@settings(max_examples=30, deadline=None)
def test_positives_taken_away_certify_no_more(seed: int, which: st.DataObject):
    """Any of them: a hit less is weaker evidence wherever it was flagged."""
    p, labels = two_classes(1_000, share=0.2, distance=2.5, seed=seed)
    own = np.flatnonzero(labels == 0)
    gone = which.draw(st.sets(st.sampled_from(own.tolist()), max_size=len(own) // 2))
    kept = np.setdiff1d(np.arange(len(labels)), sorted(gone))
    before = certified_thresholds(rows(p[:, 0], labels == 0, 0.7), 0.7, 0.1)
    after = certified_thresholds(rows(p[kept, 0], labels[kept] == 0, 0.7), 0.7, 0.1)
    assert len(after) <= len(before)


def test_the_claim_holds_on_a_known_population():
    """Lower thresholds fall short of the precision by little; the claim fails within delta."""
    draws, wrong, claimed = 1_000, 0, 0
    for seed in range(draws):
        p, labels = two_classes(900, share=0.2, distance=2.0, seed=seed)
        found = certified_thresholds(rows(p[:, 0], labels == 0, 0.75), 0.75, 0.1)
        claimed += len(found) > 0
        wrong += any(truth(float(t), share=0.2, distance=2.0)[1] < 0.75 for t in found[-1:])
    assert wrong / draws <= limit(draws)
    assert wrong / draws > 0.02  # not so careful as to be useless
    assert claimed / draws > 0.8


POPULATIONS = {
    # value: (share of the items, rate of positives). The precision asked for is .6; the first threshold .71.
    "just below everywhere": dict.fromkeys(np.linspace(0.95, 0.15, 10).round(3).tolist(), (0.1, 0.598)),
    "falls below at the top, then rises": {0.9: (0.2, 0.598), 0.65: (0.4, 0.8), 0.4: (0.4, 0.2)},
    "rises and falls": {
        0.95: (0.1, 0.62),
        0.69: (0.1, 0.57),
        0.66: (0.1, 0.75),
        0.6: (0.1, 0.4),
        0.5: (0.2, 0.68),
        0.3: (0.4, 0.3),
    },
}


@pytest.mark.parametrize("name", POPULATIONS)
def test_the_claim_holds_where_precision_does_not_fall_with_the_threshold(name: str):
    """No monotone score is assumed: of 1,500 draws at most delta certify any threshold that is too low.

    Taking the best of the same candidates, each by its own bound, fails far more often somewhere.
    """
    population = POPULATIONS[name]
    values = np.array(list(population), dtype=np.float32)
    shares, rates = (np.array(each) for each in zip(*population.values(), strict=True))
    tested = sequence(0.6)
    reached = values >= tested[:, None]
    exact = (reached * shares * rates).sum(axis=1) / (reached * shares).sum(axis=1)
    rng = np.random.default_rng(3)
    draws, wrong, picked_wrong = 1_500, 0, 0
    for _ in range(draws):
        which = rng.choice(len(values), 400, p=shares)
        own = rows(values[which], rng.random(400) < rates[which], 0.6)
        wrong += bool((exact[: len(certified_thresholds(own, 0.6, 0.1))] < 0.6).any())
        tallies = [own.precision_at(float(t)) for t in np.unique(values)]
        passing = [t.lower(0.1) >= 0.6 for t in tallies]
        lowest = np.unique(values)[passing.index(True)] if any(passing) else None
        picked_wrong += lowest is not None and exact[np.argmax(tested <= lowest)] < 0.6
    assert wrong / draws <= limit(draws)
    if name == "just below everywhere":
        assert wrong / draws > 0.05
        assert picked_wrong / draws > 0.2
