"""Tests of `monitoring.waves.facts`."""

from dataclasses import replace

from model_store.bundles.bundle import Bundle
from monitoring.waves.facts import facts_of


def test_a_bundle_says_what_a_wave_needs(tiny_bundle: Bundle) -> None:
    """Classes, thresholds in their order, digests and the signatures of the training items."""
    facts = facts_of(tiny_bundle)
    assert facts.classes == tiny_bundle.policy.classes
    assert len(facts.thresholds) == len(facts.classes)
    assert set(facts.digests) == {"calibration", "policy"}
    assert facts.seen.shape[1] == 64
    assert facts_of(replace(tiny_bundle)).scoring == facts.scoring != ""
