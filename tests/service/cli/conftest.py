"""What the tests of commands share."""

from pathlib import Path

import pytest

from tests.support.command import Command, runner


@pytest.fixture
def seamark(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model_store_root: Path
) -> Command:
    """Return a function that runs a command line here against the test's store: code, output, errors."""
    monkeypatch.setenv("SEAMARK_STORE", str(model_store_root))
    return runner(monkeypatch, capsys)
