"""Tests of `monitoring.waves.facts`."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from model_store.bundles.bundle import Bundle, Seen, read_bundle
from model_store.data.contents import content_of
from model_store.errors import BundleInvalid
from monitoring.waves.facts import facts_of
from monitoring.waves.views import TEXTS
from tests.support.bundles import tiny_columns, tiny_embedding, tiny_item, write_tiny


def test_a_bundle_says_what_a_wave_needs(tiny_bundle: Bundle) -> None:
    """Classes, thresholds in their order, digests and the signatures of the training items."""
    facts = facts_of(tiny_bundle)
    assert facts.classes == tiny_bundle.policy.classes
    assert len(facts.thresholds) == len(facts.classes)
    assert set(facts.digests) == {"model", "calibration", "policy"}
    assert facts.seen.shape[1] == 64
    assert facts_of(replace(tiny_bundle)).scoring == facts.scoring != ""


def test_contents_are_read_as_the_bundle_marked_them(tiny_bundle: Bundle, tmp_path: Path) -> None:
    """Words of texts, values of rows; and of rows not at all, where a bundle keeps no marks of them."""
    assert facts_of(tiny_bundle).view is TEXTS
    rows = [tiny_item("login", amount=float(n), urgent=n % 3 == 0) for n in range(60)]
    seen = Seen.of(np.zeros((0, 64), np.uint32), rows, columns=tiny_columns().columns)
    write_tiny(tmp_path / "with", kind="features", change=lambda parts: parts.update(seen=seen))
    facts = facts_of(read_bundle(tmp_path / "with"))
    assert facts.view is not None
    np.testing.assert_array_equal(facts.view.marks([content_of(row) for row in rows]), facts.marks)
    write_tiny(tmp_path / "without", kind="features")
    without = facts_of(read_bundle(tmp_path / "without"))
    assert without.view is None
    assert without.marks is None


@pytest.mark.parametrize("kind", ["text", "features"])
def test_vectors_are_those_of_the_bundles_own_graph(
    kind: Literal["text", "features"], tmp_path: Path
) -> None:
    """Of contents as the store keeps them, also of rows with gaps; a bundle that is gone fails."""
    rows = [tiny_item(name, amount=3.0) for name in ("billing", "delivery", "login")]
    seen = Seen.of(np.zeros((0, 64), np.uint32), rows, columns=tiny_columns().columns)
    change = {"embedding": tiny_embedding(kind)} | ({"seen": seen} if kind == "features" else {})
    write_tiny(tmp_path / "bundle", kind=kind, change=lambda parts: parts.update(change))
    view = facts_of(read_bundle(tmp_path / "bundle")).view
    assert view is not None
    assert view.open_embedding is not None
    items = ["login", "billing"] if kind == "text" else [tiny_item("login"), tiny_item("billing")]
    contents = [content_of(item) for item in items]
    assert view.open_embedding()(contents).argmax(axis=1).tolist() == [2, 0]
    (tmp_path / "bundle" / "embedding.onnx").unlink()
    with pytest.raises(BundleInvalid):
        view.open_embedding()


def test_two_versions_that_differ_in_their_vectors_score_alike(tmp_path: Path) -> None:
    """What an embedding says decides no answer."""
    graph = tiny_embedding()
    write_tiny(tmp_path / "with", change=lambda parts: parts.update(embedding=graph))
    write_tiny(tmp_path / "without")
    one, other = (facts_of(read_bundle(tmp_path / name)) for name in ("with", "without"))
    assert one.scoring == other.scoring
    assert other.view is TEXTS
