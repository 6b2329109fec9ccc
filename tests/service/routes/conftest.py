"""What the tests of the routes share: a house over a tiny bundle."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from model_store.store import ModelStore
from service.settings import Settings
from tests.support import bundles
from tests.support.house import House


@pytest.fixture
def open_house(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Return a function that builds a house over a store with one promoted tiny bundle."""
    opened: list[House] = []

    def open_(*, kind: bundles.Kind = "text", **settings: Any) -> House:
        store = tmp_path / "models"
        if not opened:
            bundles.publish_tiny(ModelStore(store), kind=kind)
        given = {"baseline_items": 500, "baseline_seconds": 0.0, "batch_size": 20, **settings}
        opened.append(House(Settings(store=store, state=tmp_path / "state", **given), seed=len(opened)))
        return opened[-1]

    yield open_
    for house in opened:
        house.worker.state.close()


@pytest.fixture
def house(open_house: Callable[..., House]) -> House:
    """Return a house without keys."""
    return open_house()
