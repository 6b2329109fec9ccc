"""The command in the terminals and pipes that people really have."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from service.cli.client import Client, ClientError
from tests.support import bundles

COMMAND = [sys.executable, "-m", "service.cli"]


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment without settings of the service, and more."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SEAMARK_")} | more


@pytest.mark.parametrize(
    "arguments", [("--help",), ("bundle", "list"), ("bundle", "list", "--json")], ids=" ".join
)
def test_a_full_disk_behind_the_output_is_one_line(
    publish_tiny: Callable[..., Path], model_store_root: Path, arguments: tuple[str, ...]
) -> None:
    """Exit code 1 and one line on standard error, whatever was written."""
    publish_tiny()
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [*COMMAND, *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(SEAMARK_STORE=str(model_store_root)),
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr.decode() == "seamark: output: No space left on device\n"


def test_a_reader_that_has_gone_is_no_traceback(
    publish_tiny: Callable[..., Path], model_store_root: Path
) -> None:
    """`seamark ... | head` ends without a word."""
    publish_tiny()
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [*COMMAND, "bundle", "show", "tiny", "--json"],
        stdout=writing,
        stderr=subprocess.PIPE,
        env=environment(SEAMARK_STORE=str(model_store_root)),
        check=False,
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, b"")


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize(
    "terminal",
    [
        {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
    ids=["ascii", "latin-1"],
)
def test_a_terminal_without_utf_8_gets_every_class(
    publish_tiny: Callable[..., Path],
    model_store_root: Path,
    terminal: dict[str, str],
    more: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it has no letter for is escaped, in JSON as JSON escapes it."""
    monkeypatch.setattr(bundles, "NAMED", ("größe", "鍵", "login"))
    publish_tiny()
    ended = subprocess.run(
        [*COMMAND, "bundle", "show", "tiny", *more],
        capture_output=True,
        env=environment(SEAMARK_STORE=str(model_store_root), **terminal),
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    if more:
        classes = [each["class"] for each in json.loads(ended.stdout.decode("latin-1"))["classes"]]
        assert classes == ["größe", "鍵", "login"]
    else:
        assert b"login" in ended.stdout


@pytest.mark.parametrize("url", ["127.0.0.1:3000", "htt p://x", "ftp://host", "http://", ""])
def test_an_address_that_is_none_is_told_as_such(url: str) -> None:
    """The next step is another `--url`, not to start a service."""
    with pytest.raises(ClientError, match="give an address such as"):
        Client(url)


@pytest.mark.parametrize("key", ["schlüssel", "two words", "a\nb"])
def test_a_key_that_no_header_takes_is_told_without_showing_it(key: str) -> None:
    """A secret is never repeated."""
    with pytest.raises(ClientError, match="check SEAMARK_KEY") as told:
        Client("http://127.0.0.1:3000", key)
    assert key not in str(told.value)
