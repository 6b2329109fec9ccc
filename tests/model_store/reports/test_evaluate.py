"""Tests of `model_store.reports.evaluate` and the record it makes, `model_store.reports.evaluation`."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from model_store.costs import Costs
from model_store.policy import ABSTAINED, DECISIONS, Policy
from model_store.reports.evaluate import answers_of, evaluate
from model_store.reports.evaluation import NO_ANSWER, Evaluation
from model_store.reports.evaluation_card import evaluation_card
from model_store.reports.report import html_report
from tests.support.evaluations import CLASSES, made_up, made_up_answers, made_up_policy


def test_the_figures_are_those_of_scikit_learn():
    """Areas per class, and macro-F1 of the most probable class and of the label."""
    p, labels = made_up_answers()
    policy = made_up_policy()
    decisions = policy.decide(p)
    found = evaluate(decisions, labels, before=p, policy=policy)
    for k, figures in enumerate(found.classes):
        assert figures.pr_auc == pytest.approx(average_precision_score(labels == k, p[:, k]))
        assert figures.roc_auc == pytest.approx(roc_auc_score(labels == k, p[:, k]))
        assert figures.prevalence == pytest.approx((labels == k).mean())
    assert found.macro_f1 == pytest.approx(f1_score(labels, decisions.top, average="macro"))
    expected = f1_score(labels, decisions.label, labels=range(3), average="macro", zero_division=0)
    assert found.macro_f1_policy == pytest.approx(expected)


def test_recall_and_precision_are_of_flags_at_the_thresholds():
    """Counted by hand."""
    p, labels = made_up_answers()
    policy = made_up_policy()
    found = evaluate(policy.decide(p), labels, before=p, policy=policy)
    for k, figures in enumerate(found.classes):
        flagged = p[:, k] >= np.float32(policy.thresholds[k].threshold)
        assert figures.recall.hits == (flagged & (labels == k)).sum()
        assert (figures.recall.rows, figures.flagged) == ((labels == k).sum(), flagged.sum())


@given(seed=st.integers(0, 1_000))
@settings(max_examples=15, deadline=None)
def test_nothing_depends_on_the_order_of_rows(seed: int):
    """Not even the drawn curves."""
    p, labels = made_up_answers(120, seed=seed)
    policy = made_up_policy()
    order = np.random.default_rng(seed).permutation(len(labels))
    one = evaluate(policy.decide(p), labels, before=p, policy=policy)
    other = evaluate(policy.decide(p[order]), labels[order], before=p[order], policy=policy)
    assert one.confusion == other.confusion
    assert one.decisions == other.decisions
    assert [each.checks for each in one.classes] == [each.checks for each in other.classes]
    assert [each.curve for each in one.classes] == [each.curve for each in other.classes]


def test_confusion_counts_every_row_once_under_its_class_and_its_answer():
    """The last column is for items without one."""
    p, labels = made_up_answers()
    policy = made_up_policy()
    decisions = policy.decide(p)
    found = evaluate(decisions, labels, before=p, policy=policy).confusion
    assert found.columns == (*CLASSES, NO_ANSWER)
    for k, row in enumerate(found.counts):
        assert sum(row) == (labels == k).sum()
        assert row[-1] == ((labels == k) & (decisions.label < 0)).sum()
        assert row[0] == ((labels == k) & (decisions.label == 0)).sum()


def test_a_row_of_weight_three_is_three_rows():
    """In every figure that weights enter; the interval is wider, since three draws say more than one."""
    p, labels = made_up_answers(200)
    policy = made_up_policy()
    weights = np.where(np.arange(200) % 2 == 0, 3.0, 1.0)
    copies = np.repeat(np.arange(200), weights.astype(int))
    one = evaluate(policy.decide(p), labels, before=p, policy=policy, weights=weights)
    other = evaluate(policy.decide(p[copies]), labels[copies], before=p[copies], policy=policy)
    assert one.macro_f1 == pytest.approx(other.macro_f1)
    assert one.review_share == pytest.approx(other.review_share)
    for a, b in zip(one.classes, other.classes, strict=True):
        assert a.pr_auc == pytest.approx(b.pr_auc)
        assert a.recall.estimate == pytest.approx(b.recall.estimate)
        assert a.recall.lower < b.recall.lower


def test_several_labels_an_item():
    """Flags are the answer, no flag is an answer too, and an item counts in the row of each label."""
    rng = np.random.default_rng(0)
    labels = rng.random((300, 3)) < 0.3
    p = np.clip(labels * 0.5 + rng.random((300, 3)) * 0.5, 0.01, 0.99).astype(np.float32)
    policy = made_up_policy(task="multilabel")
    found = evaluate(policy.decide(p), labels, before=p, policy=policy)
    assert found.task == "multilabel"
    assert found.review_share == 0.0
    assert found.macro_f1 == pytest.approx(f1_score(labels, p >= 0.5, average="macro"))
    flags = policy.decide(p).flags
    assert found.confusion.counts[0][1] == (labels[:, 0] & flags[:, 1]).sum()
    assert found.confusion.counts[0][3] == (labels[:, 0] & ~flags.any(axis=1)).sum()
    needy = made_up_policy(task="multilabel", require_one=True)
    assert evaluate(needy.decide(p), labels, before=p, policy=needy).review_share == pytest.approx(
        (~flags.any(axis=1)).mean()
    )


def test_items_left_to_people_are_no_answer_but_count_as_found():
    """A class with a band for review keeps its recall claim with the items in it."""
    p, labels = made_up_answers()
    plain = made_up_policy()
    thresholds = list(plain.thresholds)
    low = float(np.float32(thresholds[2].threshold / 2))
    thresholds[2] = replace(thresholds[2], review_from=low)
    policy = Policy(CLASSES, tuple(thresholds), 0.1, "0" * 64)
    decisions = policy.decide(p)
    assert (decisions.decision == ABSTAINED).any()
    answers = answers_of(decisions, labels, policy=policy)
    assert not answers.called[decisions.decision == ABSTAINED].any()
    assert answers.review[decisions.decision == ABSTAINED].all()
    found = evaluate(decisions, labels, before=p, policy=policy).classes[2]
    (check,) = found.checks
    assert check.aspect == "recall with review"
    assert check.measured.hits == (p[labels == 2, 2] >= np.float32(low)).sum()
    assert check.measured.hits > found.recall.hits


def test_a_class_without_rows_has_reasons_instead_of_figures():
    """No NaN, no warning, and the others are measured as ever."""
    p, labels = made_up_answers()
    policy = made_up_policy()
    kept = labels != 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluate(policy.decide(p[kept]), labels[kept], before=p[kept], policy=policy)
    rare = found.classes[2]
    assert (rare.pr_auc, rare.roc_auc, rare.recall.estimate, rare.curve) == (None, None, None, None)
    assert rare.missing is not None
    assert "no row is of this class" in rare.missing
    assert [check.verdict for check in rare.checks] == ["not measured"]
    json.dumps(found.to_json(), allow_nan=False)


def test_rows_of_one_class_measure_its_recall_only():
    """What cannot be measured is said."""
    p, labels = made_up_answers()
    policy = made_up_policy()
    kept = labels == 1
    found = evaluate(policy.decide(p[kept]), labels[kept], before=p[kept], policy=policy)
    own = found.classes[1]
    assert own.recall.estimate is not None
    assert (own.roc_auc, own.prevalence) == (None, 1.0)
    assert own.missing is not None
    assert "every row is of this class" in own.missing


def test_no_rows_at_all_is_an_evaluation_of_nothing():
    """An import of a few rows may leave none to test on."""
    p, labels = made_up_answers()
    policy = made_up_policy()
    found = evaluate(policy.decide(p[:0]), labels[:0], before=p[:0], policy=policy)
    assert (found.rows, found.macro_f1, found.review_share) == (0, None, 0.0)
    assert np.isnan(found.class_ece_after).all()
    json.dumps(found.to_json(), allow_nan=False)


def test_costs_compare_the_policy_with_other_ways_to_decide():
    """With the identity's rest as costs an item costs what accuracy lacks, and review has its price."""
    p, labels = made_up_answers()
    policy = made_up_policy()
    decisions = policy.decide(p)
    costs = Costs(CLASSES, 1.0 - np.eye(3), 0.25)
    found = evaluate(decisions, labels, before=p, policy=policy, costs=costs).costs
    assert found is not None
    lines = {line.decides: line for line in found.lines}
    assert lines["most probable class"].realised == pytest.approx((decisions.top != labels).mean())
    nobody = decisions.label < 0
    expected = np.where(nobody, 0.25, (decisions.label != labels) * 1.0).mean()
    assert lines["policy in force"].realised == pytest.approx(expected)
    assert lines["policy in force"].review_share == pytest.approx(nobody.mean())


def test_seen_rows_count_in_figures_and_not_in_verdicts():
    """With weights too: a check is what the other rows alone would have given."""
    p, labels = made_up_answers()
    policy = made_up_policy(targets=["fraud:recall=0.8,precision=0.3"])
    seen, weights = np.arange(len(labels)) % 3 == 0, np.linspace(1, 2, len(labels))
    found = evaluate(policy.decide(p), labels, before=p, policy=policy, weights=weights, seen=seen)
    rest = evaluate(
        policy.decide(p[~seen]), labels[~seen], before=p[~seen], policy=policy, weights=weights[~seen]
    )
    whole = evaluate(policy.decide(p), labels, before=p, policy=policy, weights=weights)
    assert [each.checks for each in found.classes] == [each.checks for each in rest.classes]
    assert [each.recall for each in found.classes] == [each.recall for each in whole.classes]
    assert [each.checks for each in found.classes] != [each.checks for each in whole.classes]


@pytest.mark.parametrize("weighted", [False, True])
def test_a_row_of_no_class_is_a_negative_of_every_class(weighted: bool):
    """Precision and areas count it; what needs a true class is as it is without the row."""
    p, labels = made_up_answers()
    labels[::5] = -1
    known = labels >= 0
    weights = np.linspace(1, 2, len(labels)) if weighted else None
    policy, costs = made_up_policy(), Costs(CLASSES, 1.0 - np.eye(3), 0.25)
    found = evaluate(policy.decide(p), labels, before=p, policy=policy, costs=costs, weights=weights)
    rest = evaluate(
        policy.decide(p[known]),
        labels[known],
        before=p[known],
        policy=policy,
        costs=costs,
        weights=None if weights is None else weights[known],
    )
    assert (found.no_class, rest.no_class, found.rows) == (120, 0, 600)
    for name in ("macro_f1", "macro_f1_policy", "log_loss_before", "log_loss_after", "brier_after"):
        assert getattr(found, name) == pytest.approx(getattr(rest, name)), name
    assert found.costs == rest.costs
    assert found.confusion == rest.confusion
    for k, (one, other) in enumerate(zip(found.classes, rest.classes, strict=True)):
        flagged = p[:, k] >= np.float32(policy.thresholds[k].threshold)
        assert one.recall == other.recall
        assert (one.precision.rows, one.flagged) == (flagged.sum(), flagged.sum())
        assert one.precision.rows > other.precision.rows
        assert one.pr_auc == pytest.approx(
            average_precision_score(labels == k, p[:, k], sample_weight=weights)
        )
    json.dumps(found.to_json(), allow_nan=False)


def test_rows_of_no_class_alone_measure_false_alarms_only():
    """No NaN, no warning, no cost of an answer; the report and the card are written all the same."""
    p, labels = made_up_answers()
    labels[:] = -1
    policy = made_up_policy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluate(
            policy.decide(p), labels, before=p, policy=policy, costs=Costs(CLASSES, 1.0 - np.eye(3), 0.25)
        )
    assert (found.no_class, found.macro_f1, found.costs) == (600, None, None)
    assert all(each.precision.estimate == 0.0 for each in found.classes if each.flagged)
    assert "nan" not in json.dumps(found.to_json(), allow_nan=False)
    assert "600 of 600 rows are of none of the classes" in html_report(found)
    assert "600 of 600 rows are of none of the classes" in evaluation_card(found)


def test_without_a_policy_classes_are_numbers_and_nothing_is_checked():
    """The figures are the same."""
    p, labels = made_up_answers()
    policy = made_up_policy()
    bare, named = (evaluate(policy.decide(p), labels, before=p, policy=each) for each in (None, policy))
    assert [each.name for each in bare.classes] == ["0", "1", "2"]
    assert all(each.checks == () and each.threshold is None for each in bare.classes)
    assert bare.macro_f1 == named.macro_f1


def test_shares_of_decisions_are_of_every_decision_there_is():
    """They sum to 1."""
    found = made_up()
    assert tuple(found.decisions) == DECISIONS
    assert sum(found.decisions.values()) == pytest.approx(1)


def test_the_record_reads_back_from_its_json():
    """With all that a file may say."""
    found = made_up(full=True, targets=["fraud:recall=0.8,precision=0.3"])
    assert Evaluation.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found


def test_a_record_of_a_later_format_is_refused():
    """The line names the key."""
    with pytest.raises(ValueError, match=r"value\.format"):
        Evaluation.from_json(made_up().to_json() | {"format": 2})
