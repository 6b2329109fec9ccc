"""What a cell says: bounds hold, variance inflation is a discount, and no column without items speaks."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.scanning.dispersion import Dispersion, estimate
from monitoring.scanning.evidence import Yardstick, class_evidence, evidence_bound, gaps
from monitoring.scanning.spans import Span
from tests.monitoring.traffic_kinds import repeated


def yardstick(
    reference: np.ndarray, *, tolerance: float = 0.0, dispersion: Dispersion | None = None
) -> Yardstick:
    """Return a yardstick of even weights."""
    n = len(reference)
    return Yardstick(
        counts=reference.astype(float),
        items=np.full(n, float(reference.sum())),
        weights=np.array([[0.75], [0.25]]) * np.full(n, 1.0 / n),
        tolerance=np.full(n, tolerance),
        tolerance_abs=np.zeros(n),
        dispersion=dispersion,
    )


def exact(counts: np.ndarray, lengths: np.ndarray, y: Yardstick) -> np.ndarray:
    """Return the evidence of every cell."""
    found = y.inflation(lengths)
    clumped = {} if found is None else {"phi": found.phi, "nu": found.nu, "phi_reference": found.reference}
    return class_evidence(
        counts.astype(float),
        counts.sum(axis=1, keepdims=True).astype(float),
        y.counts,
        y.items,
        lengths=lengths[:, None],
        log_weights=y.log_weights,
        tolerance=y.tolerance,
        **clumped,
    )[0]


def test_a_small_share_of_the_budget_costs_more_than_its_logarithm():
    """At a level of 16 nats a thirtieth is worth .68 of one, and what has no share has no price."""
    even = yardstick(np.full(30, 100.0))
    assert (even.log_weights == np.log(even.weights)).all()  # no level is named
    priced = replace(even, level=16.0)
    assert float(priced.priced(np.array(np.log(1 / 30)))) == pytest.approx(np.log(0.6803 / 30), abs=1e-3)
    assert float(priced.priced(np.zeros(1))[0]) == 0.0
    assert (priced.log_weights < even.log_weights).all()
    nothing = replace(priced, weights=np.zeros((2, 30)))
    assert np.isneginf(nothing.log_weights).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1]), st.booleans())
def test_no_evidence_is_above_its_bound(seed: int, tolerance: float, clumped: bool):
    """For windows of one to a million buckets, with and without dispersion and tolerance."""
    rng = np.random.default_rng(seed)
    shares, moved = rng.dirichlet(np.full(8, 0.4)), rng.dirichlet(np.full(8, 0.4))
    series = repeated(shares, 256, 40, rng) if clumped else rng.multinomial(40, shares, size=256)
    dispersion = estimate(series, series.sum(axis=1, keepdims=True), [Span("mix", 0, 8)])
    y = yardstick(series.sum(axis=0), tolerance=tolerance, dispersion=dispersion)
    lengths = np.array([1, 4, 60, 1_000, 1_000_000])
    counts = np.stack([rng.multinomial(40 * n, (9 * shares + moved) / 10) for n in lengths])
    items = counts.sum(axis=1, keepdims=True).astype(float)
    apart = gaps(counts.astype(float), items, y, y.inflation(lengths))
    bound = evidence_bound(
        apart.squares() / (1.0 - apart.pooled),
        apart.rises,
        log_lengths=np.log(lengths)[:, None],
        log_weights=y.log_weights,
    )
    found = exact(counts, lengths, y)
    assert (found[found > 0.0] <= bound[found > 0.0] * (1.0 + 1e-9)).all()


def test_traffic_that_repeats_itself_says_less():
    """The same counts are weaker evidence where a baseline showed that items come in clumps."""
    rng = np.random.default_rng(4)
    shares = np.array([0.9, 0.06, 0.04])
    series = repeated(shares, 2_000, 20, rng)
    items = series.sum(axis=1, keepdims=True)
    clumped = yardstick(series.sum(axis=0), dispersion=estimate(series, items, [Span("mix", 0, 3)]))
    plain = yardstick(series.sum(axis=0))
    counts, lengths = np.array([[1_700, 120, 180]]), np.array([100])
    assert exact(counts, lengths, clumped)[0, 2] < 0.35 * exact(counts, lengths, plain)[0, 2]


def test_the_class_test_of_repeated_items_keeps_its_level():
    """p-values of windows of the baseline's own traffic are at most as often small as they should be."""
    rng = np.random.default_rng(6)
    shares = np.array([0.9, 0.06, 0.04])
    series = repeated(shares, 4_000, 20, rng)
    dispersion = estimate(series, series.sum(axis=1, keepdims=True), [Span("mix", 0, 3)])
    y = yardstick(series.sum(axis=0), dispersion=dispersion)
    fresh = repeated(shares, 64 * 500, 20, rng).reshape(500, 64, 3).sum(axis=1)
    found = exact(fresh, np.full(500, 64), y) - np.log(64) - y.log_weights[0]  # -ln p of rises
    assert (found[:, 1:] > -np.log(0.01)).mean() < 0.02
