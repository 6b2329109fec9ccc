"""The plan as people run it: a first wave from rules, a second from labels, and errors of one line."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.command import Command

RULES = "fraud: {keywords: [stolen], patterns: ['charged? twice']}\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a directory with a pool of 300 texts and rules."""
    rng = np.random.default_rng(0)
    with (tmp_path / "pool.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["nr", "channel", "text"])
        for n in range(300):
            words = " ".join(f"{word:x}" for word in rng.integers(0, 10**6, 4))
            sign = " stolen" if n % 5 == 0 else ""
            writer.writerow([f"t{n}", ("app", "mail")[n % 3 == 0], f"{words}{sign}"])
    (tmp_path / "rules.yaml").write_text(RULES)
    return tmp_path


def arguments(files: Path, *more: object) -> list[object]:
    """Return a command line for the pool."""
    base = ["plan", files / "pool.csv", "--budget", 100, "--wave", 40, "--source", "channel", "--id", "nr"]
    return [*base, *more]


def labelled(batch: Path) -> None:
    """Fill in the labels."""
    rows = list(csv.DictReader(batch.read_text().splitlines()))
    with batch.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(row | {"label": truth(row)} for row in rows)


def exported(directory: Path) -> Path:
    """Return the labels of a batch as JSON lines, or as Label Studio exports them."""
    (batch,) = directory.glob("batch.json*")
    said = json.loads((directory / "manifest.json").read_text())
    path = directory / "export.json"
    if batch.suffix == ".jsonl":
        lines = [json.loads(line) for line in batch.read_text().splitlines()]
        assert {line["batch"] for line in lines} == {said["batch"]}
        path.write_text("".join(json.dumps(line | {"label": truth(line)}) + "\n" for line in lines))
        return path
    tasks = json.loads(batch.read_text())
    for number, task in enumerate(tasks):
        answer = {"type": "choices", "from_name": "label", "value": {"choices": [truth(task["data"])]}}
        task["annotations"] = [{"id": number, "completed_by": 1, "result": [answer]}]
    path.write_text(json.dumps(tasks))
    return path


def truth(row: Mapping[str, Any]) -> str:
    """Return the label: what says stolen is fraud."""
    return "fraud" if "stolen" in row["text"] else "ok"


def test_two_waves_from_rules(seamark: Command, files: Path) -> None:
    """The second leaves out the first, knows its rates, and finds its manifest beside the labels."""
    rules = ("--rules", files / "rules.yaml", "--rare", "fraud")
    code, said, error = seamark(*arguments(files, *rules, "--out", files / "one"))
    assert (code, error) == (0, "")
    assert "Rules of fraud match 60 of the 300." in said
    assert "unknown until the first labels" in said
    batch = files / "one" / "batch.csv"
    labelled(batch)
    code, said, error = seamark(
        *arguments(files, *rules, "--labelled", batch, "--out", files / "two", "--format", "jsonl", "--json")
    )
    assert (code, error) == (0, "")
    value = json.loads(said)
    assert value["budget"] == {"items": 100, "spent": 40, "waves_left": 2}
    assert value["measured"]["fraud"]["rare"] == {"positives": 22, "labels": 22}
    assert value["stop"]["verdict"] == "go on"
    lines = [json.loads(line) for line in (files / "two" / "batch.jsonl").read_text().splitlines()]
    assert len(lines) == 40
    assert not {line["key"] for line in lines} & {
        row["key"] for row in csv.DictReader(batch.read_text().splitlines())
    }
    code, said, _ = seamark(*arguments(files, *rules, "--labelled", batch))
    assert (code, "Go on (100.0% of the last rare slice" in said, "Found so far" in said) == (0, True, True)


@pytest.mark.parametrize("form", ["jsonl", "label_studio"])
def test_labels_come_back_as_the_tool_exports_them(seamark: Command, files: Path, form: str) -> None:
    """The next plan is the same as from the CSV."""
    rules = ("--rules", files / "rules.yaml", "--class", "ok")
    assert seamark(*arguments(files, *rules, "--out", files / "csv"))[0] == 0
    assert seamark(*arguments(files, *rules, "--out", files / form, "--format", form))[0] == 0
    labelled(files / "csv" / "batch.csv")
    returned = exported(files / form)
    plans = [
        json.loads(seamark(*arguments(files, *rules, "--labelled", path, "--json"))[1])
        for path in (files / "csv" / "batch.csv", returned)
    ]
    assert plans[0] == plans[1]
    assert plans[1]["labels"].keys() == {"fraud", "ok"}
    assert plans[1]["budget"]["spent"] == 40


@pytest.mark.parametrize("form", ["csv", "label_studio"])
def test_labels_of_a_wave_need_its_manifest(seamark: Command, files: Path, form: str) -> None:
    """Without it the budget would start over; named, it counts wherever it is."""
    rules = ("--rules", files / "rules.yaml")
    assert seamark(*arguments(files, *rules, "--out", files / "one", "--format", form))[0] == 0
    (files / "elsewhere").mkdir()
    if form == "csv":
        labelled(files / "one" / "batch.csv")
    returned = files / "one" / "batch.csv" if form == "csv" else exported(files / "one")
    moved = returned.rename(files / "elsewhere" / returned.name)
    line = arguments(files, *rules, "--labelled", moved, "--out", files / "two")
    code, _, error = seamark(*line)
    assert (code, error.count("\n"), (files / "two").exists()) == (1, 1, False)
    assert f"{moved}: 40 of its items were handed out by a plan, and no manifest has them" in error
    code, said, error = seamark(*line, "--manifest", files / "one" / "manifest.json")
    assert (code, error, "40 of them spent" in said) == (0, "", True)


def test_labels_of_one_s_own_need_no_manifest(seamark: Command, files: Path) -> None:
    """They are left out and cost nothing."""
    own = files / "own.csv"
    own.write_text("".join(f"{line},label\n" for line in (files / "pool.csv").read_text().splitlines()[:9]))
    code, said, error = seamark(*arguments(files, "--rules", files / "rules.yaml", "--labelled", own))
    assert (code, error, "8 handed out before" in said, "spent" in said) == (0, "", True, False)


def test_a_tool_s_settings_have_the_classes_that_rules_do_not_know(seamark: Command, files: Path) -> None:
    """Those named by --class, and always none of these."""
    line = arguments(files, "--rules", files / "rules.yaml", "--class", "ok", "--format", "label_studio")
    assert seamark(*line, "--out", files / "ls")[0] == 0
    config = (files / "ls" / "batch.labeling-config.xml").read_text()
    assert [f'<Choice value="{name}"/>' in config for name in ("fraud", "ok", "none_of_these")] == [True] * 3


def test_a_batch_that_people_worked_on_is_not_overwritten(seamark: Command, files: Path) -> None:
    """The same plan again changes nothing before; once labels are filled in it is refused."""
    line = arguments(files, "--rules", files / "rules.yaml", "--out", files / "one")
    batch = files / "one" / "batch.csv"
    assert seamark(*line)[0] == 0
    before = batch.read_bytes()
    assert (seamark(*line)[0], batch.read_bytes()) == (0, before)
    labelled(batch)
    worked_on = batch.read_bytes()
    code, _, error = seamark(*line)
    assert (code, error) == (
        1,
        f"seamark: {batch}: is there already, with other content; choose another --out, or move it away\n",
    )
    assert batch.read_bytes() == worked_on


def test_a_smaller_pool_gives_a_smaller_batch_and_says_so(seamark: Command, files: Path) -> None:
    """All of it."""
    line = ["plan", files / "pool.csv", "--budget", 900, "--wave", 500, "--rules", files / "rules.yaml"]
    code, said, _ = seamark(*line)
    assert (code, "This wave has 300 items, not 500" in said) == (0, True)


def test_rules_that_match_nothing_stop_before_the_first_wave(seamark: Command, files: Path) -> None:
    """It says so and writes nothing, for the budget would be spent on items that nothing speaks for."""
    (files / "none.yaml").write_text("fraud: {keywords: [xyzzyq, plugh]}\n")
    line = arguments(files, "--rules", files / "none.yaml", "--out", files / "no")
    code, said, error = seamark(*line)
    assert (code, error) == (0, "")
    assert "STOP: nothing that is left matches. No wave is planned" in said
    assert "Rules that match nothing: keywords 1 of class 'fraud': xyzzyq" in said
    assert not (files / "no").exists()
    assert json.loads(seamark(*line, "--json")[1])["stop"]["verdict"] == "stop"


def test_a_seed_model_ranks_by_its_probabilities(
    seamark: Command, files: Path, publish_tiny: Callable[..., Path], model_store_root: Path
) -> None:
    """What is expected is then the sum of them, and of a model of chosen items nothing."""
    name = publish_tiny().parent.name
    line = arguments(files, "--model", name, "--store", model_store_root, "--json")
    code, said, error = seamark(*line, "--rare", "class_1")
    assert code == 1
    assert "has no class 'class_1'; it has " in error
    rare = error.rsplit("; it has ", 1)[1].strip().split(", ")[0]
    code, said, error = seamark(*line, "--rare", rare)
    assert (code, error) == (0, "")
    first = json.loads(said)["waves"][0]
    assert first["expected"][rare]["basis"] == "model"
    assert first["slices"].keys() == {"rare", "novel", "uncertain", "explore"}
    publish_tiny(change=lambda parts: parts["training"].update(sample=False))
    code, said, error = seamark(*line, "--rare", rare)
    assert (code, error) == (0, "")
    assert json.loads(said)["waves"][0]["expected"][rare] == {
        "low": 0,
        "estimate": None,
        "high": first["slices"]["rare"],
        "basis": "unknown",
    }


def test_a_seed_model_takes_over_from_rules(
    seamark: Command, files: Path, publish_tiny: Callable[..., Path], model_store_root: Path
) -> None:
    """What was handed out is spent and does not come again; what rules found says nothing of the model."""
    rules = ("--rules", files / "rules.yaml", "--out", files / "one")
    assert seamark(*arguments(files, *rules))[0] == 0
    batch = files / "one" / "batch.csv"
    labelled(batch)
    publish_tiny()
    by = ("--model", "tiny", "--store", model_store_root, "--rare", "login", "--labelled", batch)
    line = arguments(files, *by, "--out", files / "two")
    code, said, error = seamark(*line)
    assert (code, error) == (0, "")
    assert "Budget 100 labels, 40 of them spent" in said
    assert "unlike what was labelled" in said
    two, one = (json.loads((files / name / "manifest.json").read_text()) for name in ("two", "one"))
    assert (two["wave"], two["chosen_by"]) == (2, "model tiny@1")
    assert not two["items"].keys() & one["items"].keys()
    before = (files / "two" / "batch.csv").read_bytes()
    assert (seamark(*line)[0], (files / "two" / "batch.csv").read_bytes()) == (0, before)


def test_a_table_is_planned_by_a_model_of_its_columns(
    seamark: Command, tmp_path: Path, publish_tiny: Callable[..., Path], model_store_root: Path
) -> None:
    """The file has the columns that the model takes; labels come back by key, and nothing is asked twice."""
    publish_tiny(kind="features")
    with (tmp_path / "pool.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["nr", "topic", "amount", "urgent", "note"])
        writer.writerows([n, ("billing", "login")[n % 4 == 0], n / 4, "true", "x"] for n in range(120))
    line = ["plan", tmp_path / "pool.csv", "--budget", 60, "--wave", 30, "--id", "nr", "--rare", "login"]
    line += ["--model", "tiny", "--store", model_store_root]
    code, _, error = seamark(*line, "--out", tmp_path / "one")
    assert (code, error) == (0, "")
    batch = tmp_path / "one" / "batch.csv"
    rows = list(csv.DictReader(batch.read_text().splitlines()))
    assert list(rows[0]) == ["key", "id", "source", "amount", "topic", "urgent", "label"]
    with batch.open("w", newline="") as file:
        filled = csv.DictWriter(file, rows[0])
        filled.writeheader()
        filled.writerows(row | {"label": row["topic"]} for row in rows)
    code, said, error = seamark(*line, "--labelled", batch, "--out", tmp_path / "two", "--format", "jsonl")
    assert (code, error) == (0, "")
    assert "Go on (100.0% of the last rare slice" in said
    lines = [json.loads(each) for each in (tmp_path / "two" / "batch.jsonl").read_text().splitlines()]
    assert {each["features"]["topic"] for each in lines} == {"billing", "login"}
    assert not {each["key"] for each in lines} & {row["key"] for row in rows}


def test_a_table_has_no_text(
    seamark: Command, files: Path, publish_tiny: Callable[..., Path], model_store_root: Path
) -> None:
    """Neither one that is named nor one in its place."""
    publish_tiny(kind="features")
    line = arguments(files, "--model", "tiny", "--store", model_store_root, "--rare", "login")
    code, _, error = seamark(*line, "--text", "text")
    assert (code, "model tiny@1 takes the columns of a table, no text" in error) == (2, True)
    code, _, error = seamark(*line)
    assert (code, error.count("\n")) == (1, 1)
    assert "pool.csv: no column 'topic'; the columns are nr, channel, text" in error


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--budget", 30), 2, "30 is less than a wave of 40"),
        (("--source-cap", "app"), 2, "'app': expected NAME=SHARE, as app=0.4"),
        (("--source-cap", "app=1.5"), 2, "'app=1.5': expected NAME=SHARE"),
        (("--source-cap", "fax=0.5"), 1, "no source 'fax' to cap; the sources are app, mail"),
        (("--format", "xlsx"), 2, "'xlsx' is not one of jsonl, csv, parquet, label_studio"),
        (("--model", "m"), 2, "expected one of --rules and --model"),
        (("--class", "none_of_these"), 2, "class 'none_of_these' has a reserved name"),
        (("--text", "body"), 1, "no column 'body'; the columns are nr, channel, text"),
        (("--rare", "spam"), 1, "no rules of 'spam'; the classes are fraud"),
        (("--labelled", "none.csv"), 1, "none.csv: no such file"),
        (("--manifest", "none.json"), 1, "none.json: cannot be read"),
        (("--labelled", "{files}/rules.json"), 1, "rules.json: not JSON; expected"),
        (("--out", "{files}/pool.csv/no"), 1, "pool.csv/no/batch.csv: cannot be written (Not a directory)"),
    ],
)
def test_bad_input_is_one_line(
    seamark: Command, files: Path, more: tuple[object, ...], code: int, said: str
) -> None:
    """That names what is wrong and what is allowed; nothing is written."""
    (files / "rules.json").write_text("{")
    line = arguments(files, "--rules", files / "rules.yaml", "--out", files / "no")
    got, _, error = seamark(*line, *(str(each).replace("{files}", str(files)) for each in more))
    assert (got, error.count("\n")) == (code, 1)
    assert said in error
    assert not (files / "no").exists()


def test_an_empty_pool_is_named(seamark: Command, files: Path) -> None:
    """With what was expected."""
    (files / "pool.csv").write_text("nr,channel,text\n")
    code, _, error = seamark(*arguments(files, "--rules", files / "rules.yaml"))
    assert (code, "pool.csv: the file has a header and no rows; expected at least one" in error) == (1, True)
