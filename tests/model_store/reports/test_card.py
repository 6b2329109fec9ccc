"""Tests of `model_store.reports.card`: what a stranger reads about a bundle."""

from typing import Any

import numpy as np
import pytest

from model_store.calibrating.calibration import Calibration
from model_store.costs import Costs
from model_store.data.leakage import Leakage, Repeat
from model_store.policy import Policy
from model_store.promises.guarantees import fit_thresholds
from model_store.promises.thresholds import parse_target
from model_store.reports.card import card
from model_store.reports.evaluate import evaluate
from model_store.training.selection import Tried

TRAINING: dict[str, Any] = {
    "rows": 5_000,
    "groups": 4_900,
    "seed": 0,
    "split_rows": {"train": 2_500, "test": 750},
    "estimator": "linear",
    "features": "words",
    "columns": 123,
}


def _card(
    *,
    class_name: str = "rare",
    training: dict[str, Any] = TRAINING,
    policy: dict[str, Any] | None = None,
    rows: int = 1_000,
    weights: Any = None,
    **said: Any,
) -> str:
    rng = np.random.default_rng(0)
    labels = (rng.random(1_000) < 0.9).astype(np.int64)
    x = rng.normal(0, 1, 1_000) + 0.8 * (labels == 0)
    p = (1 / (1 + np.exp(2.2 - x))).astype(np.float32)
    both = np.stack([p, 1 - p], axis=1)
    classes = (class_name, "rest")
    asked = [parse_target(f"{class_name}:recall=0.85")]
    thresholds = fit_thresholds(both, labels, classes, asked)
    acts = Policy(classes, thresholds, 0.1, "0" * 64, **(policy or {}))
    ece = np.array([0.04, 0.04])
    return card(
        name="comments",
        licence="CC0",
        training=training,
        calibration=Calibration.identity(2, reason="too few rows"),
        thresholds=thresholds,
        delta=0.1,
        evaluation=evaluate(
            acts.decide(both[:rows]),
            labels[:rows],
            before=both[:rows],
            policy=acts,
            class_ece_before=ece,
            class_ece_after=ece / 4,
            weights=weights,
        ),
        policy=acts,
        **said,
    )


def test_the_card_says_what_a_reader_must_know():
    """Data, thresholds with status and its meaning, calibration with its reason, metrics, limits."""
    text = _card()
    for expected in (
        "5,000 rows in 4,900 groups",
        "licence: CC0",
        "| certified |",
        "the guarantee is exact",
        "too few rows",
        "mean 0.0400 before, 0.0100 after",
        "of the rarest class, rare, 0.0400 and 0.0100",
        "Brier score",
        "macro-F1",
        "ROC-AUC flatters rare classes",
        "the label is the one whose probability exceeds its threshold by the largest factor",
        "## Limits",
    ):
        assert expected in text
    assert "instead" not in text
    assert "nan" not in text


def test_a_class_name_cannot_break_the_card():
    """A bar would end a cell, an angle bracket would start HTML."""
    text = _card(class_name="a|b<script>")
    assert "a\\|b&lt;script>" in text
    assert "<script" not in text


def test_the_recipes_that_were_tried_stand_in_a_table():
    """The one taken is marked and named; a recipe that was given is no comparison."""
    tried = [Tried("plain", 0.71, 0.01, 0.05, 0.02, 3.0), Tried("class weights", 0.76, 0.01, 0.0, 0.0, 3.1)]
    text = _card(tried=tried, chosen="class weights", criterion="macro-F1")
    assert "| recipe | macro-F1 |" in text
    assert "| **class weights** | 0.760 |" in text
    assert "Taken: class weights." in text
    assert "nothing else was compared" in _card(tried=[Tried("plain")], chosen="plain")


def test_costs_and_how_they_decide_are_documented():
    """The matrix, the price of a review, and what ways to decide cost."""
    costs = Costs(("rare", "rest"), np.array([[0.0, 8.0], [1.0, 0.0]]), 0.5)
    text = _card(policy={"rule": "costs", "costs": costs})
    assert "expected cost is least" in text
    assert "where that is more than 0.5, the item goes to a person" in text
    assert "| rare | 0 | 8 |" in text
    assert "rest is the cheaper answer from a probability of 0.889 on" in text
    assert "| policy in force |" in text


def test_priority_is_named_in_order():
    """The reader learns which class wins."""
    text = _card(policy={"rule": "priority", "priority": ("rare", "rest")})
    assert "the first of these classes that is flagged: rare, rest" in text


def test_leakage_between_parts_is_counted_with_examples():
    """By id, never by content."""
    found = Leakage(2, 750, 4_000, 0.6, (Repeat("c17", "c3", 0.9), Repeat("c18", None, 0.7)))
    text = _card(leakage={"test": found})
    assert "| test | 750 | 2 | c17 like c3, c18 like an earlier row |" in text


def test_claims_that_hold_together_or_not_at_all_say_so():
    """Joint claims name their scope; rows that are no sample certify nothing."""
    text = _card(joint=True, sample=False, notes=["Made from somebody else's graph."])
    assert "Delta is 0.1 for all classes together" in text
    assert "no sample of the traffic" in text
    assert "- Made from somebody else's graph." in text
    assert "--joint" not in text


def test_a_model_from_elsewhere_has_no_training_to_tell_of():
    """What is known is listed, and nothing is made up."""
    text = _card(training={"rows": 900, "imported_from": "model.onnx", "tokens": 3})
    assert "- 900 rows, 2 classes" in text
    assert "- imported from: model.onnx" in text
    assert "seed" not in text


def test_weights_that_the_calibration_did_not_count_are_said_not_to_count():
    """The reader learns whose probabilities they are."""
    assert "fitted without the rows' weights" in _card(weights=np.linspace(1, 3, 1_000))
    assert "fitted without the rows' weights" not in _card()


@pytest.mark.filterwarnings("error")
def test_without_test_rows_the_card_says_that_nothing_was_measured():
    """No division by nothing."""
    assert "nothing was held back to measure on" in _card(rows=0)
