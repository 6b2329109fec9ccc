"""A log read once into counts."""

from pathlib import Path

import numpy as np
import pytest

from monitoring.backtest.counting import count
from monitoring.backtest.tally import LADDER
from monitoring.logs import Log, LogColumns
from tests.support import logs


def test_labels_are_sorted_and_all_rows_counted(tmp_path: Path):
    """Of one source those that it has, in any number of chunks."""
    path = logs.write_log(tmp_path / "log.csv", 40_000, days=3.0)
    counted = count(Log(path, LogColumns()))
    series = counted.series()
    assert series.labels == tuple(sorted(logs.LABELS))
    assert series.rows == 40_000
    assert series.scores is not None
    assert series.scores.counts.sum() == 40_000
    assert counted.rows_by_source().tolist() == [40_000]


@pytest.mark.parametrize("most_cells", [200, 2_000, 20_000])
def test_classes_and_scores_stay_on_the_same_stretches(tmp_path: Path, most_cells: int):
    """Scores fill more cells, and what is lengthened for them is lengthened for classes too."""
    path = logs.write_log(tmp_path / "log.csv", 40_000, days=3.0)
    series = count(Log(path, LogColumns()), most_cells=most_cells).series()
    assert series.milliseconds in LADDER
    assert series.rows == 40_000
    assert series.scores is not None
    np.testing.assert_array_equal(np.unique(series.scores.ticks), series.ticks)
    assert len(series.scores.ticks) <= most_cells


def test_scores_are_cut_at_quantiles_of_the_first_rows(tmp_path: Path):
    """Twenty bins of about equal counts; a value that repeats is one cut."""
    path = logs.write_log(tmp_path / "log.csv", 20_000, days=3.0)
    counted = count(Log(path, LogColumns()))
    assert counted.cuts is not None
    assert len(counted.cuts) == 19
    scores = counted.series().scores
    assert scores is not None
    shares = np.bincount(scores.codes, scores.counts) / 20_000
    assert shares.min() > 0.03
    assert shares.max() < 0.07


@pytest.mark.parametrize(("scores", "cuts"), [(["0.5"], None), (["0", "1"], [0.0]), (["", "x"], None)])
def test_scores_that_do_not_differ_are_not_watched(tmp_path: Path, scores: list[str], cuts: object):
    """Two values have one cut; one value, or none, has none."""
    rows = [("2024-05-01T12:00:00Z", "a", scores[i % len(scores)]) for i in range(2_000)]
    path = logs.write_csv(tmp_path / "log.csv", rows, ("time", "label", "score"))
    counted = count(Log(path, LogColumns()))
    assert (None if counted.cuts is None else counted.cuts.tolist()) == cuts
