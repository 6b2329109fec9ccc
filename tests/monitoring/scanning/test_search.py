"""The search looks at few cells and answers as if it had looked at all."""

import math
from dataclasses import replace

import numpy as np
import pytest

from monitoring.scanning.budget import column_weights
from monitoring.scanning.dispersion import estimate
from monitoring.scanning.evidence import Yardstick, class_evidence
from monitoring.scanning.scan import scan_columns
from monitoring.scanning.search import Search
from monitoring.scanning.spans import Span
from monitoring.scanning.whole_mix import Mix, MixInflation
from tests.monitoring.traffic_kinds import repeated, windows_of
from tests.support.whole_mixes import whole_mix


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


@pytest.mark.parametrize("seed", range(3))
def test_a_guess_changes_nothing_but_the_work(seed: int):
    """Too low, too high or none: the statistic, its window and all evidence are the same to the last bit."""
    yardstick, buckets = streams(np.random.default_rng(seed), clumped=False)
    windows = windows_of(buckets)
    items = windows.counts[:, :40].sum(axis=1, keepdims=True)
    plain = scan_columns(windows.lengths, windows.counts, items, yardstick)
    for guess in (0.0, plain.of_columns, plain.of_columns + 2.0, 1_000.0):
        guessed = scan_columns(windows.lengths, windows.counts, items, yardstick, guess=guess)
        assert (guessed.statistic, guessed.window, guessed.mix) == (plain.statistic, plain.window, plain.mix)
        assert (guessed.evidence == plain.evidence).all()
        assert (guessed.rises == plain.rises).all()


def test_a_column_without_a_reference_is_no_evidence_whatever_its_exposures():
    """A season may count more items than there are: such a column's bound is beyond every price."""
    yardstick, buckets = streams(np.random.default_rng(1), clumped=False)
    windows = windows_of(buckets)
    counts = windows.counts.copy()
    items = np.repeat(windows.counts[:, :40].sum(axis=1, keepdims=True), 49, axis=1).astype(float)
    counts[:, 48] = items[:, 48]
    items[:, 48] *= 0.9
    silent = np.arange(49) == 48
    unreferred = replace(
        yardstick,
        counts=np.where(silent, 0.0, yardstick.counts),
        items=np.where(silent, 0.0, yardstick.items),
    )
    without = replace(unreferred, weights=np.where(silent, 0.0, yardstick.weights))
    found, expected = (
        scan_columns(windows.lengths, counts, items, each, guess=0.0) for each in (unreferred, without)
    )
    assert (found.statistic, found.window) == (expected.statistic, expected.window)
    assert (found.evidence == expected.evidence).all()
    assert found.evidence[48] == 0.0


@pytest.mark.parametrize("guess", [None, 0.0, math.inf])
def test_a_share_above_one_of_very_many_items_is_evidence(guess: float | None):
    """Where a season was fitted a class may count more items than its exposures: its bound stays a number."""
    n = 300
    yardstick = Yardstick(
        counts=np.where(np.arange(n) == 0, 1e10, 1e3),
        items=np.full(n, 0.95e10),
        weights=np.full((2, n), 0.5 / n),
        tolerance=np.zeros(n),
        tolerance_abs=np.zeros(n),
    )
    lengths = np.array([10, 100, 1_000])
    counts = np.where(np.arange(n) == 0, 1e9, 1e2) * lengths[:, None]
    exposures = np.full((1, n), 0.8e9) * lengths[:, None]
    found = scan_columns(lengths, counts, exposures, yardstick, guess=guess)
    assert found.window == 2
    assert found.statistic == pytest.approx(found.evidence[0])
    assert found.statistic > 1e6


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


def test_few_cells_are_looked_at():
    """Of a table of four thousand cells one in forty for the largest, one in five for that of each column."""
    yardstick, buckets = streams(np.random.default_rng(3), n_classes=80, clumped=False)
    windows = windows_of(buckets)
    items = windows.counts[:, :80].sum(axis=1, keepdims=True).astype(float)
    search = Search(windows.lengths, windows.counts.astype(float), items, yardstick)
    looked: list[int] = []
    look = search._look

    def counted(cells: np.ndarray) -> None:
        looked.append(len(cells))
        look(cells)

    search._look = counted
    search.largest()
    assert sum(looked) < windows.counts.size / 40
    assert search.by_column[0].max() == search.largest()[0]
    assert sum(looked) < windows.counts.size / 5
