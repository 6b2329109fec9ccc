"""Several labels an item: shares of each label from two counts."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import expit, logit

from model_store.shift_reference import ShiftReference, build_shift_reference
from monitoring.meaning.label_shift import EVEN, LabelShares, label_shares

OLD, NEW = np.array([0.1, 0.4]), np.array([0.3, 0.35])

Floats = npt.NDArray[np.float32]


def items(n: int, shares: npt.NDArray[np.float64], seed: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Draw items with two labels each, their probabilities calibrated at the old shares."""
    generator = np.random.default_rng(seed)
    labels = generator.random((n, 2)) < shares
    scores = 2.0 * labels + generator.normal(size=(n, 2))
    return expit(2.0 * scores - 2.0 + logit(OLD)).astype(np.float32), labels


def shares_of(reference: ShiftReference, live: Floats, **options: float) -> LabelShares:
    """Estimate from live probabilities."""
    even = np.append((live >= EVEN).sum(axis=0), len(live))
    return label_shares(
        reference, even, live.mean(axis=0, dtype=np.float64), **({"items": len(live)} | options)
    )


def reference_of(n: int, seed: int) -> ShiftReference:
    """Return what fresh validation rows say."""
    return build_shift_reference(*items(n, OLD, seed), ("a", "b"))


def test_both_estimates_find_the_new_shares():
    """Within what the rows tell."""
    found = shares_of(reference_of(20_000, 1), items(20_000, NEW, 2)[0])
    assert found.soft.priors == pytest.approx(NEW, abs=0.02)
    assert found.hard.priors == pytest.approx(NEW, abs=0.02)
    assert found.told.all()


def test_intervals_hold_the_new_shares():
    """Both, in about 95 % of 300 runs."""
    runs = [shares_of(reference_of(800, seed), items(600, NEW, 5_000 + seed)[0]) for seed in range(300)]
    for each in ("soft", "hard"):
        found = [getattr(run, each) for run in runs]
        held = np.mean([np.abs(one.priors - NEW) <= 1.96 * one.errors for one in found])
        assert 0.92 <= held <= 0.98


def test_items_that_are_worth_fewer_leave_more_open():
    """Errors grow with what items repeat each other."""
    reference, live = reference_of(2_000, 3), items(1_000, NEW, 4)[0]
    plain, fewer = shares_of(reference, live), shares_of(reference, live, items=250)
    assert (fewer.soft.errors > plain.soft.errors).all()
    assert fewer.soft.priors == pytest.approx(plain.soft.priors)


def test_a_label_that_the_model_does_not_tell_keeps_its_share():
    """The same probability for all items says nothing."""
    p, labels = items(500, OLD, 5)
    p[:, 1] = 0.4
    found = shares_of(build_shift_reference(p, labels, ("a", "b")), p)
    assert found.told.tolist() == [True, False]
    assert found.soft.priors[1] == pytest.approx(labels[:, 1].mean())
