"""The plan as people run it: a first wave from rules, a second from labels, and errors of one line."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

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
    """Fill in the labels: what says stolen is fraud."""
    rows = list(csv.DictReader(batch.read_text().splitlines()))
    with batch.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(row | {"label": "fraud" if "stolen" in row["text"] else "ok"} for row in rows)


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
        f"seamark: {batch}: is there already, with other content; choose another --out\n",
    )
    assert batch.read_bytes() == worked_on


def test_a_smaller_pool_gives_a_smaller_batch_and_says_so(seamark: Command, files: Path) -> None:
    """All of it."""
    line = ["plan", files / "pool.csv", "--budget", 900, "--wave", 500, "--rules", files / "rules.yaml"]
    code, said, _ = seamark(*line)
    assert (code, "This wave has 300 items, not 500" in said) == (0, True)


def test_a_seed_model_ranks_by_its_probabilities(
    seamark: Command, files: Path, publish_tiny: Callable[..., Path], model_store_root: Path
) -> None:
    """What is expected is then the sum of them."""
    name = publish_tiny().parent.name
    line = arguments(files, "--model", name, "--store", model_store_root, "--json")
    code, said, error = seamark(*line, "--rare", "class_1")
    assert code == 1
    assert "has no class 'class_1'; it has " in error
    rare = error.rsplit("; it has ", 1)[1].strip().split(", ")[0]
    code, said, error = seamark(*line, "--rare", rare)
    assert (code, error) == (0, "")
    assert json.loads(said)["waves"][0]["expected"][rare]["basis"] == "model"


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--budget", 30), 2, "30 is less than a wave of 40"),
        (("--source-cap", "app"), 2, "'app': expected NAME=SHARE, as app=0.4"),
        (("--source-cap", "app=1.5"), 2, "'app=1.5': expected NAME=SHARE"),
        (("--source-cap", "fax=0.5"), 1, "no source 'fax' to cap; the sources are app, mail"),
        (("--format", "xlsx"), 2, "'xlsx' is not csv or jsonl"),
        (("--model", "m"), 2, "expected one of --rules and --model"),
        (("--text", "body"), 1, "no column 'body'; the columns are nr, channel, text"),
        (("--rare", "spam"), 1, "no rules of 'spam'; the classes are fraud"),
        (("--labelled", "none.csv"), 1, "none.csv: no such file"),
        (("--manifest", "none.json"), 1, "none.json: cannot be read"),
    ],
)
def test_bad_input_is_one_line(
    seamark: Command, files: Path, more: tuple[object, ...], code: int, said: str
) -> None:
    """That names what is wrong and what is allowed; nothing is written."""
    got, _, error = seamark(*arguments(files, "--rules", files / "rules.yaml", "--out", files / "no", *more))
    assert (got, error.count("\n")) == (code, 1)
    assert said in error
    assert not (files / "no").exists()


def test_an_empty_pool_is_named(seamark: Command, files: Path) -> None:
    """With what was expected."""
    (files / "pool.csv").write_text("nr,channel,text\n")
    code, _, error = seamark(*arguments(files, "--rules", files / "rules.yaml"))
    assert (code, "pool.csv: the file has a header and no rows; expected at least one" in error) == (1, True)
