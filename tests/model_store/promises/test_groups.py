"""What rows in groups (near-duplicates, a thread, a user) may prove: no more than their groups do."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm

from model_store.errors import RowsError
from model_store.promises.bounds import running_squares
from model_store.promises.guarantees import fit_thresholds
from model_store.promises.targets import parse_target
from model_store.promises.thresholds import STATUSES, ClassThreshold
from tests.support.rare_class import TWO, one_column, two_classes

RECALL: Final = "rare:recall=0.8"
CERTIFY: Final = "rare:precision=0.7,certify=true"
PAIR: Final = "rare:recall=0.7,precision=0.5"
FORMS: Final = [
    RECALL,
    CERTIFY,
    PAIR,
    f"{PAIR},priority=abstain",
    f"{PAIR},priority=abstain,certify=true",
]

Numbers = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


def fitted(p: Scores, labels: Numbers, target: str, groups: Numbers | None) -> ClassThreshold:
    """Return the threshold of the rare class, whose probabilities are `p`."""
    return fit_thresholds(one_column(p), labels, TWO, [parse_target(target)], groups=groups)[0]


def repeated(sizes: Numbers, rng: np.random.Generator) -> tuple[Scores, Numbers, Numbers]:
    """Return positives in groups of one text each, with ten negatives far below; logits are N(0, 1)."""
    of = np.repeat(np.arange(len(sizes)), sizes)
    x = np.append(rng.normal(0, 1, len(sizes))[of], np.full(10, -5.0))
    labels = (np.arange(len(x)) >= len(of)).astype(np.int64)
    return expit(x).astype(np.float32), labels, np.append(of, len(sizes) + np.arange(10))


def misses(found: ClassThreshold, recall: float) -> bool:
    """Whether the population of such texts has less than that recall."""
    return bool(norm.sf(np.log(found.threshold / (1 - found.threshold))) < recall)


def shares(sizes: Numbers, *, draws: int, grouped: bool = True) -> tuple[float, float]:
    """Return in which share of the draws a recall of .8 is certified, and in which it is missed."""
    certified, missed = 0, 0
    for seed in range(draws):
        p, labels, groups = repeated(sizes, np.random.default_rng(seed))
        found = fitted(p, labels, RECALL, groups if grouped else None)
        assert found.status in ("certified", "empirical")
        certified, missed = certified + (found.status == "certified"), missed + misses(found, 0.8)
    return certified / draws, missed / draws


def most(draws: int) -> float:
    """Return a delta of .1 plus three standard errors."""
    return 0.1 + 3 * (0.1 * 0.9 / draws) ** 0.5


@pytest.mark.parametrize("size", [2, 3, 10])
def test_twenty_texts_prove_what_twenty_rows_do_however_often_they_come(size: int):
    """Nothing is certified, and the threshold misses as seldom as if each text had come once."""
    draws = 400
    certified, missed = shares(np.full(20, size), draws=draws)
    assert certified == 0
    assert 0.02 < missed <= most(draws)


def test_rows_counted_without_their_groups_miss_more_often_than_they_say():
    """What the groups are for: the same rows, taken for independent ones, would be a false claim."""
    draws = 400
    certified, missed = shares(np.full(20, 3), draws=draws, grouped=False)
    assert certified == 1
    assert missed > most(draws)


def test_groups_of_unequal_size_miss_about_as_seldom_as_said():
    """Of one, two and five rows, as threads are."""
    draws = 400
    certified, missed = shares(np.repeat([1, 2, 5], 15), draws=draws)
    assert certified == 0
    assert missed <= most(draws)


def test_a_few_repeats_leave_a_claim_certified_and_right():
    """Five pairs among two hundred positives: at most delta of the claims is wrong."""
    draws = 400
    certified, missed = shares(np.repeat([1, 2], [190, 5]), draws=draws)
    assert certified == 1
    assert missed <= most(draws)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sample", [True, False])
def test_groups_of_one_row_are_no_groups(form: str, *, sample: bool):
    """To the last bit, whatever the groups are called."""
    p, labels = two_classes(1_500, share=0.3, distance=3.0, seed=1)
    target, names = [parse_target(form)], np.random.default_rng(1).permutation(1_500) * 7
    grouped = fit_thresholds(p, labels, TWO, target, groups=names, sample=sample)
    assert grouped == fit_thresholds(p, labels, TWO, target, sample=sample)
    assert all(t.n_groups is None and "n_groups" not in t.to_json() for t in grouped)


def strength(found: ClassThreshold) -> int:
    """Return how much a status says; more is stronger."""
    return -STATUSES.index(found.status)


@pytest.mark.parametrize("form", [RECALL, "rare:precision=0.7", CERTIFY])
@given(seed=st.integers(0, 1_000), positives=st.integers(2, 120), data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_status_never_improves_when_groups_merge(form: str, seed: int, positives: int, data: st.DataObject):
    """One claim alone: rows that turn out to be alike say no more than before."""
    rng = np.random.default_rng(seed)
    n = positives + 150
    p = expit(rng.normal(0, 1, n) + 2.5 * (np.arange(n) < positives)).astype(np.float32)
    labels = (np.arange(n) >= positives).astype(np.int64)
    groups = rng.integers(0, data.draw(st.sampled_from([40, 400, 20_000])), n)
    merged = np.where(np.isin(groups, rng.choice(groups, data.draw(st.integers(2, 30)))), -1, groups)
    assert strength(fitted(p, labels, form, merged)) <= strength(fitted(p, labels, form, groups))


@pytest.mark.parametrize("form", FORMS)
def test_pairs_of_everything_certify_nothing(form: str):
    """Rows enough for every form, each of them twice: what was certified is an estimate."""
    p, labels = two_classes(3_000, share=0.3, distance=4.0, seed=1)
    twice = np.repeat(np.arange(3_000), 2)
    taken_apart = fitted(p[twice, 0], labels[twice], form, None)
    found = fitted(p[twice, 0], labels[twice], form, twice)
    assert (taken_apart.status, found.status) == ("certified", "empirical")
    assert found.n_positive["threshold"] == 2 * (found.n_groups or 0) == 2 * (labels == 0).sum()


def test_false_alarms_that_are_one_text_prove_no_precision():
    """Every positive stands alone, but what is flagged wrongly is one text; above it the proof stands."""
    p = np.concatenate([np.linspace(0.6, 0.99, 300), np.full(8, 0.7), np.linspace(0.01, 0.4, 400)])
    p, labels = p.astype(np.float32), (np.arange(708) >= 300).astype(np.int64)
    one_text = np.where((np.arange(708) >= 300) & (np.arange(708) < 308), 300, np.arange(708))
    pair, certify = "rare:recall=0.8,precision=0.9", "rare:precision=0.9,certify=true"
    assert [fitted(p, labels, pair, each).status for each in (None, one_text)] == ["certified", "empirical"]
    alone, grouped = (fitted(p, labels, certify, each) for each in (None, one_text))
    assert alone.status == grouped.status == "certified"
    assert alone.threshold < 0.7 < grouped.threshold
    assert fitted(p, labels, RECALL, one_text).status == "certified"


def test_what_a_claim_takes_is_counted_in_independent_rows():
    """Thirty positives that are five texts lack six texts of the eleven that recall .8 takes."""
    p, labels, groups = repeated(np.full(5, 6), np.random.default_rng(0))
    found = fitted(p, labels, RECALL, groups)
    assert (found.status, found.n_needed, found.n_groups) == ("insufficient_data", 6, 5)
    assert found.n_positive == {"threshold": 30}


def test_weights_and_groups_are_counted_together():
    """A row that stands for three items tells as much as three rows of one group."""
    rng = np.random.default_rng(3)
    p, labels, groups = repeated(np.full(60, 3), rng)
    first = np.append(np.arange(0, 180, 3), np.arange(180, 190))
    weights = np.where(labels[first] == 0, 3.0, 1.0)
    target = [parse_target(RECALL)]
    weighted = fit_thresholds(one_column(p[first]), labels[first], TWO, target, weights=weights)[0]
    rows = fitted(p, labels, RECALL, groups)
    assert (weighted.status, rows.status) == ("empirical", "empirical")
    assert weighted.threshold == rows.threshold
    both = fit_thresholds(
        one_column(p), labels, TWO, target, groups=groups, weights=np.where(labels == 0, 2.0, 1.0)
    )[0]
    assert both.threshold == rows.threshold
    assert both.recall.lower == pytest.approx(weighted.recall.lower)


@given(seed=st.integers(0, 500), n=st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_squares_of_group_totals_are_those_of_every_prefix(seed: int, n: int):
    """Counted one row after the other."""
    rng = np.random.default_rng(seed)
    groups, weights = rng.integers(0, 8, n), rng.integers(1, 5, n).astype(np.float64)
    expected = [(np.bincount(groups[: i + 1], weights=weights[: i + 1]) ** 2).sum() for i in range(n)]
    assert running_squares(weights, groups).tolist() == expected


def test_groups_that_are_not_one_a_row_are_refused():
    """In one line."""
    p, labels = two_classes(40, share=0.3, distance=2.0, seed=5)
    with pytest.raises(RowsError, match=r"groups of shape \(3,\): expected one for each of 40 rows"):
        fit_thresholds(p, labels, TWO, groups=np.zeros(3, np.int64))
