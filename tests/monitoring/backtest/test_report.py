"""A backtest as files."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from monitoring.backtest.outcome import Backtest, Shares
from monitoring.backtest.report import write_report
from tests.support.backtests import ALARM, SCAN

EVIL = "a|b<script>"


def test_a_report_has_what_moved_the_pictures_and_how_the_log_was_read(tmp_path: Path):
    """Whatever the classes and the columns are called."""
    shares = Shares((EVIL, "fraud"), np.array([990, 10]), np.array([970, 30]))
    alarm = replace(ALARM, shares=shares)
    found = Backtest(
        (replace(SCAN, alarms=(alarm,)),), 0, (), ("a note",), (), {"time": "ts", "label": "p|q"}
    )
    write_report(found, tmp_path / "new", title="log.csv", left_out=["3 rows left out that have no label"])
    report = (tmp_path / "new" / "report.md").read_text()
    assert "| 2024-05-01 13:00 | 2024-05-01 12:00 | open | fraud rose from 1.0 % to 2.9 %" in report
    assert "| a\\|b&lt;script> |" in report
    assert "<script>" not in report
    assert report.index("| fraud | 1.0 % | 3.0 % |") < report.index("| a\\|b")
    assert report.endswith(
        "- Columns: time ts, label p\\|q.\n- A note.\n- 3 rows left out that have no label.\n"
    )
    assert json.loads((tmp_path / "new" / "alarms.json").read_text())["alarms"] == 1


def test_each_source_has_its_part_and_its_pictures(tmp_path: Path):
    """Numbered, since a source's name may be no name of a file."""
    scans = tuple(replace(SCAN, source=name) for name in ("../web", "email"))
    write_report(Backtest(scans, 0, (), (), (), {}), tmp_path, title="log.csv", left_out=[])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        "alarms.json",
        *("evidence-1.svg", "evidence-2.svg"),
        "report.md",
        *("shares-1.svg", "shares-2.svg"),
    ]
    assert "## ../web\n" in (tmp_path / "report.md").read_text()


def test_of_many_classes_the_report_has_thirty(tmp_path: Path):
    """The others are in the JSON."""
    many = Shares(tuple(f"c{i}" for i in range(100)), np.full(100, 10), np.full(100, 10))
    write_report(Backtest((replace(SCAN, shares=many),), 0, (), (), (), {}), tmp_path, title="x", left_out=[])
    report = (tmp_path / "report.md").read_text()
    assert "70 classes that differ less are in alarms.json." in report
    assert report.count("\n| c") == 1 + 30  # the head is a row too
