"""The command as a whole: errors are one line and an exit code, a read changes nothing."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from service.cli.main import run

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def seamark(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs a command line here: exit code, standard output, standard error."""

    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["seamark", *map(str, arguments)])
        try:
            run()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


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
    assert json.loads(out)["to"] == "1"
    history = json.loads(seamark("bundle", "show", "tiny", "--store", model_store_root, "--json")[1])[
        "history"
    ]
    assert [(each["who"], each["from"], each["to"], each["why"]) for each in history[1:]] == [
        ("ada", "1", "2", "better"),
        ("ada", "2", "1", "worse"),
    ]


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


def test_a_wrong_option_is_a_usage_error(seamark: Command) -> None:
    """A malformed `--shift` is exit code 2 and says what is allowed."""
    code, _, err = seamark("drift", "replay", "x.csv", "--bundle", "tiny", "--text", "t", "--shift", "fraud")
    assert code == 2
    assert "CLASS=FACTOR" in err


def test_fit_without_the_training_extra_says_what_to_install(
    seamark: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A serving image has no onnx: one line names the package and the extra."""
    monkeypatch.setitem(sys.modules, "onnx", None)
    for name in ("model_store.fit", "model_store.export"):
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
