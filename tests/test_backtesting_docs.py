"""docs/backtesting.md: its log is made as it says, and the command says of it what the page shows."""

import re
from pathlib import Path

import pytest

from tests.support.command import Command, runner

PAGE = (Path(__file__).parent.parent / "docs" / "backtesting.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SHOWN = re.findall(r"```console\n\$ seamark (.*?)\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def seamark(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs a command line here."""
    return runner(monkeypatch, capsys)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the log that the page makes."""
    directory = tmp_path_factory.mktemp("backtesting")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        for snippet in SNIPPETS:
            exec(compile(snippet, "backtesting.md", "exec"), {})  # noqa: S102 - our own page
    return directory / "log.csv"


def test_the_command_says_of_the_log_what_the_page_shows(
    log: Path, seamark: Command, monkeypatch: pytest.MonkeyPatch
):
    """Line by line, as far as it is shown."""
    ((line, shown),) = SHOWN
    monkeypatch.chdir(log.parent)
    code, out, _ = seamark(*line.split())
    assert code == 0
    expected = [each.rstrip() for each in shown.splitlines() if each != "..."]
    assert [each.rstrip() for each in out.splitlines()[: len(expected)]] == expected


def test_every_option_of_the_page_exists(seamark: Command, monkeypatch: pytest.MonkeyPatch):
    """A renamed option is renamed there too."""
    monkeypatch.setenv("COLUMNS", "200")
    _, offered, _ = seamark("drift", "backtest", "--help")
    named = set(re.findall(r"--[a-z-]+[a-z]", PAGE))
    assert named
    assert [option for option in sorted(named) if option not in offered] == []
