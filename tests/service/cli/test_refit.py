"""`seamark refit`: what stays asked, what is asked anew, and what is told about it."""

import csv
import json
from pathlib import Path

import pytest

from model_store.bundles.bundle import read_bundle
from model_store.data.rows import Rows
from model_store.promises.claims import Claims
from model_store.promises.thresholds import Target
from model_store.store import ModelStore
from model_store.training.fit import fit
from tests.support.command import Command, runner
from tests.support.synthetic import synthetic_rows

COUNTS = {"billing": 400, "delivery": 500, "login": 120}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with a bundle of two targets that hold jointly, and a file of newer rows beside it."""
    root = tmp_path_factory.mktemp("refit")
    targets = (Target("login", recall=0.8), Target("billing", recall=0.8, precision=0.3))
    claims = Claims(targets, delta=0.2, joint=True)
    store = ModelStore(root / "models")
    done = fit(synthetic_rows(COUNTS, seed=1), name="t", store=store, claims=claims, imbalance="balanced")
    store.promote("t", done.version, who="tests", why="first", at=0.0)
    write(root / "new.csv", synthetic_rows(COUNTS, seed=2))
    return root


def write(path: Path, rows: Rows) -> None:
    """Write texts and labels to a file."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *zip(rows.texts, rows.labels or (), strict=True)])


@pytest.fixture
def refit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], root: Path) -> Command:
    """Return a function that refits on the newer rows with further options: code, output, errors."""
    monkeypatch.setenv("SEAMARK_STORE", str(root / "models"))

    run = runner(monkeypatch, capsys)
    fixed = ("refit", "t", "--data", root / "new.csv", "--label", "label")
    return lambda *options: run(*fixed, *options)


def asked(root: Path, version: str) -> dict[str, object]:
    """Return what a version says that it was asked."""
    found: dict[str, object] = read_bundle(root / "models" / "t" / version).manifest.training["claims"]
    return found


def test_what_is_not_asked_anew_stays(refit: Command, root: Path):
    """One option changes one thing, and a target that of its class; each change is told."""
    code, out, err = refit("--text", "text", "--sample", "--json")
    assert (code, err) == (0, "")
    first = json.loads(out)["bundle"]["version"]
    assert asked(root, first) == asked(root, "1")
    code, out, _ = refit("--text", "text", "--sample", "--no-joint", "--target", "login:recall=0.85")
    assert code == 0
    assert "asked anew: login:recall=0.85 (before: login:recall=0.8)" in out
    assert "asked anew: joint False (before: True)" in out
    assert "billing" not in [line.split()[2].split(":")[0] for line in out.splitlines() if "anew" in line]
    second = asked(root, str(int(first) + 1))
    assert second["targets"] == ["billing:recall=0.8,precision=0.3", "login:recall=0.85"]
    assert (second["delta"], second["joint"]) == (0.2, False)


def test_who_makes_a_version_and_why_is_in_it(
    refit: Command, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """A fit and a refit without a proposal keep `--by` and `--why`, any text; a refit no former ones."""
    run = runner(monkeypatch, capsys)
    columns = ("--text", "text", "--label", "label", "--imbalance", "balanced", "--json")
    assert run("fit", root / "new.csv", "--name", "who", "--by", "ada", "--why", "first", *columns)[0] == 0
    write(root / "newer.csv", synthetic_rows(COUNTS, seed=3))
    newer = ("refit", "who", "--data", root / "newer.csv", *columns[:4], "--version", "1", "--sample")
    said = ("--by", "[/kim]", "--why", "labels of [/May]")
    assert [run(*newer, *options)[0] for options in ((), said)] == [0, 0]
    told = [json.loads(run("bundle", "show", "who", "--version", version, "--json")[1]) for version in "123"]
    assert [(each["by"], each["why"]) for each in told] == [
        ("ada", "first"),
        (None, None),
        ("[/kim]", "labels of [/May]"),
    ]
    assert "who@3: calibration" in (shown := run("bundle", "show", "who")[1])
    assert ", made by [/kim]" in shown
    assert shown.splitlines()[-1] == "why it was made: labels of [/May]"
    assert "made" not in run("bundle", "show", "t")[1]


def test_the_diff_is_shown_class_by_class(refit: Command):
    """With what goes to people, and where the new version is."""
    code, out, _ = refit("--text", "text", "--sample")
    assert code == 0
    assert out.startswith("t@1 -> t@")
    assert "items that go to a person: " in out
    assert "put it in force with `seamark bundle promote t " in out


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--text", "text"), 1, "nothing says how these rows were drawn"),
        (("--features", "text", "--sample"), 2, "t@1 takes texts; name their column"),
        (("--text", "text", "--sample", "--priority", "spam"), 1, "the classes are billing, delivery, login"),
        (("--text", "text", "--sample", "--target", "login:recall=1"), 1, "cannot be shown by any number"),
        (("--text", "text", "--sample", "--by", "k" * 129), 2, "129 characters: at most 128 are kept"),
        (("--text", "text", "--sample", "--why", "y" * 1_001), 2, "1,001 characters: at most 1,000 are kept"),
    ],
    ids=["no declaration", "a table", "unknown class", "recall of 1", "a long name", "a long reason"],
)
def test_what_cannot_be_done_is_one_line(refit: Command, options: tuple[str, ...], code: int, said: str):
    """It names what is allowed, and nothing is written."""
    found, out, err = refit(*options)
    assert (found, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1
