"""Nine in the morning, and an empty store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitoring.clock import ManualClock
from monitoring.store import Store, open_store
from tests.support.morning import MORNING
from tests.support.site import Site


@pytest.fixture
def clock() -> ManualClock:
    """Nine in the morning, UTC."""
    return ManualClock(MORNING)


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    """An empty store."""
    opened = open_store(tmp_path, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def site(store: Store, clock: ManualClock) -> Site:
    """A store without traffic, and who fills it."""
    return Site(store, clock)
