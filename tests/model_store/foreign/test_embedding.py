"""An output of a foreign graph may be declared as its embedding; what cannot be one is refused by name."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from model_store.bundles.bundle import EMBEDDING_FILE, MODEL_FILE, read_bundle, read_embedding
from model_store.data.csvfile import read_header
from model_store.data.rows import read_rows
from model_store.foreign.embedding import EmbeddingRefused
from model_store.foreign.importing import Imported, import_model
from model_store.foreign.reading import open_model
from model_store.foreign.recognise import Declared
from model_store.graphs.embedding import EmbeddingSpec
from model_store.model import load_model, open_embedder
from model_store.store import ModelStore
from model_store.training.refit import refit
from tests.support import foreign
from tests.support.foreign import Foreign


def load(directory: Path, model: Foreign, embedding: str | None) -> Imported:
    """Import a network with that output as its embedding."""
    onnx, data = model.write(directory)
    declared = Declared(features=foreign.COLUMNS, classes=foreign.CLASSES, embedding=embedding)
    opened = open_model(onnx, declared, header=read_header(data), taken=("label",))
    rows = read_rows(data, features=opened.taken.columns, label="label")
    return import_model(opened, rows, name="foreign", store=ModelStore(directory / "models"))


@pytest.mark.parametrize(
    ("hidden", "kind"),
    [((None, 5), TensorProto.FLOAT), ((None, None), TensorProto.FLOAT), ((None, 5), TensorProto.DOUBLE)],
    ids=["as declared", "length not said", "double"],
)
def test_the_vectors_are_those_of_the_output(
    tmp_path: Path, hidden: tuple[int | None, ...], kind: int
) -> None:
    """Their length is found by running a few rows; a bundle gives them as floats of length 1."""
    model = foreign.embedding_network(hidden, kind)
    done = load(tmp_path, model, "vectors")
    bundle = read_bundle(done.result.path)
    assert bundle.manifest.embedding == EmbeddingSpec("vectors", 5)
    assert done.recognised["embedding"] == "'vectors': 5 numbers"
    items = model.items()[:7]
    features = np.array([[item[name] for name in foreign.COLUMNS] for item in items], np.float32)
    weights = np.random.default_rng(3).normal(size=(4, 5)).astype(np.float32)
    expected = np.tanh(features @ weights)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(open_embedder(bundle).vectors(items), expected, atol=1e-5)


def test_what_answers_is_the_same_with_and_without(tmp_path: Path) -> None:
    """Not a byte of the graph that a request runs knows of the embedding."""
    paths = []
    for name in (None, "vectors"):
        directory = tmp_path / str(name)
        directory.mkdir()
        paths.append(load(directory, foreign.embedding_network(), name).result.path)
    plain, declared = paths
    assert (plain / MODEL_FILE).read_bytes() == (declared / MODEL_FILE).read_bytes()
    assert not (plain / EMBEDDING_FILE).exists()
    outputs = [node.name for node in load_model(declared).classifier.session.get_outputs()]
    assert outputs == ["logits"]


def test_the_scores_may_be_the_embedding_too(tmp_path: Path) -> None:
    """Of a graph that gives nothing else: the same computation then does both."""
    bundle = read_bundle(load(tmp_path, foreign.network(), "logits").result.path)
    assert bundle.manifest.output.name == "logits"
    assert bundle.manifest.embedding == EmbeddingSpec("logits", 3)


@pytest.mark.parametrize(
    ("embedding", "kind", "said"),
    [
        ("hidden", TensorProto.FLOAT, "no output 'hidden' for --embedding; it gives 'logits'"),
        (
            "again",
            TensorProto.FLOAT,
            r"'again' tensor\(float\) \(any, 1, 5\) is no embedding: .* \(items, d\)",
        ),
        ("vectors", TensorProto.INT64, r"'vectors' tensor\(int64\).* is no embedding"),
    ],
    ids=["not there", "three axes", "whole numbers"],
)
def test_what_cannot_be_an_embedding_is_refused(tmp_path: Path, embedding: str, kind: int, said: str) -> None:
    """The output is named, with what is allowed, and nothing is written."""
    with pytest.raises(EmbeddingRefused, match=said):
        load(tmp_path, foreign.embedding_network(kind=kind), embedding)
    assert not (tmp_path / "models" / "foreign" / "1").exists()


def test_a_refit_keeps_the_embedding(tmp_path: Path) -> None:
    """The graph stays, so what it makes of an item stays too, to the byte."""
    model = foreign.embedding_network()
    first = load(tmp_path, replace(model, rows=model.rows[:300], labels=model.labels[:300]), "vectors")
    _, data = replace(model, rows=model.rows[300:], labels=model.labels[300:]).write(tmp_path)
    rows = read_rows(data, features=foreign.COLUMNS, label="label")
    store = ModelStore(tmp_path / "models")
    second = refit(load_model(first.result.path), rows, store=store, sample=True)
    before, after = (read_embedding(read_bundle(each.path)) for each in (first.result, second.result))
    assert before is not None
    assert before == after
