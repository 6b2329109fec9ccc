"""Tests of `monitoring.waves.facts`."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from model_store.bundles.bundle import Bundle, Seen, read_bundle
from model_store.data.contents import content_of
from monitoring.waves.facts import facts_of
from monitoring.waves.views import TEXTS
from tests.support.bundles import tiny_columns, tiny_item, write_tiny


def test_a_bundle_says_what_a_wave_needs(tiny_bundle: Bundle) -> None:
    """Classes, thresholds in their order, digests and the signatures of the training items."""
    facts = facts_of(tiny_bundle)
    assert facts.classes == tiny_bundle.policy.classes
    assert len(facts.thresholds) == len(facts.classes)
    assert set(facts.digests) == {"calibration", "policy"}
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
