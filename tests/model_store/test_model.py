"""Tests of `model_store.model`, and of what importing the package costs."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.errors import BundleInvalid
from model_store.model import Model, load_model
from model_store.policy import DECISIONS
from tests.support import bundles
from tests.support.bundles import UNKNOWN_TEXT, reseal, tiny_classes, tiny_front_end, write_tiny

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
