"""The command as a whole: errors are one line and an exit code, a read changes nothing."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from model_store import ModelStore
from tests.support.command import Command
from tests.support.synthetic import synthetic_rows


def snapshot(root: Path) -> dict[str, bytes]:
    """Return every file below `root` with its content."""
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


@pytest.mark.parametrize(
    "arguments",
    [("list",), ("show", "tiny"), ("verify", "tiny"), ("verify", "tiny", "--version", "1")],
    ids=" ".join,
)
def test_reading_bundles_changes_nothing(
    seamark: Command, publish_tiny: Callable[..., Path], model_store_root: Path, arguments: tuple[str, ...]
) -> None:
    """`bundle list`, `show` and `verify` answer JSON and leave every file as it was."""
    publish_tiny()
    before = snapshot(model_store_root)
    code, out, err = seamark("bundle", *arguments, "--store", model_store_root, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)
    assert snapshot(model_store_root) == before


def test_a_changed_byte_is_named(
    seamark: Command, publish_tiny: Callable[..., Path], model_store_root: Path
) -> None:
    """`bundle verify` names the damaged file in one line and exits with 1."""
    path = publish_tiny()
    model = path / "model.onnx"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.chmod(0o644)
    model.write_bytes(content)
    code, out, err = seamark("bundle", "verify", "tiny", "--store", model_store_root)
    assert code == 1
    assert out == ""
    assert "model.onnx" in err
    assert err.count("\n") == 1


def test_promote_and_rollback_are_in_the_history(
    seamark: Command, publish_tiny: Callable[..., Path], model_store_root: Path
) -> None:
    """Two promotions and a rollback leave three lines: who, from, to, why."""
    publish_tiny()
    publish_tiny(promote=False)
    common = ("--store", model_store_root, "--by", "ada", "--json")
    assert seamark("bundle", "promote", "tiny", "2", "--why", "better", *common)[0] == 0
    code, out, _ = seamark("bundle", "rollback", "tiny", "--why", "worse", *common)
    assert code == 0
    assert (json.loads(out)["to_version"], json.loads(out)["action"]) == ("1", "rollback")
    history = json.loads(seamark("bundle", "show", "tiny", "--store", model_store_root, "--json")[1])[
        "history"
    ]
    keys = ("who", "from_version", "to_version", "why", "action")
    assert [tuple(each[key] for key in keys) for each in history[1:]] == [
        ("ada", "1", "2", "better", "promote"),
        ("ada", "2", "1", "worse", "rollback"),
    ]


def test_what_is_in_force_already_is_not_promoted_again(
    seamark: Command, publish_tiny: Callable[..., Path], model_store_root: Path
) -> None:
    """The line says that nothing happened, and the history keeps the first reason."""
    for _ in range(2):
        publish_tiny(promote=False)
    common = ("--store", model_store_root)
    assert seamark("bundle", "promote", "tiny", "1", *common) == (0, "tiny: version 1 is in force\n", "")
    assert seamark("bundle", "promote", "tiny", "2", *common)[1] == "tiny: version 2 is in force (was 1)\n"
    again = seamark("bundle", "promote", "tiny", "2", "--why", "again", *common)
    assert again == (0, "tiny: version 2 is in force already; nothing changed\n", "")
    assert [each.why for each in ModelStore(model_store_root).history("tiny")] == ["", ""]


def test_a_rollback_with_from_goes_back_once(
    seamark: Command, publish_tiny: Callable[..., Path], model_store_root: Path
) -> None:
    """Said again, it is an error that names the version in force, and nothing more is rolled back."""
    for _ in range(3):
        publish_tiny()
    arguments = ("bundle", "rollback", "tiny", "--from", "3", "--store", model_store_root)
    assert seamark(*arguments) == (0, "tiny: version 2 is in force (was 3)\n", "")
    code, out, err = seamark(*arguments)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "version 3 is not in force, 2 is" in err
    assert ModelStore(model_store_root).current("tiny") == "2"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bundle", "show", "nothing"), ["nothing", "seamark bundle list"]),
        (("bundle", "promote", "tiny", "7"), ["'7'"]),
        (("bundle", "rollback", "tiny"), ["tiny"]),
        (("bundle", "verify", "./nowhere"), ["nowhere"]),
        (("drift", "status", "--url", "http://127.0.0.1:1"), ["127.0.0.1:1", "seamark serve"]),
        (("drift", "status", "--url", "ftp//x"), ["ftp//x"]),
        (("batch", "list", "--url", "http://127.0.0.1:1"), ["no answer"]),
        (("batch", "return", "b1", "missing.json"), ["missing.json"]),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_an_error_is_one_line_that_names_the_thing(
    seamark: Command,
    publish_tiny: Callable[..., Path],
    model_store_root: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: list[str],
) -> None:
    """Exit code 1, nothing on standard output, one line on standard error, no traceback."""
    publish_tiny()
    monkeypatch.setenv("SEAMARK_STORE", str(model_store_root))
    code, out, err = seamark(*arguments)
    assert (code, out, err.count("\n")) == (1, "", 1), err
    assert all(word in err for word in words), err


REPLAY = "drift replay x.csv --bundle tiny --text t"
FIT = "fit x.csv --text t --label l"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("fot", ["'fot'", "seamark --help"]),
        ("--loud", ["--loud", "seamark --help"]),
        ("bundle shw", ["'shw'", "seamark bundle --help"]),
        ("fit --sed 3", ["--sed", "--seed", "seamark fit --help"]),
        ("fit", ["missing argument", "data"]),
        ("fit x.csv", ["missing option", "--name"]),
        ("bundle show", ["missing argument", "seamark bundle show --help"]),
        ("bundle show a b", ["b"]),
        (f"{FIT} --name x --seed -1", ["--seed", "0 to 4,294,967,295"]),
        (f"{FIT} --name x --seed", ["--seed", "argument"]),
        (f"{FIT} --name No/Name", ["--name", "'No/Name'", "a-z"]),
        (f"{REPLAY} --shift fraud", ["--shift", "CLASS=FACTOR"]),
        (f"{REPLAY} --items many", ["--items", "whole number from 100 to"]),
        ("batch pull b1 --format xml", ["--format", "'xml'", "jsonl"]),
        ("serve --port 70000", ["--port", "SEAMARK_PORT", "'70000'", "65535"]),
        ("serve --workers x", ["--workers", "integer"]),
        ("demo --text body", ["--text", "--data"]),
        ("demo --label kind", ["--label", "--data"]),
        ("demo --watch fraud --no-drift", ["--watch", "--data"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_command_line_is_one_line(
    seamark: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str, words: list[str]
) -> None:
    """Exit code 2, nothing on standard output, and a line that names the option and what is allowed."""
    monkeypatch.chdir(tmp_path)
    code, out, err = seamark(*line.split())
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert err.startswith("seamark: ")
    assert all(word in err for word in words), err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", ["--help", "fit --help", "bundle --help", "bundle show --help"])
def test_help_is_no_error(seamark: Command, line: str) -> None:
    """It goes to standard output, with exit code 0."""
    code, out, err = seamark(*line.split())
    assert (code, err) == (0, "")
    assert "Usage: seamark" in out


@pytest.mark.parametrize("line", ["", "drift"], ids=["nothing", "a group alone"])
def test_a_group_without_a_command_shows_its_help(seamark: Command, line: str) -> None:
    """That is no success, but the help says enough."""
    code, out, err = seamark(*line.split())
    assert (code, err) == (2, "")
    assert "Usage: seamark" in out


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, typer.Abort])
def test_an_interrupt_is_130(
    seamark: Command, monkeypatch: pytest.MonkeyPatch, interrupt: type[BaseException]
) -> None:
    """As a shell has it for a process that SIGINT ended; nothing is said."""

    def interrupted(_store: ModelStore) -> tuple[str, ...]:
        raise interrupt

    monkeypatch.setattr(ModelStore, "names", interrupted)
    assert seamark("bundle", "list") == (130, "", "")


def test_a_fit_into_a_store_that_refuses_ends_before_it_reads(seamark: Command, tmp_path: Path) -> None:
    """The line names `--store`; the data file, which is not there, was not opened yet."""
    (tmp_path / "models").write_text("in the way")
    code, out, err = seamark(*FIT.split(), "--name", "x", "--store", tmp_path / "models")
    assert (code, out, err.count("\n")) == (1, "", 1), err
    assert "--store (SEAMARK_STORE)" in err
    assert (tmp_path / "models").read_text() == "in the way"


def test_a_fit_of_a_file_that_is_not_there_makes_no_store(seamark: Command, tmp_path: Path) -> None:
    """Whether it could be written was tried without leaving a trace."""
    code, _, err = seamark(
        "fit", tmp_path / "x.csv", *FIT.split()[2:], "--name", "x", "--store", tmp_path / "m"
    )
    assert code == 1
    assert "no such file" in err
    assert list(tmp_path.iterdir()) == []


def test_a_fit_says_what_it_could_not_certify(seamark: Command, tmp_path: Path) -> None:
    """Under the table of claims each class without one has a line; the JSON has the figure as well."""
    rows = synthetic_rows({"billing": 300, "delivery": 900, "login": 60}, seed=1, clarity=0.2)
    with (tmp_path / "x.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("t", "l"), *zip(rows.texts, rows.labels or (), strict=True)])
    fit = ("fit", tmp_path / "x.csv", *FIT.split()[2:], "--name", "x", "--store", tmp_path / "models")
    fit = (*fit, "--target", "login:recall=0.9,precision=0.9")
    code, out, _ = seamark(*fit)
    assert code == 0
    lines = [line for line in out.splitlines() if ": insufficient_data," in line]
    assert [line.split(":")[0] for line in lines] == ["login"]
    assert "at least 17 more positives" in lines[0]
    value = json.loads(seamark(*fit, "--json")[1])
    assert [each["n_needed"] for each in value["classes"] if "n_needed" in each] == [17]


def test_a_variable_out_of_range_is_named_as_one(seamark: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `--port` the line speaks of SEAMARK_PORT alone, and the command line was right."""
    monkeypatch.setenv("SEAMARK_PORT", "70000")
    code, _, err = seamark("serve")
    assert (code, err.count("\n")) == (1, 1)
    assert "SEAMARK_PORT='70000'" in err
    assert "--port" not in err


def test_fit_without_the_training_extra_says_what_to_install(
    seamark: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A serving image has no onnx: one line names the package and the extra."""
    monkeypatch.setitem(sys.modules, "onnx", None)
    for name in ("model_store.training.fit", "model_store.training.export"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    code, out, err = seamark("fit", tmp_path / "x.csv", "--name", "x", "--text", "t", "--label", "l")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "onnx" in err
    assert "seamark[train]" in err


def test_the_module_is_the_command() -> None:
    """`python -m service.cli --version` answers the package's version."""
    answer = subprocess.run(
        [sys.executable, "-m", "service.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip().count(".") == 2
