"""What the tests of the front door share: a desk with the tiny model in service."""

from collections.abc import Callable
from typing import Any

import pytest

from model_store.model import Model
from model_store.store import ModelStore
from tests.support import bundles
from tests.support.desk import Desk, current_of


@pytest.fixture
def desk(tiny_model: Model) -> Desk:
    """Return a desk with the tiny model in service and no keys."""
    return Desk(current_of(tiny_model))


@pytest.fixture
def open_desk(tiny_model: Model) -> Callable[..., Desk]:
    """Return a function that opens a desk with other limits or keys over the tiny model."""

    def open_(model: Model | None = None, **options: Any) -> Desk:
        return Desk(current_of(model or tiny_model), **options)

    return open_


@pytest.fixture(scope="session")
def features_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Return a tiny model that takes rows of a table."""
    return bundles.tiny_model(ModelStore(tmp_path_factory.mktemp("features")), kind="features")


@pytest.fixture(scope="session")
def labels_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Return a tiny model that gives any number of labels."""
    return bundles.tiny_model(ModelStore(tmp_path_factory.mktemp("labels")), kind="multilabel")
