"""What a detector would have said about a past log: silence where nothing moved, and names where it did."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitoring.backtest import Backtest, BacktestOptions, BacktestRefused, backtest, count
from monitoring.logs import Log, LogColumns, LogRefused
from tests.support import logs


def scanned(
    path: Path, options: BacktestOptions | None = None, *, by_source: bool = False, **columns: Any
) -> Backtest:
    """Return the backtest of a file."""
    log = Log(path, LogColumns(**columns), by_source=by_source)
    options = options or BacktestOptions()
    return backtest(log, count(log, bucket_seconds=options.bucket_seconds), options)


def named(found: Backtest) -> list[list[tuple[str, str]]]:
    """Return class and direction of what each alarm names."""
    return [
        [(each.name, each.direction) for each in alarm.finding.classes]
        for scan in found.scans
        for alarm in scan.alarms
    ]


def test_a_calm_log_of_a_hundred_thousand_rows_is_silent(tmp_path: Path):
    """No alarm, and it says what would have been noticed."""
    found = scanned(logs.write_log(tmp_path / "log.csv", 100_000, days=60.0, seed=1))
    assert found.alarms == 0
    (scan,) = found.scans
    assert (scan.rows, scan.scanned_rows + scan.baseline_rows) == (100_000, 100_000)
    assert scan.statistics.max() < scan.threshold
    assert {each.name for each in scan.noticeable if each.rows} == {
        "billing",
        "delivery",
        "account",
        "technical",
        "fraud",
    }


def test_a_rare_class_at_three_times_its_share_is_named_and_dated(tmp_path: Path):
    """After some hundred rows, with both shares, and the alarm is open to the end."""
    path = logs.write_log(
        tmp_path / "log.csv", 100_000, days=60.0, seed=2, factors={"fraud": 3.0}, after=40.0
    )
    found = scanned(path)
    assert named(found)[0][0] == ("fraud", "rise")
    alarm = found.scans[0].alarms[0]
    began = logs.START.timestamp() + 40 * 86_400
    assert 0 < alarm.raised_at - began < 1.5 * 86_400
    assert abs(alarm.finding.since_time - began) < 86_400
    first = alarm.finding.classes[0]
    assert first.reference == pytest.approx(0.02, abs=0.004)
    assert first.current > 2 * first.reference
    assert alarm.ended_at is None


def test_an_alarm_ends_when_the_mix_is_as_before(tmp_path: Path):
    """A week of fraud has a beginning and an end."""
    rng = np.random.default_rng(3)
    when = logs.moments(40_000, days=60.0, rng=rng)
    week = (when > 30 * 86_400) & (when < 37 * 86_400)
    said = np.array(logs.labels(when, rng=rng))
    said[week & (rng.random(len(when)) < 0.06)] = "fraud"
    found = scanned(logs.write_csv(tmp_path / "log.csv", logs.rows_of(when, said.tolist(), rng=rng)))
    (alarm,) = found.scans[0].alarms
    assert alarm.finding.classes[0].name == "fraud"
    assert alarm.ended_at is not None
    assert alarm.ended_at > logs.START.timestamp() + 37 * 86_400


def test_scores_that_fall_are_noticed_though_labels_stay(tmp_path: Path):
    """The stream that led is that of scores, and no class is blamed."""
    rng = np.random.default_rng(4)
    when = logs.moments(60_000, days=60.0, rng=rng)
    rows = [list(row) for row in logs.rows_of(when, logs.labels(when, rng=rng), rng=rng)]
    for row, moment in zip(rows, when.tolist(), strict=True):
        if moment > 40 * 86_400:
            row[2] = round(float(rng.beta(6.0, 2.0)), 4)
    found = scanned(logs.write_csv(tmp_path / "log.csv", rows))
    alarm = found.scans[0].alarms[0]
    assert alarm.finding.stream == "scores"
    assert alarm.raised_at > logs.START.timestamp() + 40 * 86_400


@pytest.mark.parametrize("seed", range(3))
def test_a_daily_season_is_no_drift(tmp_path: Path, seed: int):
    """Of a class whose odds swing by 40 % every day, where the baseline holds two days or more."""
    path = logs.write_log(tmp_path / "log.csv", 40_000, days=60.0, seed=seed, daily=0.4)
    found = scanned(path)
    assert found.scans[0].season_seconds == 86_400.0
    assert found.alarms == 0


def test_retries_are_no_drift_once_their_ids_are_named(tmp_path: Path):
    """Each of some items is logged six times at once; counted once, the log is that of the items."""
    rng = np.random.default_rng(5)
    when = logs.moments(30_000, days=30.0, rng=rng)
    rows = logs.rows_of(when, logs.labels(when, rng=rng), rng=rng)
    repeated = [row for row in rows for _ in range(6 if row[4] % 7 == 0 else 1)]
    path = logs.write_csv(tmp_path / "log.csv", repeated)
    found = scanned(path, id="id")
    assert found.repeated_rows == len(repeated) - len(rows)
    assert found.scans[0].rows == 30_000
    assert found.alarms == 0
    assert any("repeat an id" in note for note in found.notes)


def test_a_label_that_appears_late_is_named(tmp_path: Path):
    """The baseline has none of it; its rise begins at nothing."""
    rng = np.random.default_rng(6)
    when = logs.moments(20_000, days=40.0, rng=rng)
    said = [
        "recall" if moment > 30 * 86_400 and luck < 0.02 else label
        for label, moment, luck in zip(
            logs.labels(when, rng=rng), when.tolist(), rng.random(len(when)).tolist(), strict=True
        )
    ]
    found = scanned(logs.write_csv(tmp_path / "log.csv", logs.rows_of(when, said, rng=rng)))
    first = found.scans[0].alarms[0].finding.classes[0]
    assert (first.name, first.direction, first.reference) == ("recall", "rise", 0.0)


def test_one_label_and_no_score_cannot_drift(tmp_path: Path):
    """The line says what else could be watched; with scores those are."""
    rng = np.random.default_rng(7)
    when = logs.moments(5_000, days=5.0, rng=rng)
    rows = logs.rows_of(when, ["same"] * len(when), rng=rng)
    path = logs.write_csv(tmp_path / "log.csv", rows)
    assert scanned(path).alarms == 0
    bare = logs.write_csv(tmp_path / "bare.csv", [row[:2] for row in rows], logs.HEADER[:2])
    with pytest.raises(BacktestRefused, match="has the same label, and its share cannot move"):
        scanned(bare)


def test_the_order_of_rows_does_not_matter(tmp_path: Path):
    """A shuffled log has the same alarms, and a note that it was out of order."""
    rng = np.random.default_rng(8)
    when = logs.moments(20_000, days=40.0, rng=rng)
    said = logs.labels(when, rng=rng, factors={"fraud": 4.0}, after=25.0)
    rows = [row[:2] for row in logs.rows_of(when, said, rng=rng)]
    shuffled = [rows[i] for i in rng.permutation(len(rows)).tolist()]
    sorted_, mixed = (
        scanned(logs.write_csv(tmp_path / name, each, logs.HEADER[:2]))
        for name, each in (("sorted.csv", rows), ("mixed.csv", shuffled))
    )
    assert sorted_.alarms
    assert [scan.to_json() for scan in sorted_.scans] == [scan.to_json() for scan in mixed.scans]
    assert any("out of order" in note for note in mixed.notes)


def test_a_source_that_moves_is_found_among_others(tmp_path: Path):
    """One detector a source; small ones are listed and not scanned."""
    rng = np.random.default_rng(9)
    when = logs.moments(40_000, days=60.0, rng=rng)
    channel = rng.choice(["web", "email", "fax"], len(when), p=[0.495, 0.495, 0.01]).tolist()
    moved = logs.labels(when, rng=rng, factors={"fraud": 4.0}, after=40.0)
    calm = logs.labels(when, rng=rng)
    rows = [
        (row[0], m if source == "email" else c, row[2], source, row[4])
        for row, m, c, source in zip(logs.rows_of(when, calm, rng=rng), moved, calm, channel, strict=True)
    ]
    found = scanned(logs.write_csv(tmp_path / "log.csv", rows), by_source=True)
    alarms = {scan.source: named(Backtest((scan,), 0, (), (), (), {})) for scan in found.scans}
    assert alarms["web"] == []
    assert alarms["email"][0][0] == ("fraud", "rise")
    assert [name for name, _ in found.small] == ["fax"]


def test_the_baseline_may_be_a_stretch_in_the_middle(tmp_path: Path):
    """What is before it is not looked at."""
    path = logs.write_log(tmp_path / "log.csv", 30_000, days=30.0, seed=10)
    begin = logs.START.timestamp() + 10 * 86_400.0
    options = BacktestOptions(baseline_between=(begin, begin + 5 * 86_400.0))
    (scan,) = scanned(path, options).scans
    assert (scan.baseline_start, scan.baseline_end) == (begin, begin + 5 * 86_400.0)
    assert scan.skipped_rows == pytest.approx(10_000, abs=500)
    assert scan.scanned_rows == pytest.approx(15_000, abs=500)


def test_a_class_that_is_not_there_cannot_be_watched(tmp_path: Path):
    """The labels of the log are listed."""
    path = logs.write_log(tmp_path / "log.csv", 3_000, days=3.0)
    with pytest.raises(
        BacktestRefused, match="--watch frod: no row has this label; labels are account, bill"
    ):
        scanned(path, BacktestOptions(watch={"frod": 3.0}))


def test_watching_nothing_is_refused(tmp_path: Path):
    """Rather than watching every class alike, which nobody asked for."""
    path = logs.write_log(tmp_path / "log.csv", 3_000, days=3.0)
    with pytest.raises(BacktestRefused, match="leaves every class without weight"):
        scanned(path, BacktestOptions(watch={"*": 0.0}))


def _lines(*rows: Sequence[str]) -> str:
    return "\n".join(map(",".join, rows)) + "\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("time,label\n", "the file has a header and no rows; expected at least 1,000"),
        (_lines(("time", "label"), *[("2024-05-01", "a")] * 20), "has 20 usable rows and at least 1,000"),
        (
            _lines(("time", "label"), *[("1.5.2024", "a")] * 30),
            "30 of 30 rows cannot be used; 30 rows left out that have a timestamp that is neither ISO 8601",
        ),
        (
            _lines(("time", "label"), *[("2024-05-01", str(i)) for i in range(2_000)]),
            "more than 1,000 different",
        ),
        (
            _lines(("time", "label"), *[("2024-05-01", "ab"[i % 2]) for i in range(2_000)]),
            "leaves none to scan",
        ),
    ],
    ids=["header only", "few rows", "no times", "free text", "one moment"],
)
def test_what_cannot_be_scanned_is_refused_in_one_line(content: str, words: str, tmp_path: Path):
    """With the number of rows, and what to do."""
    path = tmp_path / "log.csv"
    path.write_text(content)
    with pytest.raises((BacktestRefused, LogRefused)) as refused:
        scanned(path)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
