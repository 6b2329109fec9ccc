"""What every test may ask for: a store of bundles and a tiny model that really runs."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_store.bundles.bundle import Bundle, read_bundle
from model_store.model import Model, load_model
from model_store.store import ModelStore

# `from tests.support import bundles` in any test, whatever directory pytest was started from.
sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support import bundles


@pytest.fixture
def model_store_root(tmp_path: Path) -> Path:
    """Return the directory of a store that is not there yet."""
    return tmp_path / "models"


@pytest.fixture
def model_store(model_store_root: Path) -> ModelStore:
    """Return an empty store."""
    return ModelStore(model_store_root)


@pytest.fixture
def publish_tiny(model_store: ModelStore) -> Callable[..., Path]:
    """Return a function that publishes and promotes a tiny bundle in `model_store`: `publish_tiny(k=5)`."""

    def publish(**bundle: Any) -> Path:
        return bundles.publish_tiny(model_store, **bundle)

    return publish


@pytest.fixture(scope="session")
def tiny_bundle_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a published bundle of three classes (`tiny@1`); do not change it."""
    return bundles.publish_tiny(ModelStore(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="session")
def tiny_bundle(tiny_bundle_path: Path) -> Bundle:
    """Return the bundle of `tiny_bundle_path`, read."""
    return read_bundle(tiny_bundle_path)


@pytest.fixture(scope="session")
def tiny_model(tiny_bundle_path: Path) -> Model:
    """Return the model of `tiny_bundle_path`; `tests.support.bundles` says how it answers."""
    return load_model(tiny_bundle_path)
