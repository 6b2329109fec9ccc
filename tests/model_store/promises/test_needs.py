"""Tests of `model_store.promises.needs`."""

import numpy as np
import pytest

from model_store.promises.needs import ENOUGH, MOST_LABELS, labels_for, need
from model_store.promises.targets import Target
from model_store.promises.thresholds import ClassThreshold, Interval


def lacking(**target: float) -> ClassThreshold:
    """Return a class that is not certified."""
    return ClassThreshold(
        "fraud",
        0.5,
        "insufficient_data",
        Target("fraud", **target),
        {},
        Interval(None, 0.0),
        Interval(None, 0.0),
    )


def test_a_declared_recall_needs_positives_only() -> None:
    """Fifteen for .85 at 90 %, of which two are there; the share is what the explored rows suggest."""
    found = need(lacking(recall=0.85), declared=True, positives=2, rows=30, caught=0.1, prior=0.5)
    assert found.positives == 13
    assert found.share == pytest.approx(2.5 / 31)
    assert found.labels == labels_for(13, found.share)


def test_a_recall_and_a_precision_share_the_risk() -> None:
    """At half of delta it takes nineteen."""
    found = need(
        lacking(recall=0.85, precision=0.5), declared=True, positives=0, rows=0, caught=None, prior=0.1
    )
    assert (found.positives, found.share) == (19, 0.1)


def test_a_default_needs_more_the_closer_it_is() -> None:
    """The threshold stays, so its recall must be shown; one below the target never is."""
    close, clear, below = (
        need(lacking(recall=0.8), declared=False, positives=0, rows=100, caught=caught, prior=0.1).positives
        for caught in (0.85, 0.95, 0.79)
    )
    assert clear is not None
    assert close is not None
    assert clear < close
    assert below is None


def test_enough_labels_hold_the_positives_in_four_of_five_draws() -> None:
    """Against drawing them."""
    labels = labels_for(13, 0.06)
    assert labels is not None
    drawn = np.random.default_rng(0).binomial(labels, 0.06, 20_000)
    assert (drawn >= 13).mean() == pytest.approx(ENOUGH, abs=0.02)


def test_what_cannot_be_planned_is_not() -> None:
    """A class of one in a million would take more labels than anyone gives."""
    assert labels_for(15, 1e-6) is None
    assert labels_for(15, 0.0) is None
    assert labels_for(1, 0.9999) == 1
    assert MOST_LABELS >= 100_000
