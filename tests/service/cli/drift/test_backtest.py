"""`seamark drift backtest`: a log of any system, one command, an answer."""

import json
import sys
from pathlib import Path

import pytest
import typer

from service.cli.drift.backtest import parse_baseline
from tests.support import logs
from tests.support.command import Command


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a log in which fraud is four times as frequent from the 20th day on."""
    path = tmp_path_factory.mktemp("log") / "moved.csv"
    return logs.write_log(path, 20_000, days=30.0, seed=1, factors={"fraud": 4.0}, after=20.0)


def test_one_command_says_what_moved_and_when(seamark: Command, moved: Path):
    """The verdict, the alarm in a sentence, shares with intervals, what was compared, how it was read."""
    code, out, err = seamark("drift", "backtest", moved)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("1 alarm in ")
    assert lines[1].startswith("alarm: fraud rose from 1.7 % to 9.8 % (")
    assert "since 2024-03-2" in lines[1]
    assert lines[1].endswith("still so at the end of the log")
    assert lines[3].split()[0] == "fraud"
    assert any(line.startswith("baseline: ") for line in lines)
    assert any(line.startswith("at most one false alarm in ") for line in lines)
    assert lines[-1] == "note: columns: time 'timestamp', label 'prediction', score 'score'"


def test_json_holds_what_people_read(seamark: Command, moved: Path):
    """And nothing else is printed."""
    code, out, err = seamark("drift", "backtest", moved, "--json")
    assert (code, err) == (0, "")
    said = json.loads(out)
    (scan,) = said["scans"]
    assert said["alarms"] == len(scan["alarms"]) == 1
    alarm = scan["alarms"][0]
    assert {"raised_at", "since", "ended_at", "rows", "finding", "shares", "further"} <= set(alarm)
    first = alarm["finding"]["classes"][0]
    assert first["low"] < first["current"] < first["high"]


def test_a_report_is_written_with_its_pictures(seamark: Command, moved: Path, tmp_path: Path):
    """Markdown that names its pictures, which stand alone, and the alarms as JSON."""
    pytest.importorskip("matplotlib")
    directory = tmp_path / "report"
    code, out, _ = seamark("drift", "backtest", moved, "--out", directory)
    assert code == 0
    assert out.splitlines()[-1] == f"written: {directory / 'report.md'}, with its pictures and alarms.json"
    files = sorted(path.name for path in directory.iterdir())
    assert files == ["alarms.json", "evidence.svg", "report.md", "shares.svg"]
    report = (directory / "report.md").read_text()
    assert report.startswith("# Drift in moved.csv\n\n1 alarm in ")
    assert "](evidence.svg)" in report
    assert "](shares.svg)" in report
    assert json.loads((directory / "alarms.json").read_text())["alarms"] == 1


def test_options_reach_the_scan(seamark: Command, moved: Path):
    """Columns, baseline, bucket, season, false alarms, watching and tolerance."""
    options = (
        *("--time", "timestamp", "--label", "channel", "--baseline", "2024-03-05:2024-03-12"),
        *("--bucket", "2h", "--season", "none", "--false-alarm", "30d", "--watch", "web=3", "--watch", "*=1"),
        *("--dedupe", "id", "--tolerance", "0.2", "--json"),
    )
    code, out, _ = seamark("drift", "backtest", moved, *options)
    assert code == 0
    (scan,) = json.loads(out)["scans"]
    assert (scan["bucket_seconds"], scan["false_alarm_seconds"]) == (7_200.0, 30 * 86_400.0)
    assert scan["season_seconds"] is None
    assert scan["baseline"]["end"] - scan["baseline"]["start"] == 7 * 86_400.0
    assert {each["class"] for each in scan["shares"]} == {"web", "email"}


def test_rows_left_out_are_named_by_line(seamark: Command, moved: Path, tmp_path: Path):
    """Their content is not shown."""
    path = tmp_path / "log.csv"
    path.write_text(moved.read_text() + "secret,fraud,0.9,web,x\n2024-03-30T00:00:00Z,,0.9,web,y\n")
    code, out, err = seamark("drift", "backtest", path)
    assert code == 0
    assert "note: 1 row left out that has no label: line 20003" in out.splitlines()
    assert "neither ISO 8601 nor a number since 1970: line 20002" in out
    assert "secret" not in out + err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--label", "klass"), 1, "no column 'klass'; the columns are timestamp, prediction"),
        (("--baseline", "soon"), 2, "'soon' is not a length of time above 0 such as 90s, 10m, 6h, 7d or 2w"),
        (("--baseline", "2024-04-01..2024-03-01"), 2, "the earlier first"),
        (("--baseline", "2"), 1, "the baseline would hold "),
        (("--watch", "fraud"), 2, "'fraud' is not CLASS=WEIGHT"),
        (("--bucket", "1s", "--season", "0d"), 2, "'0d' is not a length of time"),
        (("--by-source", "--source", "region"), 1, "no column 'region'"),
    ],
)
def test_a_mistake_is_one_line_with_an_exit_code(
    seamark: Command, moved: Path, arguments: tuple[str, ...], code: int, words: str
):
    """1 for the log, 2 for the command line; the line says what to change."""
    answer = seamark("drift", "backtest", moved, *arguments)
    assert (answer[0], answer[1]) == (code, "")
    assert answer[2].count("\n") == 1
    assert words in answer[2]


def test_without_matplotlib_only_pictures_are_missing(
    seamark: Command, moved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The line names the extra; the scan itself needs nothing."""
    for name in ("matplotlib", "matplotlib.axes", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("monitoring.plots", "monitoring.backtest.report", "model_store.reports.drawing"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    code, _, err = seamark("drift", "backtest", moved, "--out", tmp_path)
    assert (code, err.count("\n")) == (1, 1)
    assert "seamark[plots]" in err
    assert seamark("drift", "backtest", moved)[0] == 0


def test_without_pyarrow_the_line_names_the_extra(
    seamark: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Other formats are read without it."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "log.parquet"
    path.write_bytes(b"PAR1...")
    code, _, err = seamark("drift", "backtest", path)
    assert (code, err.count("\n")) == (1, 1)
    assert "seamark[parquet]" in err


def test_a_label_is_shown_as_it_is_and_on_one_line(seamark: Command, tmp_path: Path):
    """Brackets are no mark-up, and line breaks and escapes are spelled out."""
    rows = [
        (f"2024-03-{1 + i // 100:02d}T{i % 24:02d}:00:00Z", ("[red]", "a\nb", "\x1b[31m")[i % 3])
        for i in range(3_000)
    ]
    path = logs.write_csv(tmp_path / "log.csv", rows, ("time", "label"))
    code, out, _ = seamark("drift", "backtest", path)
    assert code == 0
    assert "[red]" in out
    assert "a\\nb" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, {}),
        ("20000", {"baseline_items": 20_000}),
        ("7d", {"baseline_seconds": 604_800.0}),
        ("2024-03-01..2024-03-02", {"baseline_between": (1_709_251_200.0, 1_709_337_600.0)}),
        ("2024-03-01:2024-03-02", {"baseline_between": (1_709_251_200.0, 1_709_337_600.0)}),
        ("2024-03-01T00:00Z:2024-03-01T12:00Z", {"baseline_between": (1_709_251_200.0, 1_709_294_400.0)}),
    ],
)
def test_a_baseline_is_rows_a_length_or_two_times(text: str | None, expected: dict[str, object]):
    """A colon may part two times that have colons of their own."""
    assert parse_baseline(text) == expected


@pytest.mark.parametrize("text", ["yesterday..today", "a:b", "2024-03-02:2024-03-01", ".."])
def test_other_stretches_are_usage_errors(text: str):
    """Two times, the earlier first."""
    with pytest.raises(typer.BadParameter, match=r"is not FROM\.\.TO"):
        parse_baseline(text)
