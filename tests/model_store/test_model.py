"""Tests of `model_store.model`, and of what importing the package costs."""

import itertools
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_store.calibrating.calibration import Calibration, calibration_digest
from model_store.errors import BundleInvalid, FeatureInvalid
from model_store.graphs.columns import ColumnInputs
from model_store.model import Model, load_model, open_embedder
from model_store.policy import DECISIONS
from model_store.training.export import linear_onnx
from tests.support import bundles
from tests.support.bundles import (
    UNKNOWN_ITEM,
    UNKNOWN_TEXT,
    reseal,
    tiny_classes,
    tiny_columns,
    tiny_front_end,
    tiny_item,
    write_tiny,
)

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("k", [2, 3, 151])
def test_a_class_is_called_by_its_name(tmp_path: Path, k: int):
    """A tiny bundle of any number of classes calls each class by its own name and by nothing else."""
    write_tiny(tmp_path / "bundle", k=k)
    model = load_model(tmp_path / "bundle")
    classes = tiny_classes(k)
    assert model.classes == classes
    decisions = model.decide([f"Please help: {name.upper()}!" for name in classes])
    assert decisions.label.tolist() == list(range(k))
    assert decisions.decision.tolist() == [DECISIONS.index("accepted")] * k
    assert model.decide([UNKNOWN_TEXT, ""]).label.tolist() == [-1, -1]


def test_two_names_are_ambiguous(tiny_model: Model):
    """A text that names two classes is called one of them, and marked."""
    assert tiny_model.decide(["billing, login"]).decision.tolist() == [DECISIONS.index("ambiguous")]


def test_no_texts_are_no_decisions(tiny_model: Model):
    """An empty list gives empty arrays of the right shape."""
    decisions = tiny_model.decide([])
    assert len(decisions) == 0
    assert decisions.probabilities.shape == (0, 3)
    np.testing.assert_array_equal(decisions.counts(3), np.zeros((3, len(DECISIONS))))


@given(texts=st.lists(st.text(max_size=50) | st.sampled_from(["billing", "login delivery"]), max_size=12))
@settings(max_examples=40, deadline=None)
def test_a_decision_does_not_depend_on_batch_mates(tiny_model: Model, texts: list[str]):
    """Together or alone, a text gets the same decision and, to 1e-5, the same probabilities."""
    together = tiny_model.decide(texts)
    for row, text in enumerate(texts):
        alone = tiny_model.decide([text])
        assert alone.label[0] == together.label[row]
        assert alone.decision[0] == together.decision[row]
        np.testing.assert_allclose(alone.probabilities[0], together.probabilities[row], atol=1e-5)


def test_the_time_of_one_item_is_the_median_of_a_few(tiny_bundle_path: Path):
    """A pause of the machine during warm-up does not make a fast model slow."""
    durations = [0.5, 0.002, 0.002, 9.0, 0.001, 0.002, 0.003, 0.002, 0.001]
    ticks = itertools.accumulate(itertools.chain.from_iterable((0.0, d) for d in durations))
    model = load_model(tiny_bundle_path, timer=lambda: next(ticks))
    assert model.single_item_seconds == pytest.approx(0.002)


def test_a_front_end_of_another_vocabulary_is_refused(tmp_path: Path):
    """A bundle whose graph was fitted on other n-grams is refused, though its digests are right."""
    front_end = tiny_front_end(tiny_classes(5))
    write_tiny(tmp_path / "bundle", change=lambda parts: parts.update(front_end=front_end))
    with pytest.raises(BundleInvalid, match=r"model.onnx: fails on a first item .*6 rows of weights"):
        load_model(tmp_path / "bundle")


def test_a_graph_of_other_classes_is_refused(tmp_path: Path):
    """A graph that answers four classes does not serve a bundle of three."""
    write_tiny(tmp_path / "bundle", onnx=bundles.tiny_graph(4))
    with pytest.raises(BundleInvalid, match=r"model.onnx: output 'logits' .* expected \(rows, 3\)"):
        load_model(tmp_path / "bundle")


@pytest.mark.parametrize("name", ["model.onnx", "front_end.npz"])
def test_garbage_with_the_right_digest_is_refused_by_name(tmp_path: Path, name: str):
    """Graph and front end are tried, not only hashed."""
    write_tiny(tmp_path / "bundle")
    (tmp_path / "bundle" / name).write_bytes(b"garbage")
    reseal(tmp_path / "bundle")
    with pytest.raises(BundleInvalid, match=name):
        load_model(tmp_path / "bundle")


def test_a_graph_of_vectors_is_verified_where_a_model_is_published_and_not_where_it_answers(tmp_path: Path):
    """What is no graph at all is refused by name; a worker, which never loads it, answers as ever."""
    graph = bundles.tiny_embedding()
    write_tiny(tmp_path / "whole", change=lambda parts: parts.update(embedding=graph))
    vectors = open_embedder(load_model(tmp_path / "whole").bundle).vectors(["billing", "login please"])
    np.testing.assert_array_equal(vectors.argmax(axis=1), [0, 2])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    broken = replace(graph, onnx=b"no graph")
    write_tiny(tmp_path / "broken", change=lambda parts: parts.update(embedding=broken))
    with pytest.raises(BundleInvalid, match=r"embedding\.onnx: cannot be loaded by ONNX Runtime"):
        load_model(tmp_path / "broken")
    assert load_model(tmp_path / "broken", embedding=False).decide(["billing"]).label.tolist() == [0]


def test_a_bundle_without_an_embedding_has_no_vectors(tiny_model: Model):
    """The error says how to declare one."""
    with pytest.raises(BundleInvalid, match="declares no embedding; import it with --embedding OUTPUT"):
        open_embedder(tiny_model.bundle)


def test_a_bundle_of_columns_decides_items_of_columns(tmp_path: Path):
    """An item is a mapping from column to value; its class is found, and gaps are allowed where declared."""
    write_tiny(tmp_path / "bundle", kind="features")
    model = load_model(tmp_path / "bundle")
    assert model.input_kind == "features"
    assert [column.name for column in model.columns] == ["topic", "amount", "urgent"]
    decisions = model.decide([*(tiny_item(name) for name in model.classes), UNKNOWN_ITEM])
    assert decisions.label.tolist() == [0, 1, 2, -1]
    with pytest.raises(FeatureInvalid, match=r"^item 1, column 'urgent': missing"):
        model.decide([tiny_item("login"), {"topic": "login"}])


def test_a_bundle_of_labels_flags_each_on_its_own(tmp_path: Path):
    """A text with two names has both labels, one without has none."""
    write_tiny(tmp_path / "bundle", kind="multilabel")
    model = load_model(tmp_path / "bundle")
    assert model.input_kind == "text"
    assert model.columns == ()
    flags = model.decide(["billing and login", "delivery", UNKNOWN_TEXT]).flags
    assert flags.tolist() == [[True, False, True], [False, True, False], [False, False, False]]


def test_a_bundle_may_have_a_single_label(tmp_path: Path):
    """One label that holds or not is a multilabel model of one class."""
    write_tiny(tmp_path / "bundle", kind="multilabel", k=1)
    decisions = load_model(tmp_path / "bundle").decide(["billing", UNKNOWN_TEXT])
    assert decisions.flags.tolist() == [[True], [False]]
    assert decisions.probabilities.shape == (2, 1)


def _other_columns(parts: dict[str, Any]) -> None:
    columns = tiny_columns()
    parts["front_end"] = ColumnInputs(
        columns.columns, (columns.inputs[0], replace(columns.inputs[1], input="figures"))
    )


def _no_gaps(parts: dict[str, Any]) -> None:
    parts["onnx"] = parts["onnx"].replace(b"IsNaN", b"IsInf")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_other_columns, "input 'figures' is not in the graph; the graph takes 'topic', 'numbers'"),
        (_no_gaps, "fails on a first item .*without 'amount', which may be missing"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_a_graph_of_other_columns_is_refused_by_name(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], named: str
):
    """A bundle whose graph takes other inputs, or no gaps where they are declared, is not loaded."""
    write_tiny(tmp_path / "bundle", kind="features", change=change)
    with pytest.raises(BundleInvalid, match=f"model.onnx: {named}"):
        load_model(tmp_path / "bundle")


class _Parts(NamedTuple):
    """What a random bundle of four classes is made of, a column or an entry a class."""

    weights: np.ndarray
    bias: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    thresholds: np.ndarray
    rarity: np.ndarray


def _random_model(directory: Path, parts: _Parts, order: list[int], kind: str) -> Model:
    """Write the bundle with its classes in `order`, load it, and delete it."""
    classes = tuple(tiny_classes(4)[k] for k in order)
    places = np.argsort(order)

    def change(bundle: dict[str, Any]) -> None:
        link = bundle["calibration"].link
        calibration = Calibration("platt", parts.scale[order], parts.shift[order], link, {})
        thresholds = tuple(
            replace(t, class_name=name, threshold=float(parts.thresholds[k]))
            for t, name, k in zip(bundle["policy"].thresholds, classes, order, strict=True)
        )
        bundle["classes"], bundle["calibration"] = classes, calibration
        bundle["policy"] = replace(
            bundle["policy"],
            classes=classes,
            thresholds=thresholds,
            calibration_sha256=calibration_digest(calibration),
            rarity=tuple(int(places[k]) for k in parts.rarity),
        )
        bundle["reference"] = replace(
            bundle["reference"], categories=(*classes, bundle["reference"].categories[-1])
        )
        bundle["front_end"] = tiny_front_end(tiny_classes(4))
        bundle["onnx"] = linear_onnx(parts.weights[:, order], parts.bias[order])

    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        write_tiny(Path(scratch) / "bundle", k=4, kind=kind, change=change)
        return load_model(Path(scratch) / "bundle")


@pytest.mark.parametrize("kind", ["text", "multilabel"])
@given(seed=st.integers(0, 2**32 - 1), order=st.permutations(range(4)))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_decisions_do_not_depend_on_the_order_of_classes(
    tmp_path: Path, kind: str, seed: int, order: list[int]
):
    """Whatever order the classes have in graph, calibration and policy, the named answer is the same."""
    rng = np.random.default_rng(seed)
    parts = _Parts(
        weights=rng.normal(scale=3, size=(5, 4)).astype(np.float32),
        bias=rng.normal(size=4).astype(np.float32),
        scale=rng.uniform(0.5, 1.5, 4),
        shift=rng.normal(size=4),
        thresholds=rng.uniform(0.1, 0.6, 4).astype(np.float32),
        rarity=rng.permutation(4),
    )
    words = [*tiny_classes(4), "please help", "unknown"]
    texts = [" ".join(rng.choice(words, rng.integers(0, 5))) for _ in range(40)]
    plain = _random_model(tmp_path, parts, [0, 1, 2, 3], kind)
    moved = _random_model(tmp_path, parts, order, kind)
    before, after = plain.decide(texts), moved.decide(texts)
    np.testing.assert_allclose(after.probabilities, before.probabilities[:, order], atol=1e-6)
    np.testing.assert_array_equal(after.flags, before.flags[:, order])
    np.testing.assert_array_equal(after.decision, before.decision)
    assert [moved.classes[k] if k >= 0 else None for k in after.label] == [
        plain.classes[k] if k >= 0 else None for k in before.label
    ]
    assert [moved.classes[k] for k in after.top] == [plain.classes[k] for k in before.top]


def _run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    return done.stdout.strip()


def test_importing_the_package_needs_no_training_package():
    """A serving image has neither scikit-learn nor onnx, and no web framework is pulled in below."""
    heavy = (
        "sklearn",
        "onnx",
        "skl2onnx",
        "pandas",
        "bentoml",
        "msgspec",
        "starlette",
        "sqlalchemy",
        "typer",
    )
    code = f"import sys, model_store; print([m for m in {heavy!r} if m in sys.modules])"
    assert _run(code) == "[]"


def test_a_bundle_is_served_without_the_training_packages(tiny_bundle_path: Path):
    """Promoting and deciding work where `onnx` and scikit-learn cannot be imported."""
    code = f"""
import sys
from pathlib import Path
sys.modules.update(dict.fromkeys(["onnx", "sklearn", "skl2onnx"]))
from model_store import ModelStore, load_model
path = Path({str(tiny_bundle_path)!r})
store = ModelStore(path.parents[1])
store.promote("tiny", "1", who="tests", why="again", at=1.0)
print(load_model(path).decide(["login"]).label.tolist())
"""
    assert _run(code) == "[2]"
