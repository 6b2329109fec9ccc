"""Run a command line in this process, as `seamark` in a shell would."""

import sys
from collections.abc import Callable
from typing import TypeAlias

import pytest

from service.cli.main import run

Command: TypeAlias = Callable[..., tuple[int, str, str]]


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs `seamark` with these arguments: exit code, output, errors."""

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
