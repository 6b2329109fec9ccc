"""A log of any format as numbers, and what is wrong with its rows."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from monitoring.logs import Log, LogColumns, LogRefused

ROWS = [
    ("2024-05-01T12:00:00Z", "fraud", 0.9, "web", "a1"),
    ("2024-05-01T14:00:01+02:00", "billing", 0.5, "email", "a2"),
    ("1714564802", "fraud", "", "", ""),
]
NAMES = ("timestamp", "prediction", "score", "channel", "id")


def write_csv(path: Path, *, delimiter: str = ",") -> Path:
    """Write the rows as CSV."""
    lines = [delimiter.join(map(str, row)) for row in (NAMES, *ROWS)]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_json(path: Path) -> Path:
    """Write the rows as JSON lines."""
    objects = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
    path.write_text("\n".join(map(json.dumps, objects)) + "\n")
    return path


def write_parquet(path: Path) -> Path:
    """Write the rows as Parquet, the times as texts."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    columns = {name: [row[at] for row in ROWS] for at, name in enumerate(NAMES)}
    columns["score"] = [each or None for each in columns["score"]]
    pq.write_table(pa.table(columns), path)
    return path


def zipped(path: Path) -> Path:
    """Gzip a file, under a name that does not say so."""
    path.write_bytes(gzip.compress(path.read_bytes()))
    return path


FORMATS: dict[str, Callable[[Path], Path]] = {
    "csv": write_csv,
    "csv.gz": lambda path: zipped(write_csv(path)),
    "semicolons": lambda path: write_csv(path, delimiter=";"),
    "tabs": lambda path: write_csv(path, delimiter="\t"),
    "jsonl": write_json,
    "jsonl.gz": lambda path: zipped(write_json(path)),
    "parquet": write_parquet,
}


@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS.keys())
def test_every_format_gives_the_same_rows(write: Callable[[Path], Path], tmp_path: Path):
    """Recognised by its first bytes; the name of the file does not matter."""
    log = Log(write(tmp_path / "log.txt"), LogColumns(id="id"), by_source=True)
    (rows,) = log.rows()
    assert (rows.milliseconds - rows.milliseconds[0]).tolist() == [0, 1_000, 2_000]
    assert [log.labels[code] for code in rows.labels.tolist()] == ["fraud", "billing", "fraud"]
    assert rows.scores is not None
    np.testing.assert_equal(rows.scores, [0.9, 0.5, np.nan])
    assert rows.sources is not None
    assert [log.sources[code] for code in rows.sources.tolist()] == ["web", "email", "(none)"]
    assert rows.ids is not None
    assert len(set(rows.ids.tolist())) == 3
    assert rows.ids[2] == 0
    assert (log.problems.rows, log.unscored) == (0, 1)


BAD_CSV = (
    b"time,label,score\n"
    b"2024-05-01T12:00:00Z,a,1\n"
    b"\n"
    b"noon,a,1\n"  # line 4
    b"2024-05-01T12:00:00Z,,1\n"
    b'"2024-05-01T12:00:00Z","a\nb",1\n'  # lines 6 and 7
    b"2024-05-01T12:00:00Z,a\n"  # line 8
    b"2024-05-01T12:00:00Z,\xff,1\n"
    b'2024-05-01T12:00:00Z,"a"b,1\n'  # line 10
    b"2024-05-01T12:00:00Z,a,many\n"
    b",,\n"
)


def test_bad_rows_of_csv_are_named_by_line_and_never_shown(tmp_path: Path):
    """A row of several lines has the first one's; a bad score costs the score only."""
    path = tmp_path / "log.csv"
    path.write_bytes(BAD_CSV)
    log = Log(path, LogColumns())
    (rows,) = log.rows()
    assert [log.labels[code] for code in rows.labels.tolist()] == ["a", "a\nb", "a"]
    assert log.unscored == 1
    said = {each["reason"]: each["lines"] for each in log.problems.to_json()}
    assert said == {
        "have a timestamp that is neither ISO 8601 nor a number since 1970": [4],
        "have no label": [5],
        "have another number of cells than the header": [8],
        "have a label that is no text in UTF-8": [9],
        "are not CSV: a stray quote, or a cell over 128 KiB": [10],
        "have no timestamp": [12],
    }
    assert "noon" not in " ".join(log.problems.sentences())


def test_bad_lines_of_json_are_named_too(tmp_path: Path):
    """Broken JSON, another value than an object, a key that is missing, a label that is a list."""
    path = tmp_path / "log.jsonl"
    good = {"ts": 1_714_564_800, "out": {"label": "a", "p": 0.5}, "flat.key": "x"}
    lines = [
        good,
        {"out": {"label": "a"}},
        [1],
        {"ts": 1_714_564_800, "out": "a"},
        good | {"out": {"label": ["a"]}},
    ]
    path.write_text("\n".join([*map(json.dumps, lines), "{", "", json.dumps(good)]) + "\n")
    log = Log(path, LogColumns(label="out.label"))
    assert log.columns.time == "ts"
    (rows,) = log.rows()
    assert len(rows.labels) == 2
    said = {each["reason"]: each["lines"] for each in log.problems.to_json()}
    assert said == {
        "are not a JSON object": [3, 6],
        "have no timestamp": [2],
        "have no label": [4],
        "have a label that is no text in UTF-8": [5],
    }
    (rows,) = Log(path, LogColumns(label="flat.key")).rows()
    assert len(rows.labels) == 3


def test_times_of_parquet_may_be_its_own(tmp_path: Path):
    """Of any unit and zone; a missing one is a row left out, named by its number."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    times = pa.array([1_714_564_800_000, None, 1_714_564_801_000], pa.timestamp("ms", "Europe/Berlin"))
    pq.write_table(pa.table({"time": times, "label": ["a", "b", "a"]}), tmp_path / "log.parquet")
    log = Log(tmp_path / "log.parquet", LogColumns())
    (rows,) = log.rows()
    assert rows.milliseconds.tolist() == [1_714_564_800_000, 1_714_564_801_000]
    assert log.problems.sentences(log.unit) == ["1 row left out that has no timestamp: row 2"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"a,b\n1,2\n", "no column looks like the time"),
        (b"\xff\xfet\x00", "is UTF-16; save it as UTF-8"),
        (gzip.compress(b"time,label\n" * 9_999)[:-20], "the gzip stream is damaged"),
        (b"PAR1 and then nothing", "is not a whole Parquet file"),
        (b"{\n\n", "no JSON object in its first 100 lines"),
    ],
    ids=["empty", "blank", "no time", "UTF-16", "cut short", "no Parquet", "no JSON"],
)
def test_a_file_that_is_no_log_is_refused_in_one_line(content: bytes, words: str, tmp_path: Path):
    """The line names the file and what to do."""
    if content.startswith(b"PAR1"):
        pytest.importorskip("pyarrow")
    path = tmp_path / "log"
    path.write_bytes(content)
    with pytest.raises(LogRefused) as refused:
        list(Log(path, LogColumns()).rows())
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    """As is a directory."""
    with pytest.raises(LogRefused, match="no such file; check the path"):
        Log(tmp_path / "log.csv", LogColumns())
    with pytest.raises(LogRefused, match="is a directory; expected a log"):
        Log(tmp_path, LogColumns())


def test_reading_tells_how_far_it_is(tmp_path: Path):
    """In bytes of the file, whatever it is packed in."""
    seen: list[tuple[str, int, int]] = []
    path = write_csv(tmp_path / "log.csv")
    list(Log(path, LogColumns()).rows(lambda *stage: seen.append(stage)))
    assert seen[-1] == ("read", path.stat().st_size, path.stat().st_size)


def test_a_log_with_a_byte_order_mark_has_its_first_column(tmp_path: Path):
    """Spreadsheets write one."""
    path = write_csv(tmp_path / "log.csv")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert Log(path, LogColumns()).columns.time == "timestamp"
