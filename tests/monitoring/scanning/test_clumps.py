"""Evidence that rests on a few clumps is not believed, where a baseline shows such clumps."""

import json

import numpy as np
import pytest

from benchmarks.drift_problems import PROBLEMS
from benchmarks.drift_traffic import TRAFFIC
from monitoring.scanning.clumps import LEFT_OUT, Clumps, believed, find_clumps
from monitoring.scanning.dispersion import estimate
from monitoring.scanning.evidence import Yardstick
from monitoring.scanning.scan import scan_columns
from monitoring.scanning.spans import Span

SPAN = Span("mix", 0, 2)
REFERENCE = np.array([96_000.0, 4_000.0])


def yardstick() -> Yardstick:
    """Return two classes, the rarer one tested."""
    weights = np.array([[0.0, 0.75], [0.0, 0.25]])
    items = np.full(2, REFERENCE.sum())
    return Yardstick(REFERENCE, items, weights, tolerance=np.zeros(2), tolerance_abs=np.zeros(2))


def judged(rare: list[int], *, stretch: int) -> tuple[float, float]:
    """Return the statistic of buckets of 100 items, newest first, and what of it is believed.

    Parameters
    ----------
    rare : list of int
        Items of the rare class in each bucket; windows of every length are looked at.
    """
    counts = np.cumsum([[100 - k, k] for k in rare], axis=0)
    items = np.repeat(counts.sum(axis=1, keepdims=True), 2, axis=1)
    lengths = np.arange(1, len(rare) + 1)
    result = scan_columns(lengths, counts, items, yardstick())
    told = believed(
        result,
        Clumps((SPAN,), (stretch,)),
        lengths=lengths,
        counts=counts,
        items=items,
        yardstick=yardstick(),
        threshold=15.0,
    )
    return result.statistic, told.statistic


def test_one_clump_is_no_evidence_whatever_its_size():
    """Three buckets of nothing but the rare class, and then the usual."""
    plain, told = judged([4] * 10 + [100] * 3 + [4] * 20, stretch=3)
    assert plain > 300.0
    assert told < 15.0


def test_as_many_clumps_as_are_left_out_are_no_evidence():
    """A stretch is left out as often as that; one clump more counts."""
    apart = [4] * 8 + [60]
    assert judged(apart * LEFT_OUT, stretch=1)[1] < 15.0
    assert judged(apart * (LEFT_OUT + 4), stretch=1)[1] > 15.0


def test_a_change_that_lasts_is_believed():
    """Left out are the worst stretches only; what remains of a lasting change is enough."""
    plain, told = judged([12] * 60, stretch=2)
    assert 15.0 < told < plain


def test_without_clumps_a_result_stays_as_it_is():
    """Independent traffic pays nothing, and evidence below the threshold is not looked at."""
    plain, told = judged([4] * 10 + [100] * 3, stretch=0)
    assert plain == told
    assert judged([5] * 10, stretch=3)[0] == judged([5] * 10, stretch=3)[1]


@pytest.mark.parametrize("name", ["A", "B"])
@pytest.mark.parametrize(
    ("kind", "clumped"),
    [("independent", False), ("repeats x4", False), ("Markov .5", False), ("Pareto repeats", True)],
)
def test_pareto_copies_are_told_from_others_by_their_clumps(name: str, kind: str, clumped: bool):
    """Of 8 baselines of 100,000 items one at most, of autocorrelated ones two, is taken for another sort."""
    problem = PROBLEMS[name]()
    series = TRAFFIC[kind](problem, 8, 100_000, np.random.default_rng(11)).astype(np.int64)
    span = Span("mix", 0, series.shape[2])
    found = []
    for run in range(8):
        rows = series[:, run]
        items = np.full(rows.shape, problem.bucket_items)
        found.append(find_clumps(rows, items, estimate(rows, items, [span])).any)
    assert abs(sum(found) - 8 * clumped) <= 1 + (kind == "Markov .5")


def test_copies_are_seldom_taken_for_clumps():
    """Chance surprises once: of 40 baselines of four copies an item one at most is called clumped."""
    problem, span = PROBLEMS["A"](), Span("mix", 0, 2)
    series = TRAFFIC["repeats x4"](problem, 40, 100_000, np.random.default_rng(12)).astype(np.int64)
    items = np.full((len(series), 2), problem.bucket_items)
    every = [series[:, run] for run in range(40)]
    assert sum(find_clumps(rows, items, estimate(rows, items, [span])).any for rows in every) <= 1


def test_what_is_left_out_is_a_small_part_of_the_baseline():
    """A clump of four hundred buckets makes long blocks impossible: four stretches are an eighth at most."""
    rng, span = np.random.default_rng(1), Span("mix", 0, 2)
    rare = rng.binomial(20, 0.04, 6_400)
    rare[3_000:3_400] = rng.binomial(20, 0.5, 400)
    rows, items = np.stack([20 - rare, rare], axis=1), np.full((6_400, 2), 20)
    clumps = find_clumps(rows, items, estimate(rows, items, [span]))
    assert clumps.any
    assert LEFT_OUT * clumps.buckets[0] <= 6_400 / 8


def test_variance_of_long_spans_alone_is_no_sign_of_clumps():
    """A day's swing on two classes is dispersed, yet asked as strictly as independent items: none of 12."""
    problem, span = PROBLEMS["A"](), Span("mix", 0, 2)
    series = TRAFFIC["season +-20 %"](problem, 12, 100_000, np.random.default_rng(3)).astype(np.int64)
    for run in range(12):
        rows, items = series[:, run], np.full((len(series), 2), problem.bucket_items)
        dispersion = estimate(rows, items, [span])
        assert not dispersion.independent
        assert not find_clumps(rows, items, dispersion).any


def test_clumps_are_written_down_exactly():
    """JSON there and back, and each column has its span's stretch."""
    clumps = Clumps((Span("mix", 0, 3), Span("cuts", 3, 5)), (0, 8))
    again = Clumps.from_json(json.loads(json.dumps(clumps.to_json())))
    assert again == clumps
    assert [again.at(column) for column in range(5)] == [0, 0, 0, 8, 8]
    assert again.any
