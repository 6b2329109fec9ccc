"""`seamark drift replay`: a stream drawn from a labelled file, without a server."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from model_store.errors import RowsError
from service.cli.drift import app
from service.cli.drift.replay import parse_shift
from tests.support import bundles


def test_a_shift_is_a_class_and_a_factor() -> None:
    """The factor follows the last equals sign, so a class may contain one."""
    assert parse_shift("fraud=3") == ("fraud", 3.0)
    assert parse_shift("a=b=0.5") == ("a=b", 0.5)
    assert parse_shift(None) is None


@pytest.mark.parametrize("text", ["fraud", "=3", "fraud=", "fraud=-1", "fraud=nan", "fraud=inf", "fraud=x"])
def test_anything_else_is_a_usage_error(text: str) -> None:
    """Negative, infinite and missing factors are refused."""
    with pytest.raises(typer.BadParameter, match="CLASS=FACTOR"):
        parse_shift(text)


@pytest.fixture
def work(tmp_path: Path, model_store_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory to work in, with the store of bundles in the environment."""
    monkeypatch.setenv("SEAMARK_STORE", str(model_store_root))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def replay(*arguments: str) -> Result:
    """Replay rows.csv through the tiny bundle, four times as many logins from the middle on."""
    line = "replay rows.csv --bundle tiny --items 8000 --shift login=4 --json"
    return CliRunner().invoke(app, [*line.split(), *arguments])


def write(path: Path, *rows: dict[str, object]) -> None:
    """Write rows with a header."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def topics() -> list[str]:
    """Return nine rows of billing and delivery for one of login."""
    return ["login" if at % 10 == 0 else bundles.NAMED[at % 2] for at in range(300)]


def test_a_replay_of_a_table_takes_the_columns_of_the_bundle(
    publish_tiny: Callable[..., Path], work: Path
) -> None:
    """Without `--features` they are known; another column is an error that names those the model takes."""
    publish_tiny(kind="features")
    rows = [
        {"urgent": "false", "amount": at, "topic": name, "label": name, "note": "x"}
        for at, name in enumerate(topics())
    ]
    write(work / "rows.csv", *rows)
    found = json.loads(replay("--label", "label").stdout)
    assert found["alarm"]["classes"][0]["class"] == "login"
    for wrong, words in (
        (("--features", "topic,amount,note"), "the model takes the column 'urgent'"),
        (("--text", "note"), "name those columns"),
    ):
        refused = replay("--label", "label", *wrong).exception
        assert isinstance(refused, RowsError)
        assert words in str(refused)


@pytest.mark.parametrize("columns", [("labels",), bundles.NAMED], ids=["cells", "0/1"])
def test_a_replay_of_several_labels_shifts_one_of_them(
    publish_tiny: Callable[..., Path], work: Path, columns: tuple[str, ...]
) -> None:
    """Labels in cells like `a|b`, or a 0/1 column each; the column of the texts has to be named."""
    publish_tiny(kind="multilabel")
    said = [["billing", "delivery"] if name == "billing" else [name] for name in topics()]
    rows = [
        {
            "text": f"{' '.join(names)} case {at}",
            "labels": "|".join(names),
            **{each: int(each in names) for each in bundles.NAMED},
        }
        for at, names in enumerate(said)
    ]
    write(work / "rows.csv", *rows)
    labels = [word for column in columns for word in ("--label", column)]
    assert json.loads(replay("--text", "text", *labels).stdout)["alarm"] is not None
    assert replay(*labels).exit_code == 2
