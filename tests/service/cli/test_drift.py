"""What an operator reads about drift."""

import csv
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
import typer
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

from model_store.errors import RowsError
from monitoring.detector import DetectorConfig
from monitoring.status import idle_status
from service.cli.drift import app, parse_shift, render_status, sentence
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


FINDING = {"class": "fraud", "reference": 0.01, "current": 0.029, "low": 0.024, "high": 0.035}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"state": "warming", "items": 812}, "warming: 812 items seen, the live baseline is not frozen"),
        (
            {"state": "warming", "baseline": {"kind": "frozen"}, "items": 812},
            "warming: 812 items seen, too few lately",
        ),
        ({"state": "calm", "statistic": 3.21, "threshold": 18.7}, "calm: strongest evidence 3.2 of 18.7"),
        (
            {"state": "drift", "alarm": {"classes": [FINDING]}},
            "drift: fraud is 2.9% of traffic (2.4%-3.5%), reference 1.0%",
        ),
        ({"state": "blind", "items": 812}, "blind: no items lately, 812 in all"),
    ],
    ids=["warming", "warming again", "calm", "drift", "blind"],
)
def test_the_state_is_one_sentence(status: dict[str, object], words: str) -> None:
    """Each state says what is known: items so far, how near an alarm is, which class moved."""
    idle = {"model": "mail@1", **idle_status(("ham",), DetectorConfig())}
    assert sentence(idle | status).startswith(words)


def test_a_service_without_traffic_has_a_status() -> None:
    """Before the first item every class is in the table, and nothing is claimed about any."""
    idle = idle_status(("ham", "spam"), DetectorConfig())
    classes = [{"class": each["name"], **each} for each in idle["categories"]]
    console = Console(width=100, record=True, file=StringIO())
    console.print(render_status({"model": "mail@1", **idle, "classes": classes}))
    shown = console.export_text()
    assert "0 items seen" in shown
    assert "spam" in shown
    assert "0.000-1.000" not in shown
    assert "x2 items:" not in shown
    assert "not noticeable" not in shown


def test_what_the_baseline_cannot_show_is_named() -> None:
    """Each class has the items after which its doubling is noticed, or is named as one that is not yet."""
    known = {"current": 0.03, "low": 0.02, "high": 0.04, "direction": "rise", "evidence": 1.0}
    classes = [
        {"class": "fraud", "reference": 0.034, "detectable_items": 2508, **known},
        {"class": "hate", "reference": 0.0002, "detectable_items": None, **known},
        {"class": "no_class_passes", "reference": 0.0, "detectable_items": None, **known},
    ]
    calm = {"state": "calm", "statistic": 1.0, "threshold": 18.0, "alarm": None, "baseline": {}}
    console = Console(width=80, record=True, file=StringIO())
    console.print(render_status({**calm, "classes": classes, "not_detectable": ["hate", "no_class_passes"]}))
    lines = console.export_text().splitlines()
    assert [line.split()[-1] for line in lines if line.startswith(("fraud", "hate"))] == ["2508", "-"]
    assert lines[-1] == "not noticeable yet, even when doubled: hate, no_class_passes"
    assert max(len(line.rstrip()) for line in lines) <= 80


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
