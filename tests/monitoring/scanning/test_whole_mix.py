"""The test of the mix as a whole: calibrated without a change, within the tolerance, and under repeats."""

import numpy as np
import pytest

from monitoring.scanning.dispersion import estimate
from monitoring.scanning.spans import Span
from monitoring.scanning.whole_mix import MixInflation, WholeMix
from tests.monitoring.traffic_kinds import repeated
from tests.support.whole_mixes import whole_mix

SHARES = np.random.default_rng(8).dirichlet(np.full(60, 0.5))


def windows(counts: np.ndarray, reference: np.ndarray, **options: object) -> WholeMix:
    """Return windows of one bucket each, to be compared with a reference."""
    items = counts.sum(axis=-1, keepdims=True)
    return whole_mix(
        counts, items, reference, reference.sum(axis=-1, keepdims=True), lengths=np.array(1), **options
    )


@pytest.mark.parametrize("n", [60, 500, 20_000])
def test_the_whole_mix_keeps_its_level(n: int):
    """Of 2,000 unchanged windows about one in a hundred has a p-value below one in a hundred."""
    rng = np.random.default_rng(n)
    found = windows(rng.multinomial(n, SHARES, size=2_000), rng.multinomial(20_000, SHARES, size=2_000))
    assert 0.002 < (found.evidence() > -np.log(0.01)).mean() < 0.02


def test_the_whole_mix_of_repeated_items_keeps_its_level():
    """With the baseline's variance inflation no more windows are odd than should be."""
    rng = np.random.default_rng(5)
    series = repeated(SHARES, 2_000, 50, rng)
    dispersion = estimate(series, series.sum(axis=1, keepdims=True), [Span("mix", 0, 60)])
    at = dispersion.at(np.full(1_000, 32))
    inflation = MixInflation(at.phi, at.reference, at.pool_nu[:, 0])
    fresh = repeated(SHARES, 32_000, 50, rng).reshape(1_000, 32, 60).sum(axis=1)
    found = windows(fresh, series.sum(axis=0), inflation=inflation)
    naive = windows(fresh, series.sum(axis=0))
    assert (found.evidence() > -np.log(0.01)).mean() < 0.02
    assert (naive.evidence() > -np.log(0.01)).mean() > 0.9


def test_a_mix_within_the_tolerance_is_no_evidence():
    """Every share moves by 8 % in ten million items: silent at 10 %, loud at 2 %."""
    moved = SHARES * np.where(np.arange(60) % 2, 1.08, 0.92)
    counts, reference = (moved / moved.sum() * 1e7).round()[None], (SHARES * 1e7).round()
    assert windows(counts, reference, tolerance=0.12).evidence().tolist() == [0.0]
    assert windows(counts, reference, tolerance_abs=0.02).evidence().tolist() == [0.0]
    assert windows(counts, reference, tolerance=0.02).evidence()[0] > 1_000


def test_too_few_items_for_two_groups_say_nothing():
    """Nor do windows or references without items."""
    reference = np.array([50, 30, 20])
    counts = np.array([[1, 1, 1], [0, 0, 0]])
    assert windows(counts, reference).evidence().tolist() == [0.0, 0.0]
    assert windows(np.array([[90, 5, 5]]), np.zeros(3)).evidence().tolist() == [0.0]


@pytest.mark.parametrize("moved", [False, True], ids=["unchanged", "moved"])
@pytest.mark.parametrize("clumped", [False, True], ids=["independent", "repeats"])
def test_the_largest_is_found_without_looking_at_all(moved: bool, clumped: bool):
    """It is the largest of all rows, and its row; nothing where something larger is known already."""
    rng = np.random.default_rng(12)
    series = repeated(SHARES, 1_000, 50, rng)
    shares = SHARES[np.roll(np.arange(60), 1)] if moved else SHARES
    inflation = None
    lengths = np.array([1, 2, 4, 8, 16, 64, 256, 1_024, 4_096])
    if clumped:
        at = estimate(series, series.sum(axis=1, keepdims=True), [Span("mix", 0, 60)]).at(lengths)
        inflation = MixInflation(at.phi, at.reference, at.pool_nu[:, 0])
    counts = np.cumsum([rng.multinomial(50 * n, (9 * SHARES + shares) / 10) for n in lengths], axis=0)
    items = counts.sum(axis=1, keepdims=True)
    mix = whole_mix(counts, items, series.sum(axis=0), series.sum(), lengths=lengths, inflation=inflation)
    squares, every = mix.cells.gaps().squares(), mix.evidence()
    largest, row = mix.largest(squares)
    assert largest == pytest.approx(every.max(), rel=1e-12)
    assert every[row] == pytest.approx(largest, rel=1e-12)
    assert mix.largest(squares, above=largest + 1.0) == (largest + 1.0, 0)


def test_runs_side_by_side_are_as_each_alone():
    """Windows of many runs, each with its own reference, give what one run at a time gives."""
    rng = np.random.default_rng(3)
    counts = rng.multinomial(400, SHARES, size=(7, 4))
    references = rng.multinomial(20_000, SHARES, size=4)
    together = whole_mix(
        counts,
        counts.sum(axis=2, keepdims=True),
        references,
        references.sum(axis=1, keepdims=True),
        lengths=np.ones((7, 1)),
    )
    found = together.evidence().reshape(7, 4)
    assert found.max() > 0.0
    for run in range(4):
        alone = windows(counts[:, run], references[run]).evidence()
        assert found[:, run] == pytest.approx(alone, rel=1e-9)
