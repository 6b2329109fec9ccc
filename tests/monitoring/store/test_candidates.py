"""What the workers reported comes back as columns, to the last bit."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from monitoring.clock import ManualClock
from monitoring.recording.candidate import Candidate
from monitoring.recording.recorder import Sealed
from monitoring.store import Population, Store, tables
from monitoring.store.candidates import read_population
from monitoring.waves.columns import Columns


def reported(n: int, *, at: float) -> list[Candidate]:
    """Candidates held for a score, for a draw, for both or for neither; every third without a text."""
    rng = np.random.default_rng(n)
    kinds = [{"top:spam"}, {"random:other"}, {"uncertain:ham", "random:other"}, set()]
    return [
        Candidate(
            key=f"k{i}",
            item_id=f"k{i}" if i % 2 else None,
            source="other",
            text=None if i % 3 == 0 else f"wort ü {i}",
            probabilities=rng.dirichlet([1, 1]).astype(np.float32),
            label=i % 3 - 1,
            decision=i % 4,
            at=at + i / 7,
            priority=float(rng.random()),
            kinds=frozenset(kinds[i % 4]),
        )
        for i in range(n)
    ]


def test_columns_are_those_of_the_candidates(
    store: Store, clock: ManualClock, seal: Callable[..., Sealed]
) -> None:
    """Every field of every candidate, and the epoch that its flush was counted in."""
    made = reported(60, at=clock.now())
    sealed = replace(seal([[60, 0, 0], [0, 0, 0]], candidates=made), epoch=4711)
    store.counts.flush("w", 1, sealed)
    found, expected = population(store).columns, Columns.of(made, n_classes=2, epochs=[4711] * 60)
    order = sorted(range(60), key=lambda row: int(found.keys[row].removeprefix("k")))
    for name in ("keys", "item_ids", "sources", "texts"):
        assert [getattr(found, name)[row] for row in order] == list(getattr(expected, name)), name
    for name in ("probabilities", "labels", "decisions", "at", "priorities", "scored", "drawn", "epochs"):
        mine, theirs = getattr(found, name)[order], getattr(expected, name)
        assert mine.dtype == theirs.dtype, name
        np.testing.assert_array_equal(mine, theirs, err_msg=name)
    assert found.scored.any()
    assert not found.scored.all()


def test_a_population_without_candidates_has_the_models_classes(
    store: Store, seal: Callable[..., Sealed]
) -> None:
    """A wave asks how many there are before it finds that there is nothing to choose from."""
    store.counts.flush("w", 1, seal([[1, 0, 0], [0, 0, 0]]))
    assert population(store).columns.probabilities.shape == (0, 2)


def population(store: Store) -> Population:
    """All candidates, whether or not a bucket took them."""
    with store._database.write(durable=False) as connection:
        connection.execute(tables.candidates.update().values(bucket_seq=1))
        return read_population(connection, "mail@1", first_epoch=0, last_epoch=10**7, seq=1)
