"""The scan's numbers: against exact tails and hand-computed values, and its invariants."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.scanning.evidence import Yardstick, class_evidence
from monitoring.scanning.scan import formula_threshold, scan_columns
from monitoring.scanning.spans import Floats
from tests.monitoring.traffic_kinds import windows_of
from tests.support.comparisons import class_weights, scan, single_window

COUNTS = st.integers(0, 2_000)


def test_a_class_absent_from_the_reference_is_found():
    """New items of a class that the reference never had are evidence, finite and a rise."""
    reference = np.array([9_000, 1_000, 0])
    result = scan(windows_of([[45, 4, 1]] * 20), reference, weights=class_weights(reference))
    assert int(result.evidence.argmax()) == 2
    assert bool(result.rises[2])
    assert 10 < result.statistic < math.inf


def test_traffic_of_one_class_only_is_compared_without_warnings():
    """All items in one class, in window and reference alike, is no drift."""
    reference = np.array([5_000, 0, 0])
    result = scan(windows_of([[50, 0, 0]] * 10), reference, weights=class_weights(reference))
    assert result.statistic == 0.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.permutations(range(5)))
def test_permuting_the_classes_permutes_the_answer(seed: int, order: list[int]):
    """No class is special: evidence and directions move with the columns."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(5))
    reference, buckets = (
        rng.multinomial(3_000, shares),
        rng.multinomial(60, rng.dirichlet(np.ones(5)), size=25),
    )
    weights = class_weights(reference)
    one = scan(windows_of(buckets), reference, weights=weights, tolerance=0.1)
    other = scan(windows_of(buckets[:, order]), reference[order], weights=weights[:, order], tolerance=0.1)
    assert other.evidence == pytest.approx(one.evidence[order], rel=1e-9)
    assert other.statistic == pytest.approx(one.statistic, rel=1e-9)


def test_a_change_within_the_tolerance_is_no_evidence_however_many_items():
    """4 % to 4.35 % of ten million items stays silent at a tolerance of 10 %, and not at one of 5 %."""
    reference = np.array([9_600_000, 400_000, 0])
    window = single_window(np.array([9_565_000, 435_000, 0]))
    weights = class_weights(reference)
    assert scan(window, reference, weights=weights, tolerance=0.10).statistic == 0.0
    assert scan(window, reference, weights=weights, tolerance=0.05).statistic > 20
    assert scan(window, reference, weights=weights, tolerance_abs=0.004).statistic == 0.0


@settings(max_examples=60, deadline=None)
@given(st.lists(COUNTS, min_size=3, max_size=3), st.lists(COUNTS, min_size=3, max_size=3), st.floats(0, 2))
def test_a_tolerance_never_adds_evidence(counts: list[int], reference: list[int], tolerance: float):
    """With a larger tolerance each class's evidence is smaller or equal."""
    window, against = np.array(counts) + 1, np.array(reference) + 1
    weights = class_weights(against)
    strict = scan(single_window(window), against, weights=weights)
    tolerant = scan(single_window(window), against, weights=weights, tolerance=tolerance)
    assert (tolerant.evidence <= strict.evidence + 1e-9).all()


def test_the_strongest_window_dates_the_change():
    """After 200 calm and 20 changed buckets the strongest window is about 20 buckets long."""
    rng = np.random.default_rng(5)
    reference = rng.multinomial(20_000, [0.9, 0.06, 0.04])
    calm = rng.multinomial(100, [0.9, 0.06, 0.04], size=200)
    changed = rng.multinomial(100, [0.82, 0.06, 0.12], size=20)
    windows = windows_of(np.concatenate([calm, changed]))
    result = scan(windows, reference, weights=class_weights(reference), tolerance=0.1)
    assert 16 <= windows.lengths[result.window] <= 24
    assert int(result.strongest.argmax()) == 2


def test_the_threshold_is_the_formula():
    """The formula is ln N + ln(9 log2 min(N, max_window)), at least one scale."""
    assert formula_threshold(1_000, 1_000) == pytest.approx(math.log(1_000) + math.log(9 * math.log2(1_000)))
    assert formula_threshold(1_000, 64) == pytest.approx(math.log(1_000) + math.log(9 * 6))
    assert formula_threshold(1_000, 1) == pytest.approx(math.log(1_000) + math.log(9))
    with pytest.raises(ValueError, match="at least 1"):
        formula_threshold(0, 10)


def test_the_whole_mix_finds_what_no_class_shows():
    """Forty classes that each move a little are found as a whole before any of them."""
    rng = np.random.default_rng(3)
    shares = np.full(40, 1 / 40)
    moved = shares * np.where(np.arange(40) % 2, 1.25, 0.75)
    reference, buckets = rng.multinomial(40_000, shares), rng.multinomial(200, moved, size=30)
    windows = windows_of(buckets)
    alone = scan(windows, reference, weights=class_weights(reference))
    whole = scan(windows, reference, weights=class_weights(reference, whole_mix=0.3), whole_mix=0.3)
    assert whole.statistic > alone.statistic + 10


def test_an_exposure_stands_for_items():
    """Where twice as many of a class are usual now, twice as many are no evidence."""
    reference = np.array([9_000, 1_000, 400])
    n, counts = np.array([[2_000.0]]), np.array([[1_620, 220, 160]])
    yardstick = Yardstick(
        counts=reference.astype(float),
        items=np.full(3, 10_400.0),
        weights=class_weights(reference),
        tolerance=np.zeros(3),
        tolerance_abs=np.zeros(3),
    )
    lengths = np.array([50])
    plain = scan_columns(lengths, counts, n, yardstick)
    usual = scan_columns(lengths, counts, n * np.array([[0.94, 1.15, 2.0]]), yardstick)
    assert plain.evidence[2] > 20.0
    assert usual.statistic < 4.0


def test_a_thousand_categories_are_scanned():
    """Nothing depends on how many there are."""
    rng = np.random.default_rng(2)
    shares = rng.dirichlet(np.full(1_000, 0.5))
    reference = rng.multinomial(200_000, shares)
    moved = shares * np.where(np.arange(1_000) == shares.argmax(), 1.5, 1.0)
    windows = windows_of(rng.multinomial(200, moved / moved.sum(), size=300))
    weights = class_weights(reference, whole_mix=0.3)
    result = scan(windows, reference, weights=weights, whole_mix=0.3, tolerance=0.1)
    assert int(result.evidence.argmax()) == int(shares.argmax())
    assert result.statistic > 20.0


def test_few_cells_are_looked_at_closely(monkeypatch: pytest.MonkeyPatch):
    """Of 151 classes in every window of 1,000 buckets an eighth: what a closed bucket costs rests on it."""
    looked = 0

    def counted(a: Floats, *rest: Floats, **settings: Any) -> tuple[Floats, npt.NDArray[np.bool_]]:
        nonlocal looked
        looked += a.size
        return class_evidence(a, *rest, **settings)

    monkeypatch.setattr("monitoring.scanning.search.class_evidence", counted)
    rng = np.random.default_rng(1)
    shares = rng.dirichlet(np.ones(151))
    reference = rng.multinomial(20_000, shares)
    windows, weights = windows_of(rng.multinomial(50, shares, size=1_000)), class_weights(reference)
    scan(windows, reference, weights=weights, tolerance=0.1)
    assert 0 < looked < windows.counts.size / 8
