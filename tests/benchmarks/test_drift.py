"""Small seeded versions of the drift benchmarks: the rates and delays that the documentation states."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.drift_cost import costs
from benchmarks.drift_delay import AS_IS, CALIBRATED, PLAIN, beside, plot, rivals, scan_delays, table
from benchmarks.drift_delays import Ratio
from benchmarks.drift_false_alarms import Cell, cells_of, measured
from benchmarks.drift_false_alarms import main as print_rates
from benchmarks.drift_false_alarms import measure as false_alarms
from benchmarks.drift_false_alarms import plot as plot_rates
from benchmarks.drift_false_alarms import table as table_of_rates
from benchmarks.drift_plain import PlainScan, plain_threshold
from benchmarks.drift_price import main as print_price
from benchmarks.drift_problems import PROBLEMS
from benchmarks.drift_rivals import DISTANCES
from benchmarks.drift_runs import Run, in_parallel, simulate
from benchmarks.drift_traffic import DECLARED, PERIOD_ITEMS, SEASON_KIND, TRAFFIC, Season, one_stream
from benchmarks.machine import machine_line


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_problems_are_mixes_before_and_after_every_change(name: str):
    """Shares are positive and sum to 1, and a change is a change."""
    problem = PROBLEMS[name]()
    for mix in (lambda _: problem.shares, *problem.changes.values()):
        for items in (0, 10_000, 100_000):
            assert mix(items).sum() == pytest.approx(1.0)
            assert (mix(items) > 0.0).all()
    assert all(not np.allclose(mix(100_000), problem.shares) for mix in problem.changes.values())


@pytest.mark.parametrize("kind", TRAFFIC)
def test_traffic_of_every_kind_keeps_the_mix(kind: str):
    """Buckets are full, and over many of them a class has its share, whatever the kind."""
    problem = PROBLEMS["B"]()
    series = TRAFFIC[kind](problem, 8, 100_000, np.random.default_rng(1))
    full = series.sum(axis=2) == problem.bucket_items
    assert full.all() or "deduplicated" in kind
    if kind != "bursts, any class":
        common = series.sum(axis=(0, 1))[:5] / series.sum()
        assert common == pytest.approx(problem.shares[:5], rel=0.1)


@pytest.mark.parametrize("kind", [SEASON_KIND, DECLARED])
def test_a_season_goes_on_from_baseline_to_traffic(kind: str):
    """A quarter of a period later each class is a quarter further, whatever the mix has become."""
    problem = PROBLEMS["B"]()
    moved = replace(problem, shares=problem.changes["rare x3"](0))
    flow = one_stream(kind, problem, np.random.default_rng(1))
    assert isinstance(flow, Season)
    flow(problem, 1, PERIOD_ITEMS // 4, np.random.default_rng(2))
    later = Season(flow.phase + np.pi / 2)(moved, 1, 5_000, np.random.default_rng(3))
    assert np.array_equal(flow(moved, 1, 5_000, np.random.default_rng(3)), later)
    again = one_stream(kind, problem, np.random.default_rng(4))
    assert isinstance(again, Season)
    assert not np.allclose(again.phase, flow.phase)


def test_a_declared_season_costs_little(capsys: pytest.CaptureFixture[str]):
    """The table's row: a tripled class is found within some hundred items."""
    print_price(["--traffic", DECLARED, "--change", "x3", "--runs", "4", "--baseline", "60000"])
    (row,) = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if DECLARED in line]
    assert float(row[1].split()[0].replace(",", "")) < 500


def test_runs_in_parallel_are_the_runs_one_by_one():
    """A run depends on its seed alone, not on the process that simulates it."""
    tasks = [Run("A", "repeats x4", (3, index), baseline_items=2_000, items=1_000) for index in range(3)]
    assert in_parallel(simulate, tasks, processes=2) == in_parallel(simulate, tasks, processes=1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", TRAFFIC)
@pytest.mark.parametrize("name", ["A", "B"])
def test_false_alarms_stay_within_the_nominal_rate(name: str, kind: str):
    """Of 12 runs of 100,000 items without a change at most two alarm, of every kind of traffic.

    At a rate of 5 % that holds in 98 of 100 seeds.
    """
    assert false_alarms(name, kind, baseline_items=100_000, runs=12, seed=4).alarms <= 2


@pytest.mark.slow
def test_one_day_is_a_baseline_for_the_days_after_it():
    """Of 24 runs of five days with a season at most four alarm, by a baseline of one day of 20,000 items.

    At a rate of 5 % that holds in 99 of 100 seeds, at the .29 that blocks alone would leave in 13.
    """
    assert false_alarms("A", SEASON_KIND, baseline_items=20_000, runs=24, seed=4).alarms <= 4


@pytest.mark.parametrize("kind", ["independent", "bursts of 100"])
def test_quiet_traffic_and_bursts_raise_no_alarm(kind: str):
    """Items in a hundred copies are not taken for a change, even when the baseline saw none of them."""
    tasks = [Run("A", kind, (5, index), baseline_items=20_000, items=40_000) for index in range(6)]
    assert sum(each.alarm is not None for each in in_parallel(simulate, tasks, processes=1)) <= 1


def test_a_rare_class_that_rises_is_found_in_hundreds_of_items():
    """Mean delay at the formula's threshold, early alarms, distance from the oracle and the plain scan."""
    compared = {"runs": 24, "seed": 6, "items": 3_000, "baseline": 20_000}
    found = rivals(PROBLEMS["A"](), "x3", **compared)
    ours, over_plain = scan_delays("A", "x3", threshold=15.0, **compared)
    found |= ours
    assert found[AS_IS].mean < min(300, 1.9 * found["oracle"].mean)
    assert (found[AS_IS].power, found[AS_IS].early) == (1.0, 0.0)
    assert all(found[CALIBRATED].mean < found[f"{rule} 2000"].mean for rule in DISTANCES)
    assert 0.9 < over_plain.value < 1.15
    assert f"| x3 | {over_plain} | " in beside({"x3": over_plain})
    results = {"x3": found}
    assert AS_IS in table(results)
    assert PLAIN in table(results)
    assert plot("A", results).startswith("<svg")


def test_a_change_that_nobody_finds_has_no_ratio():
    """And the table is written all the same."""
    assert str(Ratio.of([], [])) == "inf (s.e. nan)"
    assert str(Ratio.of([300], [200])) == "1.500 (s.e. nan)"
    assert str(Ratio.of([300, 100], [200, 200])) == "1.000 (s.e. 0.500)"


def test_the_plain_scan_has_the_level_its_formula_states():
    """Of 20 runs of 20,000 independent items, on thirty classes, at most one alarms; of repeats most do."""
    problem, alarms = PROBLEMS["B"](), {}
    for kind in ("independent", "repeats x4"):
        rng = np.random.default_rng(9)
        scans = [PlainScan(reference) for reference in problem.references(20, rng)]
        series = TRAFFIC[kind](problem, 20, 20_000, rng)
        largest = [max(map(scan.step, series[:, run])) for run, scan in enumerate(scans)]
        alarms[kind] = sum(each >= plain_threshold(problem.n_buckets) for each in largest)
    assert alarms["independent"] <= 1
    assert alarms["repeats x4"] > 10


def test_a_table_of_rates_has_a_row_for_every_traffic_and_their_intervals():
    """What was not measured of a problem is a dash, and an interval holds its rate."""
    cells = [Cell("A", kind, items, 100, 4, 0, 1.0, 7) for kind, items in cells_of("A")]
    lower, upper = cells[0].interval
    assert lower < 0.04 < upper
    text = table_of_rates([*cells, Cell("B", "independent", 100_000, 50, 0, 0, 1.0, 7)])
    assert "| Pareto repeats | 20,000 | 0.040 (0.011-0.099) | - |" in text
    assert DECLARED in text
    assert plot_rates(cells).startswith("<svg")


def test_rates_that_were_kept_are_not_measured_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hours of runs go on where they stopped; other settings are another measurement."""
    kept = tmp_path / "cells.jsonl"
    asked = ("--traffic", "independent", "--baseline", "2000", "--runs", "2", "--cells", str(kept))
    print_rates(asked)
    lines = kept.read_text().splitlines()
    (found,) = measured(kept)
    assert (found.problem, found.runs, found.seed, len(lines)) == ("A", 2, 2026, 1)
    kept.write_text(json.dumps(asdict(found) | {"alarms": 1}) + "\n")
    capsys.readouterr()
    print_rates(asked)
    assert "| independent | 2,000 | 0.500" in capsys.readouterr().out
    print_rates((*asked, "--seed", "7"))
    assert [each.seed for each in measured(kept)] == [2026, 7]
    kept.write_text(kept.read_text()[:-9])  # a kill in the midst of a line
    assert [each.seed for each in measured(kept)] == [2026]
    assert kept.read_text().endswith("}\n")


def test_memory_and_windows_grow_with_the_logarithm_of_the_buckets():
    """Ten times as many buckets add about twenty windows, not ten times as many."""
    few, many = costs(30, [1_000, 10_000], seed=7)
    assert 50 <= few.windows <= 60
    assert many.windows - few.windows <= 28
    assert many.snapshot_bytes < 2 * few.snapshot_bytes


def test_the_machine_line_names_what_numbers_depend_on():
    """Processor, cores, versions and date are on one line."""
    line = machine_line()
    assert "\n" not in line
    assert np.__version__ in line
    assert "cores" in line
