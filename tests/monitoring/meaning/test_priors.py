"""Shares of the classes with intervals, and what is said where there are few validation rows."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model_store.shift_reference import build_shift_reference
from monitoring.meaning.both_sides import MixtureFit
from monitoring.meaning.priors import ENOUGH_POSITIVES, Priors, pessimistic, shrink
from tests.support.shifts import made_up, meters_of

OLD, NEW = [0.05, 0.35, 0.6], [0.2, 0.3, 0.5]


def priors_of(seed: int, *, rows: int = 2_000, items: int = 1_500, new: list[float] = NEW) -> Priors:
    """Estimate the priors of fresh items with fresh validation rows."""
    validation = made_up(rows, OLD, seed=seed)
    live = made_up(items, new, calibrated_at=OLD, seed=10_000 + seed)
    reference = build_shift_reference(validation.probabilities, validation.labels, validation.classes)
    joint = meters_of(validation.probabilities, live.probabilities)["joint"]
    return Priors.of(MixtureFit.of(reference, joint, seed=seed))


def test_the_interval_holds_the_new_prior():
    """In 95 % of 300 runs, within what 300 runs tell."""
    found = [priors_of(seed) for seed in range(300)]
    held = np.mean([(each.low <= NEW) & (each.high >= NEW) for each in found], axis=0)
    assert (held >= 0.92).all()
    assert (held <= 0.985).all()


def test_with_enough_rows_nothing_is_shrunk():
    """Estimates are those of the mixture, and sum to 1."""
    found = priors_of(1)
    assert not found.shrunk.any()
    assert found.estimate.sum() == pytest.approx(1)
    assert ((found.low <= found.estimate) & (found.estimate <= found.high)).all()


def test_a_class_of_few_rows_is_drawn_to_its_old_share_and_says_so():
    """By what it lacks to 20 rows; the interval is still that of the data."""
    validation = made_up(100, OLD, seed=2)
    reference = build_shift_reference(validation.probabilities, validation.labels, validation.classes)
    live = made_up(1_500, NEW, calibrated_at=OLD, seed=3)
    fit = MixtureFit.of(reference, meters_of(validation.probabilities, live.probabilities)["joint"], seed=0)
    found, trust = Priors.of(fit), reference.counts[0] / ENOUGH_POSITIVES
    assert found.shrunk.tolist() == [True, False, False]
    assert found.estimate[0] == pytest.approx(trust * fit.priors[0] + (1 - trust) * found.before[0])
    assert found.low[0] < fit.priors[0] < found.high[0]


def test_a_fall_of_a_rare_class_is_called_unmeasured():
    """A quarter of 5 % in few items cannot be told from mistakes; a rise can."""
    assert priors_of(3, items=400, new=[0.0125, 0.3875, 0.6]).unmeasured_falls.tolist()[0]
    assert not priors_of(4).unmeasured_falls[0]


@given(
    raw=st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4).filter(lambda each: sum(each) > 0.1),
    counts=st.lists(st.integers(0, 60), min_size=4, max_size=4).filter(any),
)
@example([1.0, 0.0, 0.0, 0.0078125], [17, 0, 6, 20])
@example([0.0, 0.0, 1.0, 0.0], [0, 0, 0, 20])
@example([0.0, 5e-324, 0.0, 1.0], [0, 20, 0, 0])
def test_shrunk_priors_are_shares(raw: list[float], counts: list[int]):
    """They sum to 1, and none is negative; those of enough rows keep their proportions."""
    priors, n = np.array(raw) / sum(raw), np.array(counts)
    shrunk = shrink(priors, n / n.sum(), n)
    assert shrunk.sum() == pytest.approx(1)
    assert (shrunk >= 0).all()
    many = n >= ENOUGH_POSITIVES
    assert shrunk[many] * priors[many].sum() == pytest.approx(priors[many] * shrunk[many].sum(), abs=1e-9)


def test_the_pessimistic_end_is_the_low_end():
    """The class has its lowest share, and the others the rest in their proportions."""
    validation = made_up(2_000, OLD, seed=5)
    reference = build_shift_reference(validation.probabilities, validation.labels, validation.classes)
    found = priors_of(5)
    worst = pessimistic(reference, found, 0)
    assert worst[0] == found.low[0]
    assert worst.sum() == pytest.approx(1)
    assert worst[1] / worst[2] == pytest.approx(found.estimate[1] / found.estimate[2])
