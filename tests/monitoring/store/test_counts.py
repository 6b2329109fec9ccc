"""Flushes are counted exactly once."""

from collections.abc import Callable

import numpy as np
import pytest

from monitoring.errors import UnknownModel
from monitoring.recorder import Sealed
from monitoring.store import Store


def test_a_repeated_flush_counts_once(store: Store, seal: Callable[..., Sealed]) -> None:
    """The same sequence number of the same worker is a no-op, and says so."""
    first = seal([[3, 1, 0], [0, 0, 2]])
    assert store.counts.flush("worker-a", 1, first)
    assert not store.counts.flush("worker-a", 1, first)
    assert store.counts.total("mail@1").tolist() == [[3, 1, 0, 0], [0, 0, 2, 0]]


def test_workers_add_up(store: Store, seal: Callable[..., Sealed]) -> None:
    """The same sequence number of another worker is another flush."""
    for worker in ("worker-a", "worker-b"):
        store.counts.flush(worker, 1, seal([[1, 0, 0], [1, 0, 0]]))
    assert store.counts.total("mail@1").sum() == 4


def test_a_flush_older_than_the_last_is_a_repeat(store: Store, seal: Callable[..., Sealed]) -> None:
    """A late retry of an earlier number changes nothing, also when its row is gone."""
    store.counts.flush("worker-a", 1, seal())
    store.counts.flush("worker-a", 2, seal())
    assert not store.counts.flush("worker-a", 1, seal())


def test_a_worker_goes_on_after_the_state_was_restored_from_a_backup(
    store: Store, seal: Callable[..., Sealed]
) -> None:
    """A gap in the numbers does not lose what comes after it."""
    store.counts.flush("worker-a", 1, seal())
    assert store.counts.flush("worker-a", 7, seal())
    assert store.counts.flush("worker-unseen", 9, seal())
    assert store.counts.total("mail@1").sum() == 3


def test_counts_of_a_release_with_fewer_decisions_are_read(store: Store, seal: Callable[..., Sealed]) -> None:
    """They add to those of today: what was not decided then is 0."""
    store.counts.flush("worker-a", 1, seal([[1, 0, 2], [0, 3, 0]]))
    store.counts.flush("worker-a", 2, seal([[1, 0, 0, 5], [0, 0, 0, 0]]))
    assert store.counts.total("mail@1").tolist() == [[2, 0, 2, 5], [0, 3, 0, 0]]


def test_models_are_counted_apart(store: Store, seal: Callable[..., Sealed]) -> None:
    """Two versions with traffic at once have their own totals, and their own classes."""
    store.counts.flush("worker-a", 1, seal())
    store.counts.flush("worker-a", 2, seal(np.ones((3, 3), int), model_key="mail@2", classes=("a", "b", "c")))
    assert store.counts.models() == ("mail@1", "mail@2")
    assert store.counts.classes("mail@2") == ("a", "b", "c")
    assert store.counts.total("mail@1").sum() == 1
    assert store.counts.total("mail@2").sum() == 9


def test_an_unknown_model_is_named_with_those_known(store: Store, seal: Callable[..., Sealed]) -> None:
    """The error says which models have traffic."""
    store.counts.flush("worker-a", 1, seal())
    with pytest.raises(UnknownModel, match="'mail@9' has no counted traffic; models with traffic: mail@1"):
        store.counts.total("mail@9")
