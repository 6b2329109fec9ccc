"""Tests of `model_store.train`."""

import numpy as np
import pytest

from model_store.errors import TrainingError
from model_store.train import NoVocabulary, OneClass, facts, train
from tests.support.synthetic import synthetic_rows


def _labels(names: tuple[str, ...] | None) -> np.ndarray:
    return np.unique(np.array(names), return_inverse=True)[1]


def test_a_rare_class_is_not_learnt_away():
    """Weights N / (K n_c) make each class pull alike: the fitted scores have no prior in them."""
    rows = synthetic_rows({"billing": 30, "delivery": 600}, seed=1, clarity=0.25)
    trained = train(rows.texts, _labels(rows.labels), n_classes=2)
    mean = trained.pipeline.predict_proba(rows.texts)
    labels = _labels(rows.labels)
    assert mean[labels == 0, 0].mean() > 0.5
    assert mean[labels == 1, 1].mean() > 0.5


def test_a_text_without_any_known_word_gets_the_bias():
    """The two forms agree on what is left when nothing is known."""
    rows = synthetic_rows({"billing": 60, "delivery": 60, "login": 60}, seed=2)
    trained = train(rows.texts, _labels(rows.labels), n_classes=3)
    scores = np.exp(trained.bias - trained.bias.max())
    np.testing.assert_allclose(trained.pipeline.predict_proba([""])[0], scores / scores.sum(), atol=1e-6)


def test_rare_ngrams_are_not_kept():
    """Each text holds a number of its own; none of them becomes a column."""
    rows = synthetic_rows({"billing": 60, "delivery": 60}, seed=3)
    trained = train(rows.texts, _labels(rows.labels), n_classes=2)
    own = {text.split()[-1] for text in rows.texts}
    assert not own & set(trained.front_end.word)
    assert trained.front_end.n_columns == len(trained.weights)


def test_the_weight_matrix_keeps_its_memory_limit(monkeypatch: pytest.MonkeyPatch):
    """The number of columns falls as the number of classes grows: here to 27 in each vocabulary."""
    monkeypatch.setattr("model_store.train.MAX_WEIGHT_BYTES", 20_000)
    rows = synthetic_rows({"billing": 60, "delivery": 60, "login": 60}, seed=4)
    texts = [f"{text} topic{i % 90}x" for i, text in enumerate(rows.texts * 3)]
    trained = train(texts, np.arange(len(texts)) % 90, n_classes=90)
    assert len(trained.front_end.word) == len(trained.front_end.char or {}) == 27
    assert 18_000 < trained.weights.nbytes <= 20_000
    assert trained.weights.dtype == np.float32
    assert trained.weights.shape[1] == 90


def test_the_same_rows_give_the_same_weights():
    """Training is deterministic, to the bit."""
    rows = synthetic_rows({"billing": 50, "delivery": 50}, seed=5)
    first, second = (train(rows.texts, _labels(rows.labels), n_classes=2, seed=1) for _ in range(2))
    assert first.weights.tobytes() == second.weights.tobytes()
    assert first.front_end.word == second.front_end.word
    assert facts(first) == facts(second)


def test_one_class_cannot_be_told_apart():
    """The message says what was found and where to look."""
    with pytest.raises(OneClass, match="at least two classes"):
        train(["a b c"] * 10, np.zeros(10, dtype=np.int64), n_classes=1)


def test_a_class_without_training_rows_is_refused():
    """Its weights could not be known."""
    with pytest.raises(TrainingError, match="2 of 3 classes"):
        train(["invoice here"] * 5 + ["parcel here"] * 5, np.repeat([0, 1], 5), n_classes=3)


def test_texts_without_common_words_are_refused():
    """Numbers, or the wrong column."""
    with pytest.raises(NoVocabulary, match="text column"):
        train([f"{i}" for i in range(10, 20)], np.arange(10) % 2, n_classes=2)
