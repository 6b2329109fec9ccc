"""The offline replay: when the detector would have noticed a shift of labelled rows."""

from collections.abc import Sequence

import numpy as np
import pytest

from model_store.data.rows import Rows
from model_store.data.signatures import minhash
from model_store.policy import Decisions
from monitoring.replay import ReplayRefused, replay

CLASSES = ("quiet", "loud")


class FakeModel:
    """Reads the answer off a text's first word; `unsure` passes no class."""

    classes = CLASSES

    def __init__(self) -> None:
        self.decided: list[str] = []

    def decide(self, texts: Sequence[str]) -> Decisions:
        """Decide each text by its first word."""
        self.decided.extend(texts)
        words = [text.split()[0] for text in texts]
        top = np.array([int(word == "loud") for word in words], dtype=np.int32)
        unsure = np.array([word == "unsure" for word in words])
        probabilities = np.full((len(texts), 2), 0.5, dtype=np.float32)
        return Decisions(
            probabilities=probabilities,
            flags=probabilities > 1,
            label=np.where(unsure, -1, top).astype(np.int32),
            decision=np.where(unsure, 2, 0).astype(np.int8),
            top=top,
        )


def rows_of(counts: dict[str, int], *, labels: bool = True) -> Rows:
    """Return rows whose first word is what the model answers and whose label is the truth."""
    words = [word for word, n in counts.items() for _ in range(n)]
    texts = tuple(f"{word} message number {i} about topic {i * 7919 % 1_000}" for i, word in enumerate(words))
    truth = tuple("quiet" if word == "unsure" else word for word in words)
    return Rows(texts=texts, labels=truth if labels else None)


ROWS = rows_of({"quiet": 900, "loud": 50, "unsure": 50})


def test_a_tripled_class_is_noticed_soon_after_the_shift_and_dated_near_it():
    """The alarm comes after item `at`, names the class with its shares, and estimates the beginning."""
    answer = replay(FakeModel(), ROWS, shift=("loud", 3.0), items=40_000, seed=3).to_json()
    alarm = answer["alarm"]
    assert set(answer) == {"alarm", "items", "threshold", "baseline_items"}
    assert set(alarm) == {"item", "since_item", "stream", "classes", "columns"}
    assert (alarm["stream"], alarm["columns"]) == ("classes", [])
    assert 20_000 < alarm["item"] < 21_500
    assert abs(alarm["since_item"] - 20_000) < 500
    loud = alarm["classes"][0]
    assert set(loud) == {"class", "reference", "current", "low", "high", "direction"}
    assert (loud["class"], loud["direction"]) == ("loud", "rise")
    assert loud["reference"] == pytest.approx(0.05, abs=0.01)
    assert loud["low"] < 3 * 50 / 1_100 < loud["high"]
    assert (answer["items"], answer["baseline_items"]) == (40_000, 15_000)


@pytest.mark.parametrize("seed", range(6))
def test_a_factor_of_one_is_silent(seed: int):
    """No shift, no alarm: the scanned part of the stream looks like the baseline."""
    assert replay(FakeModel(), ROWS, shift=("loud", 1.0), items=40_000, seed=seed).to_json()["alarm"] is None


def test_a_class_that_becomes_rarer_is_noticed_too():
    """A factor below one is a fall."""
    result = replay(FakeModel(), ROWS, shift=("loud", 0.1), items=40_000, seed=1)
    assert result.finding is not None
    assert [(shift.name, shift.direction) for shift in result.finding.classes] == [("loud", "fall")]


def test_the_same_seed_gives_the_same_answer_and_another_seed_another_stream():
    """A replay can be repeated exactly."""
    answers = [replay(FakeModel(), ROWS, shift=("loud", 3.0), seed=seed).to_json() for seed in (7, 7, 8)]
    assert answers[0] == answers[1]
    assert answers[0] != answers[2]


def test_every_distinct_row_is_decided_once_with_progress():
    """A stream of 40,000 items costs as many decisions as there are rows."""
    model, seen = FakeModel(), []
    replay(model, ROWS, items=40_000, progress=lambda stage, done, total: seen.append((stage, done, total)))
    assert sorted(model.decided) == sorted(ROWS.texts)
    assert seen[-1] == ("decide", 1_000, 1_000)


def test_rows_the_model_has_seen_are_left_out():
    """Near-duplicates of training rows are neither decided nor drawn."""
    model, seen = FakeModel(), minhash(ROWS.texts[:400])
    result = replay(model, ROWS, items=20_000, seed=0, seen_signatures=seen)
    assert not set(model.decided) & set(ROWS.texts[:400])
    assert result.excluded_rows >= 400


def test_when_every_row_was_seen_there_is_nothing_to_replay():
    """The error says so instead of showing a model at its best."""
    with pytest.raises(ReplayRefused, match="use other rows"):
        replay(FakeModel(), ROWS, seen_signatures=minhash(ROWS.texts))


def test_where_to_shift_is_the_callers_choice():
    """With `at` the baseline and the alarm move; a shift at the very end is never seen."""
    early = replay(FakeModel(), ROWS, shift=("loud", 3.0), at=8_000, items=20_000, seed=2)
    assert early.baseline_items == 6_000
    assert early.alarm_item is not None
    assert 8_000 < early.alarm_item < 9_500
    assert replay(FakeModel(), ROWS, shift=("loud", 3.0), at=20_000, items=20_000).alarm_item is None


def test_a_class_that_vanishes_is_noticed():
    """A factor of 0 leaves the class out of the shifted part."""
    result = replay(FakeModel(), ROWS, shift=("loud", 0.0), items=40_000, seed=4)
    assert result.finding is not None
    assert result.finding.classes[0].current < 0.02


def test_rows_of_a_table_are_decided_by_their_features_and_left_out_only_when_equal():
    """What the model takes is given beside the cells; rows that are merely near are other rows."""
    amounts = tuple(f"{i}.5" for i in range(900))
    kinds = tuple("loud" if i % 10 == 0 else "quiet" for i in range(900))
    rows = Rows(labels=kinds, features={"kind": kinds, "amount": amounts})

    class Table(FakeModel):
        def decide(self, inputs: Sequence[dict[str, object]]) -> Decisions:
            return super().decide([str(each["kind"]) for each in inputs])

    inputs = [{"kind": k, "amount": float(a)} for k, a in zip(kinds, amounts, strict=True)]
    seen = minhash(rows.contents()[:300], exact=True)
    model = Table()
    result = replay(
        model, rows, inputs=inputs, shift=("loud", 4.0), items=20_000, seed=2, seen_signatures=seen
    )
    assert result.excluded_rows == 300
    assert len(model.decided) == 600
    assert result.finding is not None
    assert result.finding.classes[0].name == "loud"


def test_a_label_among_several_is_shifted():
    """A row that carries it, beside others or not, is drawn more often."""
    sets = tuple(
        frozenset({"loud", "late"} if label == "loud" else set())
        for label in rows_of({"loud": 50}).labels or ()
    )
    quiet = rows_of({"quiet": 900})
    rows = Rows(texts=(*quiet.texts, *rows_of({"loud": 50}).texts), label_sets=((frozenset(),) * 900 + sets))
    result = replay(FakeModel(), rows, shift=("late", 3.0), items=40_000, seed=3)
    assert result.finding is not None
    assert (result.finding.classes[0].name, result.finding.classes[0].direction) == ("loud", "rise")
    with pytest.raises(ReplayRefused, match="labels are late, loud"):
        replay(FakeModel(), rows, shift=("early", 3.0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"rows": rows_of({"quiet": 50}, labels=False)}, "name the label column", id="no labels"),
        pytest.param({"shift": ("silent", 2.0)}, "labels are loud, quiet", id="unknown class"),
        pytest.param({"shift": ("loud", -1.0)}, "at least 0", id="negative factor"),
        pytest.param({"shift": ("loud", float("inf"))}, "at least 0", id="infinite factor"),
        pytest.param(
            {"rows": rows_of({"loud": 50}), "shift": ("loud", 0.0)}, "no row to draw", id="nothing left"
        ),
        pytest.param(
            {"at": 100}, "at item 100 of 40000 needs at least 734 items", id="no room for a baseline"
        ),
        pytest.param({"at": 50_000}, "after the last of 40000", id="after the end"),
        pytest.param({"items": 200}, "draw at least 1468 items", id="a stream too short"),
        pytest.param({"bucket_items": 0}, "at least 1", id="no items in a bucket"),
    ],
)
def test_a_replay_that_cannot_be_says_why(changes: dict[str, object], message: str):
    """Each error names the value and what is possible."""
    arguments: dict[str, object] = {"rows": ROWS, "shift": ("loud", 2.0), "items": 40_000, **changes}
    with pytest.raises(ReplayRefused, match=message):
        replay(FakeModel(), **arguments)  # type: ignore[arg-type]
