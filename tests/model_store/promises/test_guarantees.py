"""What holds of every threshold, whatever was asked: invariances, statuses, joint claims, labels, weights."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm

from model_store.errors import RowsError, TargetError
from model_store.promises.guarantees import fit_thresholds
from model_store.promises.targets import Target, parse_target
from model_store.promises.thresholds import STATUSES, ClassThreshold
from tests.support.rare_class import TWO, one_column, rare, two_classes

RECALL: Final = "rare:recall=0.85"
PRECISION: Final = "rare:precision=0.7"
PAIR: Final = "rare:recall=0.7,precision=0.5"
CERTIFY: Final = ",certify=true"
ABSTAIN: Final = ",priority=abstain"
FORMS: Final = [
    RECALL,
    PRECISION,
    PRECISION + CERTIFY,
    PAIR,
    PAIR + ",priority=precision_first",
    PAIR + ABSTAIN,
    PAIR + ABSTAIN + CERTIFY,
]
# Those that read scores by their order alone: `certify` tests thresholds that were fixed as probabilities.
BY_ORDER: Final = [form for form in FORMS if CERTIFY not in form]
CHANGES: Final = {
    "a power of two": lambda p: np.ldexp(p, -3),
    "squared": np.square,
    "a root": np.sqrt,
    "logits, steeper": lambda p: expit(2 * np.log(p / (1 - p)) - 1).astype(np.float32),
}

Scores = npt.NDArray[np.float32]


def spaced(n: int, seed: int) -> tuple[Scores, npt.NDArray[np.int64]]:
    """Return probabilities on a grid, ties among them, and labels that follow them.

    Neighbours are further apart than what a threshold is lowered by for rounding, before a change and after.
    """
    rng = np.random.default_rng(seed)
    p = (rng.integers(8, 249, n) / 256).astype(np.float32)
    return p, (rng.random(n) >= p**2).astype(np.int64)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("form", BY_ORDER)
@given(seed=st.integers(0, 1_000), n=st.integers(60, 600))
@settings(max_examples=8, deadline=None)
def test_thresholds_follow_an_increasing_change_of_scores(form: str, change: str, seed: int, n: int):
    """The same rows are flagged or left to people, with the same status and the same bounds."""
    p, labels = spaced(n, seed)
    changed = CHANGES[change](p)
    assert len(np.unique(changed)) == len(np.unique(p))
    before, after = rare(one_column(p), labels, form), rare(one_column(changed), labels, form)
    if before.status == "insufficient_data":
        return  # shrunk in logits, towards classes that are not changed with it
    assert after.status == before.status
    assert (after.recall, after.precision, after.review_share) == (
        before.recall,
        before.precision,
        before.review_share,
    )
    assert ((changed >= np.float32(after.threshold)) == (p >= np.float32(before.threshold))).all()
    if before.review_from is not None and after.review_from is not None:
        assert ((changed >= np.float32(after.review_from)) == (p >= np.float32(before.review_from))).all()


def strength(found: ClassThreshold) -> int:
    """Return how much a status says; more is stronger."""
    return -STATUSES.index(found.status)


@pytest.mark.parametrize("form", [RECALL, PRECISION, PRECISION + CERTIFY])
@given(seed=st.integers(0, 1_000), positives=st.integers(1, 80), shift=st.floats(0, 3), data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_status_never_improves_when_any_positives_are_removed(
    form: str, seed: int, positives: int, shift: float, data: st.DataObject
):
    """One claim alone, recall or precision: whichever positives go, what is left says no more."""
    rng = np.random.default_rng(seed)
    p = expit(rng.normal(0, 1, positives + 150) + shift * (np.arange(positives + 150) < positives))
    p = p.astype(np.float32)
    labels = (np.arange(len(p)) >= positives).astype(np.int64)
    gone = data.draw(st.sets(st.integers(0, positives - 1), min_size=1))
    kept = np.setdiff1d(np.arange(len(p)), sorted(gone))
    before = rare(one_column(p), labels, form)
    after = rare(one_column(p[kept]), labels[kept], form)
    assert strength(after) <= strength(before)


@pytest.mark.parametrize("form", FORMS)
@given(seed=st.integers(0, 1_000), positives=st.integers(1, 120), shift=st.floats(0, 4), removed=st.data())
@settings(max_examples=25, deadline=None)
def test_no_status_improves_when_the_surest_positives_are_removed(
    form: str, seed: int, positives: int, shift: float, removed: st.DataObject
):
    """Pairs as well, from the highest score on. Of others it is not true: see `test_pair`."""
    rng = np.random.default_rng(seed)
    p = expit(rng.normal(0, 1, positives + 150) + shift * (np.arange(positives + 150) < positives))
    p = p.astype(np.float32)
    p[:positives] = np.sort(p[:positives])[::-1]
    labels = (np.arange(len(p)) >= positives).astype(np.int64)
    gone = removed.draw(st.integers(1, positives))
    before = rare(one_column(p), labels, form)
    after = rare(one_column(p[gone:]), labels[gone:], form)
    assert strength(after) <= strength(before)


@given(seed=st.integers(0, 1_000), order=st.permutations(range(4)))
@settings(max_examples=25, deadline=None)
def test_thresholds_of_permuted_classes_are_permuted(seed: int, order: list[int]):
    """To the last bit, shrunk ones included: nothing depends on which class comes first."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(4, 400, p=[0.5, 0.3, 0.196, 0.004])
    z = rng.normal(0, 1, (400, 4)) + 2 * (labels[:, None] == np.arange(4))
    p = (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)).astype(np.float32)
    names = ("a", "b", "c", "d")
    targets = [
        parse_target("a:recall=0.8,precision=0.7,priority=abstain"),
        parse_target("b:precision=0.7,certify=true"),
    ]
    usual = fit_thresholds(p, labels, names, targets, joint=True)
    where = np.argsort(order)
    permuted = fit_thresholds(
        p[:, order], where[labels], [names[k] for k in order], targets[::-1], joint=True
    )
    assert permuted == tuple(usual[k] for k in order)
    assert usual[3].status == "insufficient_data"


@pytest.mark.parametrize("target", ["rare:recall=0.85", "rare:recall=0.85,precision=0.5"])
def test_a_text_sent_over_and_over_is_flagged_however_its_probability_rounds(target: str):
    """Forty of a hundred positives are one text, and the threshold ties with it: alone it may round lower."""
    p = np.repeat(np.array([0.9, 0.3, 0.1], np.float32), [60, 40, 100])
    labels = (np.arange(200) >= 100).astype(np.int64)
    found = rare(np.stack([p, 1 - p], axis=1), labels, target)
    assert found.status == "certified"
    alone = np.nextafter(p, np.float32(0))
    assert (alone[:100] >= np.float32(found.threshold)).all()
    assert not (p[100:] >= np.float32(found.threshold)).any()


@given(seed=st.integers(0, 500))
@settings(max_examples=25, deadline=None)
def test_every_threshold_is_a_float32(seed: int):
    """A threshold read back from JSON compares with float32 probabilities as it did when it was fitted."""
    p, labels = two_classes(200, share=0.1, distance=1.0, seed=seed)
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


def _three(n: int, *, seed: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return three labels an item, independent of each other; positives' logits are N(1, 1)."""
    rng = np.random.default_rng(seed)
    matrix = rng.random((n, 3)) < 0.3
    return expit(rng.normal(0, 1, (n, 3)) + matrix - ~matrix).astype(np.float32), matrix


def test_joint_claims_hold_together():
    """Some of three recalls is wrong in at most delta of the draws; at delta each, in far more."""
    draws, wrong = 400, {True: 0, False: 0}
    targets = [Target(name, recall=0.85) for name in "abc"]
    for seed in range(draws):
        p, matrix = _three(200, seed=seed)
        for joint in wrong:
            found = fit_thresholds(p, matrix, "abc", targets, joint=joint)
            assert all(t.status == "certified" for t in found)
            logits = np.array([np.log(t.threshold / (1 - t.threshold)) for t in found])
            wrong[joint] += bool((norm.sf(logits - 1) < 0.85).any())
    most = 0.1 + 3 * (0.1 * 0.9 / draws) ** 0.5
    assert 0.02 < wrong[True] / draws <= most < wrong[False] / draws


def test_a_joint_claim_takes_more_positives():
    """The least n follows what each class may fail with: 15 alone, 27 with eight classes together."""
    names = tuple("abcdefgh")
    p = np.full((20, 8), 0.5, dtype=np.float32)
    labels = np.zeros(20, dtype=np.int64)
    targets = [Target("a", recall=0.85)]
    alone, together = (fit_thresholds(p, labels, names, targets, joint=joint)[0] for joint in (False, True))
    assert (alone.status, alone.delta) == ("certified", 0.1)
    assert (together.status, together.delta) == ("insufficient_data", 0.1 / 8)
    assert together.n_needed == 27 - 20


def test_a_confidence_of_its_own_is_that_of_the_class_alone():
    """A class whose claim may fail more seldom gets the threshold of that delta."""
    p, labels = two_classes(2_000, share=0.1, distance=2.0, seed=1)
    own = rare(p, labels, f"{RECALL},confidence=0.99")
    assert own.delta == 0.01
    assert own.threshold == rare(p, labels, RECALL, delta=0.01).threshold
    with pytest.raises(TargetError, match="use up"):
        fit_thresholds(p, labels, TWO, [parse_target(f"{RECALL},confidence=0.9")], joint=True)


def test_every_label_of_several_is_fitted_on_its_own():
    """A column of a label matrix gives what the same column gives as one class against the rest."""
    p, matrix = _three(400, seed=1)
    targets = [parse_target(f"{name}:recall=0.8,precision=0.5,priority=abstain") for name in "abc"]
    together = fit_thresholds(p, matrix, "abc", targets)
    for k, name in enumerate("abc"):
        single = fit_thresholds(p[:, [k]], matrix[:, [k]], name, [targets[k]])
        assert single == (together[k],)


def test_one_label_an_item_is_the_same_in_either_form():
    """Class numbers and the matrix of them say the same."""
    p, labels = two_classes(800, share=0.2, distance=2.0, seed=1)
    matrix = labels[:, None] == np.arange(2)
    assert fit_thresholds(p, matrix, TWO) == fit_thresholds(p, labels, TWO)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("how", ["not a sample", "unequal weights"])
def test_rows_that_are_no_sample_certify_nothing(form: str, how: str):
    """Enough rows for every form to be certified otherwise; what is left is what was measured."""
    p, labels = two_classes(6_000, share=0.3, distance=4.0, seed=1)
    weights = np.where(np.arange(6_000) % 3 == 0, 2.0, 1.0)
    target = [parse_target(form)]
    usual = fit_thresholds(p, labels, TWO, target)[0]
    found = fit_thresholds(
        p,
        labels,
        TWO,
        target,
        sample=how != "not a sample",
        weights=weights if how == "unequal weights" else None,
    )
    assert all(t.status != "certified" for t in found)
    assert usual.status == ("empirical" if form == PRECISION else "certified")
    assert found[0].status == "empirical"


@pytest.mark.parametrize("form", FORMS)
def test_equal_weights_are_no_weights(form: str):
    """At any scale: a claim stays certified."""
    p, labels = two_classes(3_000, share=0.3, distance=3.0, seed=1)
    weighted = fit_thresholds(p, labels, TWO, [parse_target(form)], weights=np.full(3_000, 7.5))
    assert weighted == fit_thresholds(p, labels, TWO, [parse_target(form)])


def test_a_row_of_weight_two_weighs_like_two_rows_less_what_it_knows():
    """Estimates are those of the rows written out; the bounds are wider, for a row is seen once."""
    p, labels = two_classes(1_500, share=0.3, distance=2.0, seed=5)
    twice = np.arange(1_500) % 2 == 0
    weighted = fit_thresholds(p, labels, TWO, [Target("rare", recall=0.7)], weights=1.0 + twice)[0]
    again = np.concatenate([np.arange(1_500), np.flatnonzero(twice)])
    flagged = p[again, 0] >= np.float32(weighted.threshold)
    own = labels[again] == 0
    assert weighted.recall.estimate == pytest.approx((flagged & own).sum() / own.sum())
    assert weighted.precision.estimate == pytest.approx((flagged & own).sum() / flagged.sum())
    written_out = fit_thresholds(p[again], labels[again], TWO, [Target("rare", recall=0.7)])[0]
    assert weighted.threshold <= written_out.threshold


def test_few_effective_positives_are_too_few():
    """A hundred rows of which one stands for nearly everything prove as little as one."""
    p, labels = two_classes(600, share=0.2, distance=2.0, seed=5)
    weights = np.ones(600)
    weights[np.flatnonzero(labels == 0)[0]] = 10_000.0
    found = fit_thresholds(p, labels, TWO, [parse_target(RECALL)], weights=weights)[0]
    assert (found.status, found.n_needed) == ("insufficient_data", 14)
    assert found.n_positive == {"threshold": int((labels == 0).sum())}


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (np.ones(3), r"weights of shape \(3,\): expected one for each of 40 rows"),
        (np.r_[np.ones(39), -1.0], "1 weights, the first of threshold row 40, are no finite number"),
        (np.r_[np.nan, np.ones(38), np.inf], "2 weights, the first of threshold row 1, are no finite"),
    ],
    ids=["shape", "negative", "not finite"],
)
def test_weights_that_say_nothing_are_refused(weights: npt.NDArray[np.float64], said: str):
    """One line with the row's number."""
    p, labels = two_classes(40, share=0.3, distance=2.0, seed=5)
    with pytest.raises(RowsError, match=said):
        fit_thresholds(p, labels, TWO, weights=weights)
