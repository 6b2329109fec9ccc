"""Tests of `model_store.evaluate`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score

from model_store.calibration import Calibration
from model_store.evaluate import average_precision, card, evaluate, macro_f1
from model_store.guarantees import fit_thresholds
from model_store.policy import Policy
from model_store.thresholds import parse_target


@given(n=st.integers(5, 200), k=st.integers(2, 6), seed=st.integers(0, 1_000))
@settings(max_examples=40, deadline=None)
def test_macro_f1_is_that_of_scikit_learn(n: int, k: int, seed: int):
    """Items without a label count as a class of their own that is not averaged."""
    rng = np.random.default_rng(seed)
    labels, predicted = rng.integers(0, k, n), rng.integers(-1, k, n)
    check = f1_score(labels, predicted, labels=range(k), average="macro", zero_division=0)
    assert macro_f1(labels, predicted, n_classes=k) == pytest.approx(check)


@given(n=st.integers(5, 200), values=st.integers(1, 50), seed=st.integers(0, 1_000))
@settings(max_examples=40, deadline=None)
def test_average_precision_is_that_of_scikit_learn(n: int, values: int, seed: int):
    """Tied scores too."""
    rng = np.random.default_rng(seed)
    scores, positive = rng.integers(0, values, n) / values, rng.random(n) < 0.3
    positive[0] = True
    assert average_precision(scores, positive) == pytest.approx(average_precision_score(positive, scores))


def test_average_precision_without_positives_is_undefined():
    """It is not 0, which would say the model is bad."""
    assert average_precision(np.array([0.1, 0.2]), np.array([False, False])) is None


def _card(target: str, *, class_name: str = "rare") -> str:
    rng = np.random.default_rng(0)
    labels = (rng.random(1_000) < 0.9).astype(np.int64)
    x = rng.normal(0, 1, 1_000) + 0.8 * (labels == 0)
    p = (1 / (1 + np.exp(2.2 - x))).astype(np.float32)
    both = np.stack([p, 1 - p], axis=1)
    classes = (class_name, "rest")
    thresholds = fit_thresholds(both, labels, classes, [parse_target(f"{class_name}:{target}")])
    decisions = Policy(classes, thresholds, 0.1, "0" * 64).decide(both)
    ece = np.array([0.04, 0.04])
    return card(
        name="comments",
        licence="CC0",
        training={
            "rows": 5_000,
            "groups": 4_900,
            "seed": 0,
            "split_rows": {"train": 2_500, "test": 750},
            "estimator": "linear",
            "features": "words",
            "columns": 123,
        },
        calibration=Calibration.identity(2, reason="too few rows"),
        thresholds=thresholds,
        delta=0.1,
        evaluation=evaluate(decisions, labels, before=both, class_ece_before=ece, class_ece_after=ece / 4),
    )


def test_the_card_says_what_a_reader_must_know():
    """Data, thresholds with status and its meaning, calibration with its reason, metrics, limits."""
    text = _card("recall=0.85")
    for expected in (
        "5,000 rows in 4,900 groups",
        "licence: CC0",
        "| certified |",
        "the guarantee is exact",
        "too few rows",
        "mean 0.0400 before, 0.0100 after",
        "macro-F1",
        "## Limits",
    ):
        assert expected in text
    assert "instead" not in text


def test_the_card_of_an_infeasible_target_shows_the_frontier():
    """What can be had instead stands in a table of its own."""
    text = _card("recall=0.85,precision=0.9")
    assert "| infeasible |" in text
    assert "## What can be had instead" in text
    assert "best precision at the recall asked for" in text


def test_a_class_name_cannot_break_the_card():
    """A bar would end a cell, an angle bracket would start HTML."""
    text = _card("recall=0.85", class_name="a|b<script>")
    assert "a\\|b&lt;script>" in text
    assert "<script" not in text
