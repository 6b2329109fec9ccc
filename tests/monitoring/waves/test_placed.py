"""Novel items are spread by the bundle's own vectors, and by hashed ones where those cannot be made."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from model_store.data.ngrams import Vectors, vectors
from model_store.data.wordmarks import marks
from monitoring.recording.candidate import Candidate
from monitoring.waves.certainty import SPREAD
from monitoring.waves.placed import Placed
from monitoring.waves.strata import all_time
from monitoring.waves.views import TEXTS, View
from monitoring.waves.wave import Wave, select
from tests.support.candidates import CLASSES, candidate, text_of

CONTENTS = {7: "my card was stolen", 3: "a parcel is late", 5: "the door is open"}


@dataclass
class Embedding:
    """A graph of vectors that notes what is asked of it, and may fail: at once, or at the second question."""

    fails: str = ""
    opened: int = 0
    asked: list[list[str]] = field(default_factory=list)

    def open(self) -> "Embedding":
        """Open it."""
        if self.fails == "at once":
            raise FileNotFoundError("/models/secret")
        self.opened += 1
        return self

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Return vectors of two dimensions: the length of a text as an angle."""
        if self.fails == "later" and self.asked:
            raise RuntimeError(f"cannot read {texts[0]}")
        self.asked.append(list(texts))
        angles = np.array([len(text) / 50 for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def view_of(embedding: Embedding, failures: list[str], view: View = TEXTS) -> View:
    """Return a view that opens the embedding."""
    return replace(view, open_embedding=embedding.open, on_failure=failures.append)


def test_each_row_is_read_once_by_a_graph_that_is_opened_once() -> None:
    """In the order asked for, whatever was asked before."""
    embedding, failures = Embedding(), list[str]()
    placed = Placed(view_of(embedding, failures))
    assert placed.kind is None
    first = placed.of({7: CONTENTS[7], 3: CONTENTS[3]})
    second = placed.of(CONTENTS)
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(second[:2], first)
    np.testing.assert_array_equal(second, Embedding()(list(CONTENTS.values())))
    assert embedding.asked == [[CONTENTS[7], CONTENTS[3]], [CONTENTS[5]]]
    assert (embedding.opened, failures, placed.kind) == (1, [], "embedding")


@pytest.mark.parametrize("fails", ["at once", "later"])
def test_what_cannot_be_embedded_is_hashed(fails: str, caplog: pytest.LogCaptureFixture) -> None:
    """All of it, since vectors of two kinds cannot be compared; it is counted once, and no word is logged."""
    failures: list[str] = []
    placed = Placed(view_of(Embedding(fails), failures))
    with caplog.at_level(logging.WARNING):
        placed.of({7: CONTENTS[7]})
        found = placed.of(CONTENTS)
        again = placed.of(CONTENTS)
    np.testing.assert_array_equal(found, vectors(list(CONTENTS.values())))
    np.testing.assert_array_equal(found, again)
    assert placed.kind == "ngrams"
    assert failures == ["wave"]
    (record,) = caplog.records
    assert "embedding: " in record.getMessage()
    assert not any(word in record.getMessage() for word in ("secret", "card", "parcel"))


def test_without_an_embedding_texts_are_hashed_and_rows_stand_nowhere() -> None:
    """As ever; and without a view nobody stands anywhere."""
    placed = Placed(TEXTS)
    np.testing.assert_array_equal(placed.of(CONTENTS), vectors(list(CONTENTS.values())))
    assert placed.kind == "ngrams"
    for view in (View(marks), None):
        nowhere = Placed(view)
        assert nowhere.of(CONTENTS) is None
        assert nowhere.kind is None


def test_rows_whose_embedding_fails_stand_nowhere() -> None:
    """Rows of tables are not spread by anything else."""
    failures: list[str] = []
    placed = Placed(view_of(Embedding("at once"), failures, View(marks)))
    assert placed.of(CONTENTS) is None
    assert (placed.kind, failures) == (None, ["wave"])


def wave_of(view: View) -> Wave:
    """Choose a hundred of four hundred items of a kind that was not labelled, among as many that were."""
    rng = np.random.default_rng(1)
    found: list[Candidate] = [
        candidate(
            f"k{i}",
            np.roll((0.5, 0.3, 0.2), i).tolist(),
            text=text_of(i) + " voucher" * (i < 400),
            at=float(i),
            priority=float(rng.random()),
            kinds=frozenset({"top:a", "random:chat"}),
        )
        for i in range(800)
    ]
    return select(
        found,
        epoch_counts=all_time({"chat": 800}),
        watched=(),
        classes=CLASSES,
        thresholds=np.full(3, 0.5, np.float32),
        batch_size=100,
        seed="one",
        labelled=marks([text_of(i) for i in range(1_000, 1_200)]),
        view=view,
    )


@pytest.mark.parametrize(("fails", "kind"), [("", "embedding"), ("at once", "ngrams")])
def test_the_manifest_says_what_the_novel_items_were_spread_by(fails: str, kind: str) -> None:
    """Only candidates that are spread are embedded, a few an item; a failure costs no item of the batch."""
    embedding, failures = Embedding(fails), list[str]()
    wave, plain = wave_of(view_of(embedding, failures)), wave_of(TEXTS)
    asked = [text for texts in embedding.asked for text in texts]
    novel, hashed = ({one.key for one in each.items if one.slice == "novel"} for each in (wave, plain))
    assert (wave.manifest["vectors"], plain.manifest["vectors"]) == (kind, "ngrams")
    assert len(wave.items) == 100
    assert len(asked) == len(set(asked)) <= SPREAD * len(novel)
    assert failures == (["wave"] if kind == "ngrams" else [])
    assert (novel == hashed) is (kind == "ngrams")
