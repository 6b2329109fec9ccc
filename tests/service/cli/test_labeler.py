"""A labeler at the command line: takes items into a file, sends it back, skips, settles, gives back."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from tests.support.command import Command, runner
from tests.support.house import House


@pytest.fixture
def batch(house: House) -> str:
    """Return the id of a batch of at most six: one that is drawn and chosen by score goes out once."""
    return str(house.local.post("/v1/batches", json={"by": "ada", "size": 6}).json()["id"])


def size_of(house: House, batch: str) -> int:
    """Return how many items a batch has."""
    return len(house.worker.state.store().batches.get(batch).items)


@pytest.fixture
def seamark(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs a command line here."""
    return runner(monkeypatch, capsys)


def test_a_lease_is_a_file_to_fill_in_and_send_back(
    seamark: Command, house: House, batch: str, tmp_path: Path
) -> None:
    """The names in the file say who labelled, and the same word of one's own gives the same file."""
    asked = ("batch", "lease", batch, "--who", "kim", "--size", 4, "--once", "a", "--to", tmp_path)
    code, said, _ = seamark(*asked)
    path = Path(said.splitlines()[-1])
    assert (code, seamark(*asked)[1]) == (0, said)
    assert re.match(r"4 items until 2023-11-\d\d \d\d:\d\d.*, lease [0-9a-f]{24}$", said.splitlines()[0])
    rows = list(csv.DictReader(io.StringIO(path.read_text(), newline="")))
    assert [{row["label"], row["annotator"]} for row in rows] == [{"", "kim"}] * 4
    assert not {"slice", "stratum", "weight"} & set(rows[0])
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(row | {"label": "login"} for row in rows)
    assert seamark("batch", "return", batch, path)[1] == "4 accepted, 0 already known, 0 rejected\n"
    given = house.worker.state.store().labels.of(batch)
    assert {row.annotator for rows in given.values() for row in rows} == {"kim"}
    _, listed, _ = seamark("batch", "list")
    assert listed.split()[-8:] == [batch, "open", "by_hand", str(size_of(house, batch)), "0", "0", "0", "-"]


def test_the_same_word_again_keeps_what_was_filled_in(
    seamark: Command, house: House, batch: str, tmp_path: Path
) -> None:
    """Labels in the file stay; elsewhere the lease comes with what is left of it."""
    asked = ("batch", "lease", batch, "--who", "kim", "--size", 2, "--once", "a", "--format", "jsonl", "--to")
    path = Path(seamark(*asked, tmp_path)[1].splitlines()[-1])
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    path.write_text(f"{json.dumps(first | {'label': 'login'})}\n{json.dumps(second)}\n")
    filled_in = path.read_bytes()
    code, said, error = seamark(*asked, tmp_path)
    assert (code, said) == (1, "")
    assert error.startswith(f"seamark: {path}: is there already, with other content; choose another --to")
    assert path.read_bytes() == filled_in
    house.local.post(f"/v1/batches/{batch}/labels", json={"labels": [first | {"label": "login"}]})
    left = Path(seamark(*asked, tmp_path / "left")[1].splitlines()[-1])
    assert [json.loads(line)["key"] for line in left.read_text().splitlines()] == [second["key"]]


def test_a_lease_comes_back_partly_filled(seamark: Command, batch: str, tmp_path: Path) -> None:
    """What has no label yet says nothing, in lines as in a table, and comes in the next time."""
    asked = ("batch", "lease", batch, "--who", "kim", "--size", 2, "--format", "jsonl", "--to", tmp_path)
    path = Path(seamark(*asked)[1].splitlines()[-1])
    assert seamark("batch", "return", batch, path)[:2] == (0, "0 accepted, 0 already known, 0 rejected\n")
    first, second = path.read_text().splitlines()
    path.write_text(first.replace('"label": ""', '"label": "login"') + "\n" + second)
    assert seamark("batch", "return", batch, path)[:2] == (0, "1 accepted, 0 already known, 0 rejected\n")


def test_a_label_after_the_lease_prints_a_note(
    seamark: Command, house: House, batch: str, tmp_path: Path
) -> None:
    """It counts, and the labeler learns that it was late."""
    seamark("batch", "lease", batch, "--who", "kim", "--minutes", 1, "--format", "jsonl", "--to", tmp_path)
    (path,) = tmp_path.glob("*.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    house.clock.advance(60)
    path.write_text(json.dumps(rows[0] | {"label": "login"}))
    code, said, _ = seamark("batch", "return", batch, path)
    assert (code, said.splitlines()[1]) == (0, "row 1: the lease is over; the label counts all the same")


def test_with_nothing_left_no_file_is_written(
    seamark: Command, house: House, batch: str, tmp_path: Path
) -> None:
    """The line says how much is in others' hands; giving back makes room."""
    n = size_of(house, batch)
    for who in ("ann", "bo"):
        _, said, _ = seamark("batch", "lease", batch, "--who", who, "--to", tmp_path / who, "--json")
    lease = json.loads(said)["lease"]
    code, said, _ = seamark("batch", "lease", batch, "--who", "cy", "--to", tmp_path / "cy")
    assert (code, said) == (
        0,
        f"nothing left for cy now: {n} items are open, {n} of them in somebody's hands\n",
    )
    assert not (tmp_path / "cy").exists()
    assert seamark("batch", "release", batch, lease)[1] == f"{n} items are free again\n"
    assert seamark("batch", "release", batch, "none")[0] == 1


def test_disagreements_are_shown_and_settled(seamark: Command, house: House, batch: str) -> None:
    """Listed with who said what; a decision empties the list; an unknown label says what is allowed."""
    items = house.worker.state.store().batches.get(batch).items
    first, second = (item.key for item in items[:2])
    for who, label in (("ann", "login"), ("bo", "billing")):
        rows = [{"key": first, "label": label, "annotator": who}]
        house.local.post(f"/v1/batches/{batch}/labels", json={"labels": rows})
    _, said, _ = seamark("batch", "adjudicate", batch)
    assert "1 disagreement\n" in said
    assert f"{first}\n  {items[0].text}\n  ann: login; bo: billing (counts as billing)\n" in said
    assert "1 item labelled by two or more, 0 alike" in said
    code, said, _ = seamark("batch", "adjudicate", batch, first, "spam", "--who", "cy")
    assert code == 1
    assert "allowed are billing, delivery, login, none_of_these" in said
    assert seamark("batch", "adjudicate", batch, first, "login", "--who", "cy")[0] == 0
    assert house.worker.state.store().batches.get(batch).items[0].label == "login"
    assert "0 disagreements" in seamark("batch", "adjudicate", batch)[1]
    assert seamark("batch", "adjudicate", batch, second)[0] == 2


def test_skipping_and_closing(seamark: Command, house: House, batch: str) -> None:
    """A skip is the word of one; what nobody labelled is skipped when the batch is closed."""
    keys = [item.key for item in house.worker.state.store().batches.get(batch).items]
    assert seamark("batch", "skip", batch, *keys[:2], "--who", "kim")[1].startswith("2 accepted")
    assert seamark("batch", "skip", batch, "none", "--who", "kim")[0] == 1
    _, said, _ = seamark("batch", "close", batch, "--by", "kim")
    assert said == f"{batch} is closed: 0 labelled, {len(keys)} skipped\n"
    code, _, error = seamark("batch", "lease", batch, "--who", "kim")
    assert (code, "is closed" in error) == (1, True)


def test_a_form_that_is_none_is_a_usage_error(seamark: Command) -> None:
    """Before anything is asked for."""
    code, _, error = seamark("batch", "lease", "b1", "--format", "pdf")
    assert (code, "csv or jsonl" in error) == (2, True)
