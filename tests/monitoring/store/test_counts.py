"""Flushes are counted exactly once."""

from collections.abc import Callable

import numpy as np
import pytest

from monitoring.clock import ManualClock
from monitoring.errors import UnknownModel
from monitoring.recording.recorder import Sealed
from monitoring.store import Store
from monitoring.store.counts import read_ranking
from monitoring.store.tables import models


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


MEASURES = {"score": {"kind": "cuts", "stream": "scores", "cuts": [1 / 3, 0.9], "length": 3}}


def test_what_meters_mean_is_told_with_the_first_flush(store: Store, seal: Callable[..., Sealed]) -> None:
    """Once a model, with the task; cuts come back to the last bit."""
    store.counts.flush("worker-a", 1, seal(measures=MEASURES, task="binary"))
    model = store.counts.model("mail@1")
    assert (model.key, model.classes, model.task) == ("mail@1", ("ham", "spam"), "binary")
    assert model.measures == MEASURES
    with pytest.raises(UnknownModel, match="'mail@9' has no counted traffic"):
        store.counts.model("mail@9")


def test_a_model_of_an_earlier_release_learns_what_is_measured(
    store: Store, seal: Callable[..., Sealed]
) -> None:
    """A worker that measures nothing, or nothing else, takes no meaning away."""
    store.counts.flush("old", 1, seal())
    assert store.counts.model("mail@1").measures == {}
    store.counts.flush("new", 1, seal(measures=MEASURES, task="binary"))
    store.counts.flush("old", 2, seal())
    store.counts.flush("new", 2, seal(measures=dict(MEASURES), task="binary"))
    assert (store.counts.model("mail@1").measures, store.counts.model("mail@1").task) == (MEASURES, "binary")
    other = MEASURES | {"length": {"kind": "cuts"}}
    store.counts.flush("newer", 1, seal(measures=other, task="binary"))
    assert store.counts.model("mail@1").measures == other


def test_what_is_usual_of_each_class_is_known_to_whoever_ranks(
    store: Store, seal: Callable[..., Sealed]
) -> None:
    """Not before a worker said so: until then all classes are as usual as each other."""
    store.counts.flush("old", 1, seal(measures=dict(MEASURES)))
    usual = []
    for worker, shares in (("older", ()), ("new", (0.875, 0.125)), ("older", ())):
        store.counts.flush(worker, len(usual) + 1, seal(measures=dict(MEASURES), usual=shares))
        with store._database.read() as connection:
            usual.append(read_ranking(connection, "mail@1").usual.tolist())
    assert usual == [[0.5, 0.5], [0.875, 0.125], [0.875, 0.125]]


def test_a_worker_tells_it_again_when_the_state_forgot(store: Store, seal: Callable[..., Sealed]) -> None:
    """It does not compare the whole with every flush, and yet notices that it is gone."""
    one = seal(measures=MEASURES)
    store.counts.flush("worker-a", 1, one)
    with store._database.write(durable=False) as connection:
        connection.execute(models.update().values(measures=None))
    store.counts.flush("worker-a", 2, one)
    assert store.counts.model("mail@1").measures == MEASURES
    with store._database.write(durable=False) as connection:
        connection.execute(models.delete())
    store.counts.flush("worker-a", 3, one)
    assert store.counts.model("mail@1").measures == MEASURES


def test_meters_of_flushes_add_up_in_a_claim(
    store: Store, seal: Callable[..., Sealed], clock: ManualClock
) -> None:
    """Over workers, also one that measures something else or nothing."""
    store.counts.flush("a", 1, seal(meters={"score": [1, 0, 2], "mass": [2**40, 1]}))
    store.counts.flush("b", 1, seal(meters={"score": [0, 5, 1]}))
    store.counts.flush("old", 1, seal())
    clock.advance(10)
    read = store.closing.read("mail@1", bucket_seconds=10.0)
    assert read is not None
    assert {name: counts.tolist() for name, counts in read.claim.meters.items()} == {
        "score": [1, 5, 3],
        "mass": [2**40, 1],
    }
