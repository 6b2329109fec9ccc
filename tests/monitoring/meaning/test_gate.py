"""Goodness of fit: a moved mix fits, items that look different do not."""

import numpy as np
import pytest

from model_store.shift_reference import build_shift_reference
from monitoring.meaning.both_sides import MixtureFit
from monitoring.meaning.gate import Gate, gate
from tests.support.shifts import Answered, made_up, meters_of

OLD, NEW = [0.1, 0.3, 0.6], [0.4, 0.1, 0.5]
MANY = np.full(40, 1 / 40)


def judged(rows: Answered, live: Answered, *, seed: int, dispersion: float = 1.0) -> Gate:
    """Fit live items by one set of rows and judge the fit."""
    reference = build_shift_reference(rows.probabilities, rows.labels, rows.classes)
    joint = meters_of(rows.probabilities, live.probabilities)["joint"]
    return gate(MixtureFit.of(reference, joint, seed=seed, dispersion=dispersion))


def rejected(runs: int, old: list[float], new: list[float], *, rows: int, items: int, **live: float) -> float:
    """Return how often the gate says that something else than the mix has moved."""
    judgements = [
        judged(
            made_up(rows, old, seed=seed, apart=3.0),
            made_up(items, new, calibrated_at=old, seed=50_000 + seed, apart=3.0, **live),
            seed=seed,
        )
        for seed in range(runs)
    ]
    return float(np.mean([not each.passed for each in judgements]))


@pytest.mark.parametrize("items", [300, 3_000], ids=["few items", "many items"])
def test_a_moved_mix_passes(items: int):
    """Of 200 pure label shifts at most 12 % are refused, at a nominal 5 %."""
    assert rejected(200, OLD, NEW, rows=2_000, items=items) <= 0.12


def test_a_moved_mix_of_many_classes_passes():
    """Forty classes with 25 rows each, where cells are whole classes."""
    new = np.random.default_rng(1).dirichlet(np.full(40, 3.0))
    assert rejected(60, MANY, new, rows=1_000, items=2_000) <= 0.12


def test_items_that_look_different_do_not_pass():
    """A third of items without the marks of any class is noticed every time."""
    assert rejected(30, OLD, NEW, rows=2_000, items=1_500, blurred=0.33) == 1


def test_items_that_look_different_do_not_pass_among_many_classes():
    """Quarters of confidence speak where each class is one cell."""
    assert rejected(30, MANY, MANY, rows=1_000, items=1_500, blurred=0.33) == 1


def test_what_would_be_noticed_is_noticed_half_of_the_time():
    """The share of unfamiliar items that it names gives between a fifth and four fifths of refusals."""
    share = judged(
        made_up(2_000, OLD, seed=1, apart=3.0), made_up(1_500, OLD, seed=2, apart=3.0), seed=3
    ).unfamiliar
    assert share is not None
    generator = np.random.default_rng(4)
    refused = 0
    for seed in range(100):
        rows = made_up(2_000, OLD, seed=seed, apart=3.0)
        live = made_up(1_500, OLD, seed=60_000 + seed, apart=3.0)
        joint = meters_of(rows.probabilities, live.probabilities)["joint"]
        strange = generator.random(joint.sum()) < share
        by_class = joint.reshape(-1, 4).sum(axis=1) / joint.sum()
        added = generator.multinomial(strange.sum(), by_class)
        joint = generator.multinomial(joint.sum() - strange.sum(), joint / joint.sum())
        joint[::4] += added
        reference = build_shift_reference(rows.probabilities, rows.labels, rows.classes)
        refused += not gate(MixtureFit.of(reference, joint, seed=seed)).passed
    assert 20 <= refused <= 85


def test_the_same_seed_gives_the_same_p():
    """To the last bit."""
    sides = made_up(800, OLD, seed=5), made_up(400, NEW, calibrated_at=OLD, seed=6)
    assert judged(*sides, seed=7) == judged(*sides, seed=7)


def test_dispersed_items_are_trusted_less():
    """What 1,500 independent items refuse, 1,500 worth 150 do not."""
    sides = made_up(2_000, OLD, seed=8), made_up(1_500, OLD, seed=9, blurred=0.15)
    plain, dispersed = judged(*sides, seed=10), judged(*sides, seed=10, dispersion=10.0)
    assert plain.p < 0.05 < dispersed.p


def test_next_to_no_rows_are_no_test():
    """Three rows say nothing about fit."""
    rows = made_up(3, [0.5, 0.5], seed=11)
    assert judged(rows, made_up(200, [0.5, 0.5], seed=12), seed=13) == Gate(None, None, None)
