"""What the tests of commands share."""

from pathlib import Path

import httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

from model_store.store import ModelStore
from service.settings import Settings
from tests.support import bundles
from tests.support.command import Command, runner
from tests.support.house import House


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """Return a house that commands reach, which asks two people for each item."""
    bundles.publish_tiny(ModelStore(tmp_path / "models"))
    settings = Settings(store=tmp_path / "models", state=tmp_path / "state", batch_size=20, overlap=2)
    found = House(settings)
    words = ["".join(each) for each in np.random.default_rng(0).choice(list("abcdefghij"), (60, 30))]
    found.answer([f"{name} {word}" for word, name in zip(words, bundles.NAMED * 20, strict=True)])

    def client(**_: object) -> TestClient:
        return found.local

    monkeypatch.setattr(httpx, "Client", client)
    return found


@pytest.fixture
def seamark(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model_store_root: Path
) -> Command:
    """Return a function that runs a command line here against the test's store: code, output, errors."""
    monkeypatch.setenv("SEAMARK_STORE", str(model_store_root))
    return runner(monkeypatch, capsys)
