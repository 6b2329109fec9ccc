"""Tests of `model_store.training.train`."""

import csv
import gzip
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from sklearn.metrics import average_precision_score

from model_store.data.labelled import OneClass, labelled_of
from model_store.data.signatures import groups, minhash
from model_store.errors import TrainingError
from model_store.graphs.classifier import Classifier
from model_store.graphs.outputs import Task
from model_store.graphs.text import TextFrontEnd
from model_store.training.export import PARITY, check_parity
from model_store.training.recipes import RECIPES, Recipe, RecipeUnknown
from model_store.training.train import NoVocabulary, train
from model_store.training.trained import Trained
from tests.support.shared import SHARED
from tests.support.synthetic import synthetic_multilabel, synthetic_rows

CLINC = SHARED / "data" / "clinc150.csv.gz"


def _labels(names: tuple[str, ...] | None) -> np.ndarray:
    return np.unique(np.array(names), return_inverse=True)[1]


def _constant(trained: Trained, name: str) -> np.ndarray:
    graph = onnx.load_model_from_string(trained.onnx).graph
    return numpy_helper.to_array(next(each for each in graph.initializer if each.name == name))


def _classifier(trained: Trained, directory: Path, *, task: Task, n_classes: int) -> Classifier:
    path = directory / "model.onnx"
    path.write_bytes(trained.onnx)
    return Classifier.open(path, trained.front_end, n_classes=n_classes, output=trained.output, task=task)


def test_a_rare_class_is_not_learnt_away():
    """Weights N / (K n_c) make each class pull alike: the fitted scores have no prior in them."""
    rows = synthetic_rows({"billing": 30, "delivery": 600}, seed=1, clarity=0.25)
    trained = train(rows.texts, _labels(rows.labels), n_classes=2, imbalance="balanced")
    mean = trained.predict_proba(rows.texts)
    labels = _labels(rows.labels)
    assert mean[labels == 0, 0].mean() > 0.5
    assert mean[labels == 1, 1].mean() > 0.5


def test_a_text_without_any_known_word_gets_the_bias():
    """The two forms agree on what is left when nothing is known."""
    rows = synthetic_rows({"billing": 60, "delivery": 60, "login": 60}, seed=2)
    trained = train(rows.texts, _labels(rows.labels), n_classes=3, imbalance="balanced")
    scores = np.exp(_constant(trained, "bias"))
    np.testing.assert_allclose(trained.predict_proba([""])[0], scores / scores.sum(), atol=1e-6)


def test_rare_ngrams_are_not_kept():
    """Each text holds a number of its own; none of them becomes a column."""
    rows = synthetic_rows({"billing": 60, "delivery": 60}, seed=3)
    trained = train(rows.texts, _labels(rows.labels), n_classes=2, imbalance="balanced")
    own = {text.split()[-1] for text in rows.texts}
    assert isinstance(trained.front_end, TextFrontEnd)
    assert not own & set(trained.front_end.word)
    assert trained.front_end.n_columns == len(_constant(trained, "matrix")) == trained.facts["columns"]


def test_the_weight_matrix_keeps_its_memory_limit(monkeypatch: pytest.MonkeyPatch):
    """The number of columns falls as the number of classes grows: here to 27 in each vocabulary."""
    monkeypatch.setattr("model_store.training.train.MAX_WEIGHT_BYTES", 20_000)
    rows = synthetic_rows({"billing": 60, "delivery": 60, "login": 60}, seed=4)
    texts = [f"{text} topic{i % 90}x" for i, text in enumerate(rows.texts * 3)]
    trained = train(texts, np.arange(len(texts)) % 90, n_classes=90, imbalance="balanced")
    assert isinstance(trained.front_end, TextFrontEnd)
    assert len(trained.front_end.word) == len(trained.front_end.char or {}) == 27
    weights = _constant(trained, "matrix")
    assert 18_000 < weights.nbytes <= 20_000
    assert weights.dtype == np.float32
    assert weights.shape[1] == 90


def test_the_same_rows_and_seed_give_the_same_graph_and_the_same_choice():
    """Training is deterministic, to the bit, drawn rows and folds included."""
    rows = synthetic_rows({"billing": 50, "delivery": 120}, seed=5)
    first, second = (train(rows.texts, _labels(rows.labels), n_classes=2, seed=1) for _ in range(2))
    assert first.onnx == second.onnx
    assert first.facts == second.facts
    assert [(t.recipe, t.mean) for t in first.tried] == [(t.recipe, t.mean) for t in second.tried]


def test_every_recipe_is_tried_and_the_choice_is_among_them():
    """With its figures; the manifest says which it is, in words too."""
    rows = synthetic_rows({"billing": 40, "delivery": 400}, seed=6, clarity=0.15)
    stages: list[tuple[str, int, int]] = []
    trained = train(
        rows.texts,
        _labels(rows.labels),
        n_classes=2,
        criterion="macro_f1",
        progress=lambda *stage: stages.append(stage),
    )
    assert tuple(each.recipe for each in trained.tried) == RECIPES
    assert all(each.mean is not None for each in trained.tried)
    assert trained.chosen == trained.facts["recipe"] != "none"
    assert trained.facts["estimator"].startswith("logistic regression; ")
    assert stages[-1] == ("select", 3 * len(RECIPES), 3 * len(RECIPES))


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_the_graph_answers_as_scikit_learn_does(recipe: Recipe, task: Task, tmp_path: Path):
    """On texts it has not seen, empty, unknown and of any script among them, whatever task and recipe."""
    counts = {"billing": 60, "delivery": 90, "login": 20}
    if task == "multilabel":
        rows, held_out = synthetic_multilabel(150, seed=7), synthetic_multilabel(60, seed=8)
        labels = labelled_of(rows).labels
    else:
        kept = {name: counts[name] for name in list(counts)[: 2 if task == "binary" else 3]}
        rows, held_out = synthetic_rows(kept, seed=7), synthetic_rows(kept, seed=8)
        labels = _labels(rows.labels)
    n_classes = 2 if task == "binary" else 3
    trained = train(rows.texts, labels, n_classes=n_classes, task=task, imbalance=recipe)
    texts = [*held_out.texts, "", "東京 🙂", "PASSWORD " * 500]
    classifier = _classifier(trained, tmp_path, task=task, n_classes=n_classes)
    assert check_parity(classifier, trained, texts) < PARITY / 10
    assert trained.chosen == recipe


def test_groups_stay_together_when_recipes_are_compared():
    """Each text five times: no copy of a held-out text is fitted on, so a chance label cannot be known."""
    rng = np.random.default_rng(9)
    texts = [f"words {rng.integers(10**6)} {rng.integers(10**6)}" for _ in range(60)]
    texts = [text for text in texts for _ in range(5)]
    labels = np.repeat(rng.integers(2, size=60), 5)
    found = [
        train(texts, labels, n_classes=2, groups=own, criterion="macro_f1").tried[1].mean
        for own in (np.repeat(np.arange(60), 5), None)
    ]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0] < 0.75
    assert found[1] > 0.95


def test_one_class_cannot_be_told_apart():
    """The message says what was found and where to look."""
    with pytest.raises(OneClass, match="at least two classes"):
        train(["a b c"] * 10, np.zeros(10, dtype=np.int64), n_classes=1)


def test_a_class_without_training_rows_is_refused():
    """Its weights could not be known."""
    with pytest.raises(TrainingError, match="2 of 3 classes"):
        train(["invoice here"] * 5 + ["parcel here"] * 5, np.repeat([0, 1], 5), n_classes=3)


def test_a_label_on_every_training_row_is_refused():
    """There is nothing to tell it from."""
    labels = np.array([[True, True], [False, True]] * 5)
    with pytest.raises(TrainingError, match="every training row carries label 1 of 2"):
        train(["invoice here", "parcel here"] * 5, labels, n_classes=2)


def test_texts_without_common_words_are_refused():
    """Numbers, or the wrong column."""
    with pytest.raises(NoVocabulary, match="text column"):
        train([f"{i}" for i in range(10, 20)], np.arange(10) % 2, n_classes=2)


def test_an_unknown_recipe_is_refused_before_anything_is_fitted():
    """The message lists the known ones."""
    with pytest.raises(RecipeUnknown, match="'smote' is unknown, allowed: auto, none, balanced"):
        train([], np.array([], dtype=int), n_classes=2, imbalance="smote")  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.skipif(not CLINC.exists(), reason=f"{CLINC} is not there")
def test_class_weights_beat_none_on_151_classes(tmp_path: Path):
    """The imbalanced variant as its authors made it: average precision of the rarest, parity on each row."""
    with gzip.open(CLINC, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = [row["text"] for row in rows]
    part = np.array([row["split"] for row in rows])
    labels = _labels(tuple(row["label"] for row in rows))
    own = groups(minhash(texts))
    fitted = np.array([row["in_imbalanced"] == "1" for row in rows]) | (part == "oos_train")
    held = np.isin(part, ["val", "test", "oos_val", "oos_test"]) & ~np.isin(own, own[fitted])
    mine, rest = ([texts[i] for i in np.flatnonzero(members)] for members in (fitted, held))
    counts = np.bincount(labels[fitted])
    rare = np.flatnonzero(counts == counts.min())
    precision = {}
    recipes: tuple[Recipe, ...] = ("none", "balanced", "effective")
    for recipe in recipes:
        trained = train(mine, labels[fitted], n_classes=151, imbalance=recipe)
        classifier = _classifier(trained, tmp_path, task="multiclass", n_classes=151)
        assert check_parity(classifier, trained, rest) < PARITY
        scores = classifier.log_probabilities(rest)
        precision[recipe] = np.mean([average_precision_score(labels[held] == k, scores[:, k]) for k in rare])
    assert precision["balanced"] > precision["none"]
    assert precision["effective"] > precision["none"]
