"""What explored labels say of the traffic: shares, recall and precision with intervals, and when nothing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from model_store.policy import Policy
from model_store.promises.targets import Target
from model_store.promises.thresholds import ClassThreshold, Interval
from monitoring.waves.audit import audit
from monitoring.waves.batches import Batch
from monitoring.waves.columns import Columns
from monitoring.waves.estimates import Estimates, estimate
from monitoring.waves.strata import strata_of
from monitoring.waves.usable import Rules
from tests.support.drawn import CLASSES, EPOCH, MODEL, One, batch, ones
from tests.support.occurrences import occurrence

HIT, MISS = One("fraud", fraud=0.9), One("fraud", fraud=0.1)
WRONG, REST, NEW = One("billing", fraud=0.8), One("billing", fraud=0.05), One("none_of_these", fraud=0.6)


def policy(*, fraud: float = 0.5, task: Any = "multiclass") -> Policy:
    """Return a policy that flags fraud from `fraud` on, and billing from .5 on."""
    thresholds = tuple(
        ClassThreshold(
            name,
            at,
            "empirical",
            Target(name, recall=0.8),
            {"threshold": 0},
            Interval(None, 0.0),
            Interval(None, 0.0),
            delta=0.1,
        )
        for name, at in zip(CLASSES, (0.5, fraud), strict=True)
    )
    return Policy(CLASSES, thresholds, 0.1, "0" * 64, task=task)


def estimated(batches: Sequence[Batch], **options: Any) -> Estimates:
    """Return what these batches say of the model that made them."""
    given = {"model_key": MODEL, "policy": policy(), "rules": Rules(CLASSES, frozenset({MODEL})), **options}
    return estimate(batches, **given)


def of_class(found: Estimates, name: str = "fraud") -> dict[str, Any]:
    """Return the figures of a class as they are shown."""
    return next(each for each in found.to_json()["classes"] if each["class"] == name)


def interval(won: int, n: int) -> dict[str, float]:
    """Return estimate and bounds of Clopper and Pearson."""
    return {
        "estimate": won / n,
        "low": float(beta.ppf(0.025, won, n - won + 1)) if won else 0.0,
        "high": float(beta.ppf(0.975, won + 1, n - won)) if won < n else 1.0,
    }


def test_one_plain_sample_is_counted_as_clopper_and_pearson_do() -> None:
    """Two hundred draws of a great many: each figure is a count, its interval the textbook's."""
    items = [*[HIT] * 9, *[MISS] * 3, *[WRONG] * 4, *[NEW] * 2, *[REST] * 182]
    found = of_class(estimated([batch("b", items, occurrences=10**9, certain=[HIT] * 300)]))
    assert found["positives"] == 12
    for way in ("flags", "answers"):
        assert found[way]["precision"] == pytest.approx(interval(9, 15), rel=1e-4)
        assert found[way]["recall"] == pytest.approx(interval(9, 12), rel=1e-4)
        half = {bound: p / (p + (1 - p) / 2) for bound, p in interval(9, 18).items()}
        assert found[way]["f1"] == pytest.approx(half, rel=1e-4)
    assert found["prevalence"] == pytest.approx(interval(12, 200), rel=1e-4)


def test_none_of_these_is_counted_and_is_no_class() -> None:
    """Its share is shown beside the classes'; a class answered for it was answered wrongly."""
    found = estimated([batch("b", [*[NEW] * 6, *[REST] * 154], occurrences=10**9)])
    shown = found.to_json()["none_of_these"]
    assert shown["positives"] == 6
    assert shown["prevalence"] == pytest.approx(interval(6, 160), rel=1e-4)
    assert of_class(found)["flags"]["precision"]["estimate"] == 0.0


@pytest.mark.parametrize(("n", "more"), [(149, 1), (150, 0), (30, 120)])
def test_a_recall_takes_150_explored_labels(n: int, more: int) -> None:
    """With fewer it is not shown, nor is F1, and the reply says how many are missing."""
    found = estimated([batch("b", ones(3, n - 3), occurrences=10_000, certain=ones(200, 0))])
    assert found.to_json()["recall_takes"] == {"labels": 150, "more": more}
    quality = of_class(found)["flags"]
    assert (quality["recall"] is None, quality["f1"] is None) == (more > 0, more > 0)
    assert quality["precision"]["estimate"] == pytest.approx(1.0)


def test_labels_of_unequal_weight_count_for_less() -> None:
    """A hundred of each of two times, one with ten times the traffic, are worth fewer than 150."""
    batches = [
        batch("a", ones(3, 97), occurrences=1_000),
        batch("b", ones(3, 97), occurrences=10_000, first=1, last=1),
    ]
    found = estimated(batches)
    assert found.pool.effective == pytest.approx(119.8, abs=0.1)
    assert found.labels_for_recall > 0


def test_without_any_label_everything_is_unknown() -> None:
    """No batch, or none in use: no estimate, between 0 and 1, and 150 labels to go."""
    found = estimated([]).to_json()
    assert found["recall_takes"]["more"] == 150
    assert [each["prevalence"] for each in found["classes"]] == [
        {"estimate": None, "low": 0.0, "high": 1.0}
    ] * 2


def test_a_class_nobody_drew_has_a_share_up_to_something() -> None:
    """No fraud among 150 draws: at most 2.4 %, and its recall may be anything."""
    found = of_class(estimated([batch("b", ones(0, 150), occurrences=10**9)]))
    assert found["prevalence"] == pytest.approx(interval(0, 150), rel=1e-4)
    assert found["flags"]["recall"] == {"estimate": None, "low": 0.0, "high": 1.0}


def test_another_policy_on_the_same_scores_is_judged_by_its_own_flags_and_answers() -> None:
    """A refit that flags fraud from 1/32 on finds what the version missed that was served."""
    items = [*[HIT] * 9, *[MISS] * 3, *[REST] * 150]
    refit = {"model_key": "tickets@2", "policy": policy(fraud=0.03125)}
    rules = Rules(CLASSES, frozenset({MODEL, "tickets@2"}))
    served = of_class(estimated([batch("b", items, occurrences=10**6)], rules=rules))
    anew = of_class(estimated([batch("b", items, occurrences=10**6)], rules=rules, **refit))
    assert served["flags"]["recall"]["estimate"] == pytest.approx(0.75)
    assert served["answers"]["recall"]["estimate"] == pytest.approx(0.75)
    assert anew["flags"]["recall"]["estimate"] == pytest.approx(1.0)
    assert anew["answers"]["recall"]["estimate"] == pytest.approx(1.0)


def test_where_an_item_may_have_several_labels_its_flags_are_the_answer() -> None:
    """A label counts for each of its classes, and an item without any belongs to none of them."""
    several = [
        One(("billing", "fraud"), fraud=0.9),
        One((), fraud=0.9),
        One(("billing",), fraud=0.1),
        One(("fraud",), fraud=0.1),
    ]
    found = estimated([batch("b", several * 50, occurrences=10**6)], policy=policy(task="multilabel"))
    shown = found.to_json()
    assert [each["positives"] for each in shown["classes"]] == [100, 100]
    assert shown["none_of_these"]["positives"] == 50
    fraud = of_class(found)
    assert fraud["answers"] is None
    assert fraud["flags"]["recall"]["estimate"] == pytest.approx(0.5)
    assert fraud["flags"]["precision"]["estimate"] == pytest.approx(0.5)


def test_a_share_that_moved_between_batches_is_named() -> None:
    """The pooled figure is then of a mixture, and the reader is told to look at each."""
    before, after = ones(1, 99), ones(30, 70)
    found = estimated(
        [
            batch("a", before, occurrences=1_000),
            batch("b", after, occurrences=1_000, first=1, last=1),
        ]
    )
    assert "fraud" in found.to_json()["unsteady"]
    alike = [batch(n, ones(3, 97), occurrences=1_000, first=i, last=i) for i, n in enumerate("ab")]
    assert estimated(alike).to_json()["unsteady"] == []


def test_an_audit_weighs_each_item_by_its_own_chance() -> None:
    """Likely frauds are drawn nearly all, the rest at one in fifty: estimates of 200 audits are unbiased."""
    rng = np.random.default_rng(5)
    n = 5_000
    fraud = rng.random(n) < 0.03
    score = np.clip(np.where(fraud, rng.beta(4, 2, n), rng.beta(1, 12, n)), 0.001, 0.999)
    chance = np.clip(score, 0.02, 1.0)
    rules = Rules(CLASSES, frozenset({MODEL}), mode="audit")
    shares, recalls, held = [], [], []
    for _ in range(200):
        rows = np.flatnonzero(rng.random(n) < chance)
        items = [One("fraud" if fraud[row] else "billing", fraud=float(score[row])) for row in rows]
        drawn = batch("a", items, occurrences=n, mode="audit")
        weighed = tuple(
            replace(item, inclusion_probability=float(chance[row]))
            for item, row in zip(drawn.items, rows.tolist(), strict=True)
        )
        found = of_class(estimated([replace(drawn, items=weighed)], rules=rules))
        shares.append(found["prevalence"]["estimate"])
        recall = found["flags"]["recall"]
        recalls.append(recall["estimate"])
        truth = float((score[fraud] >= 0.5).mean())
        held.append(recall["low"] <= truth <= recall["high"])
    for found_, truth in ((shares, fraud.mean()), (recalls, (score[fraud] >= 0.5).mean())):
        assert abs(np.mean(found_) - truth) < 3 * np.std(found_) / np.sqrt(200)
    assert np.mean(held) >= 0.93


def test_intervals_of_audits_hold_and_are_narrow() -> None:
    """Two hundred audits in two phases of a known day: unbiased, 93 % hold, half the error of a plain sample.

    The plain sample is that of a batch of as many items, 15 % of which are drawn at random.
    """
    rng = np.random.default_rng(7)
    n, size = 3_000, 150
    epochs = rng.choice(6, n, p=(0.5, 0.1, 0.1, 0.1, 0.1, 0.1))  # of the first a small part is held
    p = rng.beta(0.15, np.where(epochs == 0, 1.5, 4.0))
    fraud = rng.random(n) < p
    counts = {"email": {epoch: int(m) for epoch, m in enumerate(np.bincount(epochs))}}
    found = []
    for run in range(200):
        columns = Columns.of(
            [
                occurrence(
                    i, "email", float(u), at=EPOCH * epochs[i], p=np.array([1 - p[i], p[i]], np.float32)
                )
                for i, u in enumerate(rng.random(n))
            ],
            n_classes=2,
        )
        strata = strata_of(columns, counts, most=200)
        draws = audit(columns, strata, watched=[1], size=size, seed=str(run))
        made = batch("b", [HIT], occurrences=n, last=5, mode="audit")
        items = tuple(
            replace(
                made.items[0],
                rank=rank,
                key=one.candidate.key,
                inclusion_probability=one.chance,
                label=CLASSES[int(fraud[int(one.candidate.key.partition("-")[2])])],
                at=one.candidate.at,
            )
            for rank, one in enumerate(draws.each, 1)
        )
        rules = Rules(CLASSES, frozenset({MODEL}), mode="audit")
        shown = of_class(estimated([replace(made, items=items)], rules=rules))["prevalence"]
        found.append([shown["estimate"], shown["low"], shown["high"]])
    estimate_, low, high = np.array(found).T
    truth = fraud.mean()
    assert abs(estimate_.mean() - truth) < 2 * estimate_.std(ddof=1) / np.sqrt(200)
    assert ((low <= truth) & (truth <= high)).mean() >= 0.93
    plain = np.sqrt(truth * (1 - truth) / (0.15 * size))
    assert np.sqrt(((estimate_ - truth) ** 2).mean()) < plain / 2
