"""Tests of `model_store.reports.threshold_card`: what a stranger reads about a promise."""

import re
from typing import Any

import numpy as np

from model_store.policy import Policy
from model_store.promises.guarantees import fit_thresholds
from model_store.promises.thresholds import ClassThreshold, parse_target
from model_store.reports.evaluate import evaluate
from model_store.reports.evaluation import Evaluation
from model_store.reports.threshold_card import frontier_section, threshold_section


def fitted(
    target: str = "recall=0.85", *, groups: Any = None
) -> tuple[tuple[ClassThreshold, ...], Evaluation]:
    """Return the thresholds of a rare class and the rest, and how they fare on the same rows."""
    rng = np.random.default_rng(0)
    labels = (rng.random(1_000) < 0.9).astype(np.int64)
    x = rng.normal(0, 1, 1_000) + 0.8 * (labels == 0)
    p = (1 / (1 + np.exp(2.2 - x))).astype(np.float32)
    both, classes = np.stack([p, 1 - p], axis=1), ("rare", "rest")
    thresholds = fit_thresholds(both, labels, classes, [parse_target(f"rare:{target}")], groups=groups)
    acts = Policy(classes, thresholds, 0.1, "0" * 64)
    return thresholds, evaluate(acts.decide(both), labels, before=both, policy=acts)


def section(target: str = "recall=0.85", *, groups: Any = None, **said: Any) -> str:
    """Return what is said of them."""
    thresholds, evaluation = fitted(target, groups=groups)
    return threshold_section(thresholds, evaluation, delta=0.1, **said)


def test_a_status_comes_with_what_it_means() -> None:
    """Of those that occur, and of no other."""
    text = section()
    assert "| certified |" in text
    assert "- `certified`: the guarantee is exact" in text
    assert "`infeasible`" not in text


def test_an_infeasible_target_shows_what_can_be_had_instead() -> None:
    """In a table of its own; where every target is met there is none."""
    thresholds, _ = fitted("recall=0.85,precision=0.9")
    assert "| infeasible |" in section("recall=0.85,precision=0.9")
    text = frontier_section(thresholds)
    assert text.startswith("## What can be had instead")
    assert "best precision at the recall asked for" in text
    assert frontier_section(fitted()[0]) == ""


def test_positives_that_repeat_are_counted_with_their_groups() -> None:
    """Of the threshold rows, which the claims rest on; without groups nothing is said of them."""
    written = section(groups=np.arange(1_000) // 20)
    assert re.search(r"\| \d+ in 4\d groups \| recall >= 0.85 \| empirical \|", written)
    assert not re.search(r"\d in \d+ groups \|", section())


def test_bounds_that_are_no_claim_are_marked() -> None:
    """The precision beside a certified recall; the reader learns why."""
    text = section()
    (row,) = (line for line in text.splitlines() if line.startswith("| rare |") and "certified" in line)
    recall, precision = row.split(" | ")[5:7]
    assert "pointwise" not in recall
    assert precision.endswith(" pointwise)")
    assert "no part of a certified claim" in text


def test_claims_that_hold_together_or_not_at_all_say_so() -> None:
    """Joint claims name their scope; rows that are no sample certify nothing."""
    text = section(joint=True, sample=False)
    assert "Delta is 0.1 for all classes together." in text
    assert "no sample of the traffic" in text
    assert "no sample of the traffic" not in section()
