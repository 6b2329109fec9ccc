"""Rows of tables have a novel slice too: what is unlike the labelled rows."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from model_store.data.contents import content_of
from model_store.data.ngrams import vectors
from model_store.data.rowmarks import Binning
from model_store.data.wordmarks import marks
from model_store.graphs.values import Column
from monitoring.recording.candidate import Candidate
from monitoring.waves.strata import all_time
from monitoring.waves.views import TEXTS, View, of_rows
from monitoring.waves.wave import Wave, select

CLASSES = ("pay", "refuse", "ask")
COLUMNS = (
    Column("amount", "float"),
    Column("age", "float", missing=True),
    Column("visits", "integer"),
    Column("score", "float"),
    Column("channel", "text"),
    Column("country", "text"),
)
NEW_SHARE = 0.03
N = 1_500


def known_rows(n: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return rows as they always were: the score goes up with the amount."""
    amount = rng.lognormal(3, 1, n)
    return [
        {
            "amount": float(amount[i]),
            "age": None if rng.random() < 0.1 else float(rng.normal(45, 12)),
            "visits": int(rng.poisson(4)),
            "score": float(np.log(amount[i]) + 0.3 * rng.normal()),
            "channel": str(rng.choice(["web", "app", "shop"], p=[0.6, 0.3, 0.1])),
            "country": str(rng.choice(["at", "ch", "de", "fr"])),
        }
        for i in range(n)
    ]


def new_rows(n: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return rows of a kind that never was: every value is a usual one, large amounts with a low score."""
    large = {"amount": lambda: float(rng.lognormal(4.2, 0.3)), "score": lambda: float(rng.normal(1.8, 0.3))}
    return [row | {name: make() for name, make in large.items()} for row in known_rows(n, rng)]


def served(rng: np.random.Generator) -> tuple[list[Candidate], set[str]]:
    """Return what was served, and the keys of the new kind: a fifth of the rest is as uncertain as they."""
    n_new = round(NEW_SHARE * N)
    rows = known_rows(N - n_new, rng) + new_rows(n_new, rng)
    found = []
    for i, row in enumerate(rows):
        middling = i >= N - n_new or rng.random() < 0.2
        top = rng.uniform(0.45, 0.75) if middling else rng.uniform(0.85, 0.999)
        p = rng.permutation([top, *((1 - top) * rng.dirichlet([1, 1]))]).astype(np.float32)
        kinds = {f"top:{CLASSES[int(p.argmax())]}", f"uncertain:{CLASSES[int(p.argmax())]}", "random:web"}
        found.append(
            Candidate(
                key=f"k{i}",
                item_id=f"k{i}",
                source="web",
                text=content_of(row),
                probabilities=p,
                label=int(p.argmax()),
                decision=0,
                at=float(rng.integers(600)),
                priority=float(rng.random()),
                kinds=frozenset(kinds),
            )
        )
    return found, {f"k{i}" for i in range(N - n_new, N)}


def wave_of(candidates: list[Candidate], labelled: list[dict[str, Any]], view: View | None) -> Wave:
    """Choose a hundred rows of a table, without a class to watch."""
    binning = Binning.of(COLUMNS, labelled)
    return select(
        candidates,
        epoch_counts=all_time(Counter(one.source for one in candidates)),
        watched=(),
        classes=CLASSES,
        thresholds=np.full(3, 0.5, np.float32),
        batch_size=100,
        seed="batch",
        input_kind="features",
        labelled=binning.kept(labelled),
        view=of_rows(binning) if view is TEXTS else view,
    )


@pytest.mark.parametrize("seed", range(5))
def test_a_new_kind_of_row_is_found(seed: int) -> None:
    """Three in a hundred rows are of a kind no column tells, of the novel slice fifteen times as many."""
    rng = np.random.default_rng(seed)
    labelled, (candidates, new) = known_rows(800, rng), served(rng)
    wave = wave_of(candidates, labelled, TEXTS)
    of_slice = {
        name: [one.key in new for one in wave.items if one.slice == name] for name in ("novel", "uncertain")
    }
    assert len(of_slice["novel"]) > 30
    assert np.mean(of_slice["novel"]) > 15 * NEW_SHARE
    assert np.mean(of_slice["novel"]) > 4 * np.mean(of_slice["uncertain"])


def test_without_a_view_no_row_is_novel() -> None:
    """A bundle that keeps no marks of rows cannot tell; its share goes to what is uncertain."""
    rng = np.random.default_rng(1)
    candidates, _ = served(rng)
    wave = wave_of(candidates, known_rows(100, rng), None)
    assert {one.slice for one in wave.items} == {"uncertain", "explore"}


def test_a_view_of_rows_reads_their_contents() -> None:
    """Marks are those of the rows that were written; vectors they have none."""
    rows = known_rows(30, np.random.default_rng(2))
    binning = Binning.of(COLUMNS, rows)
    view = of_rows(binning)
    contents = [content_of(row) for row in rows]
    np.testing.assert_array_equal(view.marks(contents), binning.marks(rows))
    assert view.vectors is None


def test_a_view_of_texts_reads_words() -> None:
    """Marks of words, and hashed n-grams."""
    texts = ["my card was stolen", "a parcel"]
    np.testing.assert_array_equal(TEXTS.marks(texts), marks(texts))
    assert TEXTS.vectors is not None
    np.testing.assert_array_equal(TEXTS.vectors(texts), vectors(texts))
