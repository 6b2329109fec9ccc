"""Tests of `model_store.reports.findings`, and of the card that holds them."""

from dataclasses import replace

import pytest

from model_store.reports.evaluation import Overlap
from model_store.reports.evaluation_card import evaluation_card
from model_store.reports.findings import findings, overlap_sentence, percent, words
from model_store.reports.metrics import Share
from model_store.reports.verdicts import Check
from tests.support.evaluations import made_up


def _said(**options: object) -> str:
    return "\n".join(findings(made_up(**options)))  # type: ignore[arg-type]


def test_claims_that_are_not_contradicted_are_counted():
    """And how many of them are confirmed."""
    assert "None of 3 claims and expectations is contradicted" in _said()


def test_a_contradicted_claim_comes_first_with_its_figures():
    """What was claimed at which confidence, what was measured on how many rows, and what to do."""
    said = findings(made_up(skill=0.5, n=2_000))
    assert "are contradicted by these rows" in said[0]
    assert any("claimed recall >= .8 at 90 %; measured" in line for line in said)
    assert any("refit the thresholds" in line for line in said)


def test_among_many_claims_some_may_fail_by_chance():
    """The reader learns how many, so that one of forty is no alarm."""
    many = tuple(f"class {i}" for i in range(40))
    said = findings(made_up(n=2_000, classes=many, skill=0.5))
    assert any("by chance alone" in line for line in said)
    assert not any("by chance alone" in line for line in findings(made_up(skill=0.5, n=2_000)))


def test_only_certified_classes_fail_by_chance_and_each_once():
    """An expectation has no confidence, and the two halves of a pair share theirs."""
    found = made_up(n=2_000, classes=tuple(f"class {i}" for i in range(12)), skill=0.5)
    measured = Share(10.0, 100.0, 100, 0.1, 0.05, 0.18)
    recall = Check("recall", 0.8, "certified", 0.9, 0.8, measured, "contradicted")
    pair = (recall, replace(recall, aspect="precision"))
    twelve = replace(found, classes=tuple(replace(each, checks=pair) for each in found.classes))
    (line,) = (line for line in findings(twelve) if "by chance alone" in line)
    assert "of 12 certified classes at most 1 in the long run, with few rows far fewer" in line
    expected = replace(recall, basis="empirical")
    hoped = replace(found, classes=tuple(replace(each, checks=(expected,)) for each in found.classes))
    assert not any("by chance alone" in line for line in findings(hoped))


def test_too_few_rows_are_no_evidence_for_a_claim():
    """They are counted apart, and not among those that are not contradicted."""
    said = findings(made_up(n=9))
    assert any("claims and expectations these rows are too few" in line for line in said)
    assert not any("is contradicted" in line for line in said)
    assert "these rows are too few" not in _said()


def test_rows_of_no_class_are_counted():
    """With what they enter and what not."""
    said = findings(replace(made_up(), no_class=4))
    assert said[0].startswith("4 of 600 rows are of none of the classes: a flag on them is a false alarm.")
    assert "none of the classes" not in _said()


def test_roc_auc_of_a_rare_class_comes_with_its_warning():
    """In words, beside PR-AUC and what guessing gets."""
    assert "Do not judge rare classes by ROC-AUC: fraud" in _said()
    assert "guessing would get 0.50 and" in _said()


def test_balanced_classes_need_no_warning():
    """Nothing is said that is not so."""
    found = made_up(classes=("a", "b"))
    even = tuple(replace(each, prevalence=0.5) for each in found.classes)
    assert not any("ROC-AUC" in line for line in findings(replace(found, classes=even)))


def test_a_source_below_its_target_is_named():
    """Only where the whole interval of its recall is below."""
    found = made_up(full=True, n=2_000, skill=0.5)
    assert any(line.startswith("Recall is below what was asked in a source") for line in findings(found))
    assert not any("in a source" in line for line in findings(replace(found, sources=())))
    fine = made_up(full=True)
    assert any(c.recall.lower < 0.8 for part in fine.sources for c in part.classes)
    assert not any("in a source" in line for line in findings(fine))


def test_rows_the_model_has_seen_are_counted_by_id():
    """None is a finding too; more than the examples are counted."""
    assert "None of 90 rows" in overlap_sentence(Overlap(90, 0, (), None))
    said = overlap_sentence(Overlap(90, 7, ("a1", "a2"), None))
    assert "7 of 90 rows" in said
    assert "(a1, a2, and 5 more)" in said
    assert "the verdicts leave them out" in said


def test_verdicts_say_how_many_rows_they_leave_out():
    """In short, and above the table; nothing is said where none was left out."""
    found = made_up(full=True)
    left_out = "600 rows, of which 7 were fitted on: left out of the verdicts."
    assert left_out in findings(found)
    assert evaluation_card(found).count(left_out) == 2
    assert "left out of the verdicts" not in evaluation_card(made_up())


@pytest.mark.parametrize(("value", "text"), [(0.0, "0.0 %"), (0.00042, "0.042 %"), (1.0, "100.0 %")])
def test_small_shares_keep_a_digit(value: float, text: str):
    """Rare is not never."""
    assert percent(value) == text


def test_a_share_of_nothing_is_a_dash():
    """Without an interval from 0 to 1."""
    assert words(Share(0.0, 0.0, 0, None, 0.0, 1.0)) == "-"


def test_the_markdown_holds_every_part():
    """Findings, claims, classes, review, costs, calibration, sources, periods, and how to read them."""
    text = evaluation_card(made_up(full=True, targets=["fraud:recall=0.8,precision=0.3"]))
    for part in (
        "# tickets@3 on march.csv",
        "## What was asked, and what these rows say",
        "| fraud | precision >= .30 |",
        "## Classes",
        "## Review",
        "## What an item costs",
        "## Calibration",
        "## By source",
        "## Over time",
        "Clopper-Pearson",
    ):
        assert part in text
    assert "nan" not in text


def test_weights_make_the_interval_an_approximation():
    """The reader learns it."""
    assert "approximation" in evaluation_card(replace(made_up(), weighted=True))
    assert "approximation" not in evaluation_card(made_up())
