"""What the scan reads of a baseline's variance: windows of any length, several streams, exact snapshots."""

import json

import numpy as np
import pytest

from monitoring.scanning.chain import Chain
from monitoring.scanning.dispersion import Dispersion, estimate
from monitoring.scanning.spans import Span
from monitoring.scanning.swing import part_in
from tests.monitoring.traffic_kinds import repeated, swinging, walking

FOUR = np.array([0.7, 0.2, 0.06, 0.04])
MIX = Span("mix", 0, 4)


def of(series: np.ndarray, **options: int) -> Dispersion:
    """Return the dispersion of a mix of four."""
    return estimate(series, series.sum(axis=1, keepdims=True), [MIX], **options)


def test_a_window_is_judged_by_the_next_longer_scale():
    """A window of five buckets by spans of eight, one longer than any by the longest."""
    chain = Chain(
        phi=np.array([[1.0], [2.0], [3.0], [4.0]]),
        nu=np.array([[10.0], [20.0], [30.0], [40.0]]),
        pool_nu=np.array([1.0, 2.0, 3.0, 4.0]),
    )
    found = Dispersion((Span("cuts", 0, 1),), (chain,), rows=64, unit=1, reference_factor=np.ones(1))
    at = found.at(np.array([1, 2, 3, 5, 8, 1_000]))
    assert at.phi[:, 0].tolist() == [1.0, 2.0, 3.0, 4.0, 4.0, 4.0]
    assert at.nu[:, 0].tolist() == [10.0, 20.0, 30.0, 40.0, 40.0, 40.0]
    assert at.reference.tolist() == [4.0]


def test_rows_of_several_buckets_begin_at_their_length():
    """A series made coarser says nothing of shorter spans, which take what its rows show."""
    series = repeated(FOUR, 2_048, 40, np.random.default_rng(0))
    coarse = of(series.reshape(512, 4, 4).sum(axis=1), unit=4)
    assert coarse.measured_buckets == 256
    at = coarse.at(np.array([1, 4, 5]))
    assert (at.phi[0] == at.phi[1]).all()
    assert coarse.at(np.array([256])).phi == pytest.approx(of(series).at(np.array([256])).phi, rel=0.25)


def test_where_variance_grows_it_is_extrapolated_and_the_mix_not_tested():
    """The excess over 1 doubles with the length, up to the baseline's own, and that is the reference's."""
    series = walking(1_024, 50, np.random.default_rng(4))
    series = np.concatenate([series, series[:, :1] // 2], axis=1)
    found = estimate(series, series.sum(axis=1, keepdims=True), [Span("mix", 0, 3)])
    longest = found.measured_buckets
    at = found.at(np.array([longest, 2 * longest, 4 * longest, 8 * longest]))
    assert (found.growing, longest) == (True, 128)
    assert (at.phi[1:] - 1.0) / (at.phi[:1] - 1.0) == pytest.approx(
        np.array([[2.0], [4.0], [8.0]]) * np.ones(3)
    )
    assert (at.reference == at.phi[-1]).all()
    assert at.whole[:, 0].tolist() == [True, False, False, False]


def test_a_slow_swing_is_allowed_for_in_windows_as_slow():
    """By its part of the swing, no more in longer ones than in a half; the reference holds all of it."""
    chain = Chain(np.ones((1, 2)), np.full((1, 2), np.inf), np.array([np.inf]), swing=np.array([0.0, 10.0]))
    found = Dispersion((Span("mix", 0, 2),), (chain,), rows=1_024, unit=1, reference_factor=np.ones(2))
    at = found.at(np.array([8, 128, 256, 1_024, 100_000]))
    assert (found.swinging, found.independent) == (True, False)
    assert at.phi[:, 0].tolist() == [1.0] * 5
    assert at.phi[:, 1] == pytest.approx(np.array([1.16, 2.38, 2.93, 3.10, 3.10]), abs=0.01)
    assert at.reference.tolist() == [1.0, 1.0]
    assert at.whole.all()


def test_a_swing_comes_on_top_of_what_copies_vary():
    """Where clumps are longer than a row, by what the blocks of each length show, not by that of a row."""
    chain = Chain(
        phi=np.array([[2.0], [7.0]]),
        nu=np.array([[30.0], [20.0]]),
        pool_nu=np.array([30.0, 20.0]),
        swing=np.array([50.0]),
    )
    found = Dispersion((Span("cuts", 0, 1),), (chain,), rows=16, unit=1, reference_factor=np.ones(1))
    at = found.at(np.array([4]))
    height = np.sqrt(2.0 * part_in(np.array([0.25]))[0] * 50.0)
    assert at.phi[0, 0] == pytest.approx((np.sqrt(7.0) + height / 4.0) ** 2)
    assert (at.nu[0, 0], at.reference[0]) == (20.0, 7.0)


def test_a_snapshot_of_an_earlier_version_has_no_swing():
    """Its baselines go on as they were."""
    snapshot = of(np.random.default_rng(5).multinomial(50, FOUR, size=1_000)).to_json()
    for chain in snapshot["chains"]:
        del chain["swing"]
    assert not Dispersion.from_json(snapshot).swinging


def test_each_stream_has_a_chain_of_its_own():
    """Scores of items that arrive once are not judged by the classes of items that arrive four times."""
    rng = np.random.default_rng(1)
    series = repeated(FOUR, 2_000, 40, rng)
    items = series.sum(axis=1, keepdims=True)
    cut = rng.binomial(items, 0.5)
    found = estimate(np.concatenate([series, cut], axis=1), items, [MIX, Span("cuts", 4, 5)])
    at = found.at(np.array([16]))
    assert at.phi[0, :4].min() > 5.0
    assert at.phi[0, 4] == 1.0
    assert (found.span_of(3), found.span_of(4)) == (0, 1)
    assert not found.independent


def test_a_reference_of_fitted_columns_varies_more():
    """The factor is the reference's alone."""
    series = repeated(FOUR, 2_000, 40, np.random.default_rng(2))
    factor = np.array([1.0, 5.0, 1.0, 5.0])
    found = estimate(series, series.sum(axis=1, keepdims=True), [MIX], reference_factor=factor)
    at = found.at(np.array([1 << 20]))
    assert at.reference == pytest.approx(at.phi[0] * factor)


@pytest.mark.parametrize("kind", ["independent", "repeats", "growing", "swinging", "short"])
def test_a_snapshot_restores_it_exactly(kind: str):
    """Through JSON, to the last bit, in every state."""
    rng = np.random.default_rng(3)
    series = {
        "independent": rng.multinomial(50, FOUR, size=1_000),
        "repeats": repeated(FOUR, 1_000, 40, rng),
        "swinging": np.repeat(swinging(512, 50, rng, share=0.1, swing=0.2), 2, axis=1),
        "growing": np.repeat(walking(512, 50, rng), 2, axis=1),
        "short": rng.multinomial(50, FOUR, size=3),
    }[kind]
    found = of(series)
    again = Dispersion.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    lengths = 2 ** np.arange(20)
    one, other = found.at(lengths), again.at(lengths)
    assert all(
        (getattr(one, name) == getattr(other, name)).all()
        for name in ("phi", "nu", "reference", "pool_nu", "whole")
    )
    assert (again.growing, again.independent) == (found.growing, found.independent)


def test_a_snapshot_of_190_columns_is_small():
    """Every class with a number of its own at every scale: forty kilobytes at most."""
    rng = np.random.default_rng(4)
    weight = rng.integers(1, 9, size=150)
    series = np.concatenate(
        [rng.multinomial(300, np.full(150, 1 / 150), size=8_192) * weight, np.ones((8_192, 40), np.int64)],
        axis=1,
    )
    series[:, 150:] = rng.binomial(300, 0.5, size=(8_192, 40)) * 2
    items = np.concatenate([np.full((8_192, 150), 1_500), np.full((8_192, 40), 900)], axis=1)
    found = estimate(series, items, [Span("mix", 0, 150), Span("cuts", 150, 190)])
    assert len(json.dumps(found.to_json())) <= 40_000
