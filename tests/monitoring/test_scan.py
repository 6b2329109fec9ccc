"""The scan's numbers: against exact tails and hand-computed values, and its invariants."""

import math
import time
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.budget import column_weights
from monitoring.dispersion import estimate
from monitoring.evidence import Yardstick, class_evidence
from monitoring.scan import (
    class_weights,
    formula_threshold,
    scan,
    scan_columns,
)
from monitoring.spans import Span
from monitoring.whole_mix import Mix, MixInflation, whole_mix
from monitoring.windows import Windows, WindowSet, single_window
from tests.monitoring.traffic_kinds import repeated

COUNTS = st.integers(0, 2_000)


def windows_of(buckets: npt.ArrayLike) -> WindowSet:
    """Return the windows after taking in `buckets`."""
    rows = np.asarray(buckets)
    windows = Windows(rows.shape[1])
    for number, counts in enumerate(rows):
        windows.add(counts, start=float(number))
    return windows.suffixes()


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


def streams(rng: np.random.Generator, *, n_classes: int = 40, clumped: bool) -> tuple[Yardstick, np.ndarray]:
    """Return a yardstick of a mix and nine cuts, and buckets of both side by side with a class that rose."""
    shares = rng.dirichlet(np.full(n_classes, 0.5))

    def rows(shares: np.ndarray, n: int) -> np.ndarray:
        mix = repeated(shares, n, 40, rng) if clumped else rng.multinomial(40, shares, size=n)
        cuts = rng.multinomial(mix.sum(axis=1), np.full(10, 0.1)).cumsum(axis=1)[:, :-1]
        return np.concatenate([mix, cuts], axis=1)

    series = rows(shares, 1_000)
    items = series[:, :n_classes].sum(axis=1, keepdims=True)
    spans = [Span("mix", 0, n_classes), Span("cuts", n_classes, n_classes + 9)]
    reference = series.sum(axis=0)
    yardstick = Yardstick(
        counts=reference.astype(float),
        items=np.full(n_classes + 9, float(items.sum())),
        weights=np.concatenate(
            [
                0.7 * column_weights("mix", reference[:n_classes], whole_mix=0.3),
                0.3 * column_weights("cuts", reference[n_classes:]),
            ],
            axis=1,
        ),
        tolerance=np.full(n_classes + 9, 0.05),
        tolerance_abs=np.zeros(n_classes + 9),
        dispersion=estimate(series, items, spans),
        mixes=(Mix(0, n_classes, 0.21),),
    )
    moved = (19 * shares + rng.dirichlet(np.full(n_classes, 0.5))) / 20
    return yardstick, np.concatenate([rows(shares, 400), rows(moved, 200)])


@pytest.mark.parametrize("clumped", [False, True], ids=["independent", "repeats"])
@pytest.mark.parametrize("seed", range(4))
def test_what_is_not_looked_at_could_not_have_mattered(seed: int, clumped: bool):
    """Evidence and statistic are those of all cells and rows, to the last bit, though few are looked at."""
    yardstick, buckets = streams(np.random.default_rng(seed), clumped=clumped)
    windows = windows_of(buckets)
    items = windows.counts[:, :40].sum(axis=1, keepdims=True)
    result = scan_columns(windows.lengths, windows.counts, items, yardstick)
    found = yardstick.inflation(windows.lengths)
    at = {} if found is None else {"phi": found.phi, "nu": found.nu, "phi_reference": found.reference}
    cells, _ = class_evidence(
        windows.counts,
        items,
        yardstick.counts,
        yardstick.items,
        lengths=windows.lengths[:, None],
        log_weights=yardstick.log_weights,
        tolerance=yardstick.tolerance,
        **at,
    )
    cells = np.maximum(cells, 0.0)
    whole = whole_mix(
        windows.counts[:, :40],
        items,
        yardstick.counts[:40],
        yardstick.items[:40],
        lengths=windows.lengths,
        tolerance=0.05,
        inflation=None
        if found is None
        else MixInflation(found.phi[:, :40], found.reference[:40], found.pool_nu[:, 0]),
    ).evidence()
    if found is not None:
        whole = np.where(found.whole[:, 0], whole, 0.0)
    assert (result.evidence == cells.max(axis=0)).all()
    assert (result.strongest == cells[result.window]).all()
    expected = max(cells.max(), whole.max() + math.log(0.21))
    assert result.statistic == pytest.approx(expected, rel=1e-12)
    assert (result.mix is None) == (cells.max() == expected)


def test_a_cell_without_items_is_no_evidence():
    """A stream that is silent, in the windows or in the reference, says nothing and breaks nothing."""
    yardstick, buckets = streams(np.random.default_rng(1), clumped=True)
    windows = windows_of(buckets)
    items = np.repeat(windows.counts[:, :40].sum(axis=1, keepdims=True), 49, axis=1)
    items[:, 40:], windows.counts[:, 40:] = 0, 0
    result = scan_columns(windows.lengths, windows.counts, items, yardstick)
    assert not result.evidence[40:].any()
    assert result.evidence[:40].any()
    silent = replace(
        yardstick, items=np.where(np.arange(49) < 40, 0.0, yardstick.items), mixes=yardstick.mixes
    )
    assert scan_columns(windows.lengths, windows.counts, items, silent).statistic == 0.0


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


@pytest.mark.parametrize(("n_classes", "milliseconds"), [(3, 0.15), (151, 1.0)])
def test_a_scan_costs_well_under_a_millisecond(n_classes: int, milliseconds: float):
    """The best of many scans of 1,000 buckets stays within the budget of a closed bucket."""
    rng = np.random.default_rng(1)
    shares = rng.dirichlet(np.ones(n_classes))
    reference = rng.multinomial(20_000, shares)
    windows, weights = windows_of(rng.multinomial(50, shares, size=1_000)), class_weights(reference)
    durations = []
    for _ in range(100):
        started = time.perf_counter()
        scan(windows, reference, weights=weights, tolerance=0.1)
        durations.append(time.perf_counter() - started)
    assert min(durations) * 1e3 < milliseconds
